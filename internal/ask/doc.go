// Package ask asks a node, as a client of it, what it and its peer say of themselves: in
// the text protocol, on a unix socket, over TLS, with a login. Where a node of this
// machine serves no client, it is asked on the socket for health checks.
//
// What a node says is data: it is bounded, and no control character of it gets out of
// this package.
package ask
