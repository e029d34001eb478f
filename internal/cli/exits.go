package cli

// Exit statuses, memcached's where it has one. docs/operations.md and -h show them in a table,
// exitStatuses.
const (
	exitOK     = 0
	exitFailed = 1 // healthcheck: the node does not serve, or is not linked (--peer); status: something is wrong; verify: the nodes differ; restore: some items are too large, or the node did not take them; bench: a server failed, or gave a wrong reply
	exitUnable = 2 // status: no node could be asked; top: the terminal cannot be used; verify: the nodes could not be compared; dump, restore: the node or the file failed
	exitLeft   = 3 // stopped, but no live peer has all its items
	exitShut   = 4 // stopped while its peer refused to link, or was refused: it never served

	exitStarting = 10 // healthcheck --ready: the node's state
	exitJoining  = 11
	exitCopying  = 12
	exitDraining = 13
	exitRefused  = 14
	exitLoading  = 15

	exitUsage   = 64 // EX_USAGE: the command line is wrong
	exitNoUser  = 67 // EX_NOUSER: -u names nobody
	exitOSError = 71 // EX_OSERR: a port, a file or a limit is in the way
)

// exitStatus is a row of the table.
type exitStatus struct {
	code int
	when string
}

// exitStatuses is every status there is, in order, and what it means. A test holds
// the table of docs/operations.md to it.
var exitStatuses = []exitStatus{
	{exitOK, "it did what was asked; a node stopped, and nothing was lost"},
	{exitFailed, "healthcheck: the node does not serve, or is not linked (--peer); status: something is wrong; verify: the nodes differ; restore: some items are too large, or the node did not take them; bench: a server failed, or gave a wrong reply"},
	{exitUnable, "status: no node could be asked; top: the terminal cannot be used; verify: the nodes could not be compared; dump, restore: the node or the file failed"},
	{exitLeft, "a node stopped, and some items are on no other node; the log says how many"},
	{exitShut, "a node stopped that never served, as its peer is there and one of the two refuses to link; the log says why"},
	{exitStarting, "healthcheck --ready: the node is starting"},
	{exitJoining, "healthcheck --ready: the node is joining, it looks for its peer"},
	{exitCopying, "healthcheck --ready: the node is copying, it takes a full copy"},
	{exitDraining, "healthcheck --ready: the node is draining, it hands over and stops"},
	{exitRefused, "healthcheck --ready: the node is refused, its peer does not let it in"},
	{exitLoading, "healthcheck --ready: the node is loading its image (--warm)"},
	{exitUsage, "the command line, a variable or the file of --config is wrong; nothing was started"},
	{exitNoUser, "-u names a user who is not there"},
	{exitOSError, "a port, a file or a limit is in the way; the message names the flag"},
}

// exitError carries the exit status for an error.
type exitError struct {
	code int
	err  error
}

func (e *exitError) Error() string { return e.err.Error() }
func (e *exitError) Unwrap() error { return e.err }

func exitWith(code int, err error) error { return &exitError{code, err} }
