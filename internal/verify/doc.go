// Package verify compares two nodes while they serve: every key, its value, flags,
// version and expiry. It speaks to their client ports, holds a bounded number of keys
// and no value, and leaves no trace in what it reads: no hit, no access, no reader
// that wins.
package verify
