// Package inspect is a connection to a node, as a client of it, for commands that look at
// all it holds: TLS where the node wants it, a login where it asks for one, its list of
// keys, and what it says of each key without leaving a trace.
package inspect
