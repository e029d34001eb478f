package node

import (
	"math"
	"runtime/debug"
)

// What the process takes on top of MemoryMiB has a bound as well: see docs/operations.md.
const (
	minBufferBytes = 8 << 20   // room for hundreds of clients that do not read
	maxBufferBytes = 256 << 20 // more of them than anybody has
	bufferPart     = 16        // of MemoryMiB

	runtimeBytes   = 16 << 20 // of Go's own: its heap while nobody holds anything, stacks, the link's buffers
	connBytes      = 4 << 10  // of one client's connection that is idle
	tlsConnBytes   = 48 << 10 // and of one over TLS
	watchers       = 20
	defaultWatcher = 256 // KiB
)

// BufferBytes is what unread replies and unfinished requests of all clients may take, on
// top of MemoryMiB.
func (c *Config) BufferBytes() int {
	return min(max(minBufferBytes, c.MemoryMiB<<20/bufferPart), maxBufferBytes)
}

// RuntimeBytes is the memory that Go's runtime is to stay under: what is outside of
// MemoryMiB, but for the program itself.
func (c *Config) RuntimeBytes() int64 {
	conn := int64(connBytes)
	if c.TLS.Enabled {
		conn = tlsConnBytes
	}
	watcher := c.WatcherKiB
	if watcher == 0 {
		watcher = defaultWatcher
	}
	return runtimeBytes + int64(c.BufferBytes()) + conn*int64(c.MaxConns) + watchers*int64(watcher)<<10
}

// LimitRuntime sets RuntimeBytes for the process, unless GOMEMLIMIT has set another limit:
// the nearer the heap comes to it, the more often garbage is collected.
func (c *Config) LimitRuntime() {
	if debug.SetMemoryLimit(-1) == math.MaxInt64 {
		debug.SetMemoryLimit(c.RuntimeBytes())
	}
}

// shortFor is for how long after a client was refused memory the others are looked at.
const shortForMillis = 5000

// short tells whether memory for values was refused of late.
func (n *Node) short(nowMillis int64) bool {
	at := n.store.ShortMillis()
	return at != 0 && nowMillis-at < shortForMillis
}
