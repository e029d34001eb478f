// Package health is how a node and a health check in the same container find each
// other, and how the check asks a client port whether it is served.
//
// A node tells who it is on a unix socket with a name of Linux's abstract kind. That
// needs no directory to write in (an image from scratch has none, and its root may be
// read-only), ends with the process, and leaves no file that another user could put a
// link in place of. The name holds the PID namespace, as two containers may share a
// network, and the process. A check believes a socket of its own user, of root, or of
// process 1, and a node answers its own user and root.
package health
