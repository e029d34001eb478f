package serve

import "time"

// memcached's own defaults, so that a command line moves over unchanged.
const (
	defaultThreads  = 4
	defaultMaxConns = 1024
	defaultBacklog  = 1024
	defaultRounds   = 20 // -R

	// defaultHandshake is time for a client far away, and not for one that only holds a place.
	defaultHandshake = 10 * time.Second
)

const (
	// readBytes is the read buffer of a loop. Large enough that a deep pipeline is one read, small enough to stay in the
	// second-level cache.
	readBytes = 64 << 10

	// keepOutBytes is the largest reply buffer a loop keeps; a larger one goes back to the heap after use. Larger values are
	// not in it, but statistics may be.
	keepOutBytes = 256 << 10

	// maxLineBytes ends a conn whose handler consumes nothing and names no length: no request line is that long. The handler
	// has its own, smaller limit; this one keeps an error there from costing all memory.
	maxLineBytes = 4 << 20

	// lingerTime is how long a conn stays half closed after FIN, so that bytes of the client that cross it are not answered
	// with RST, which would cost the client replies it has not read yet.
	lingerTime = 200 * time.Millisecond

	// hangUpBytes is how much of what a client has sent is thrown away before its conn is closed. It bounds a client that
	// never stops sending.
	hangUpBytes = 1 << 20

	// acceptPause is the wait before accepting is tried again when the system is out of file descriptors.
	acceptPause = 50 * time.Millisecond

	// portableDrainRead is how long a conn with its own goroutine keeps reading once a drain began, and then for as long
	// again while something is left of what had arrived by then. It bounds a client that never stops sending.
	portableDrainRead = 50 * time.Millisecond

	// ReservedFiles are the descriptors left for everything that is nobody's connection: listeners, loops, peer link, files.
	// See RaiseFileLimit.
	ReservedFiles = 128
)

// tooManyConns is memcached's answer at -c.
const tooManyConns = "ERROR Too many open connections\r\n"
