// Package glob has the patterns of --local-keys: one meaning, for the node that
// checks them, the store that holds the keys and the command that compares nodes.
//
// In a pattern, * stands for any bytes (none too), ? for one byte, [abx-z] for one of
// these bytes, [^abx-z] for one that is none of these, \c for the byte c itself.
// Any other byte stands for itself. That is path.Match for ASCII, but for the
// slash, which is a byte like any other here. Brackets hold ASCII only: a letter of
// several bytes would be several choices.
package glob
