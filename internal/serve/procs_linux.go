package serve

import (
	"runtime"
	"sync"
)

var processors sync.Mutex // of runtime.GOMAXPROCS

// moreProcessors lets n goroutines more run at the same time. An event loop keeps one of Go's processors for itself, also while
// it waits in the kernel for a moment. So each loop brings one: all other goroutines, the peer link's among them, run on as many
// as without any loop. One that a loop itself makes ready stands in the queue of the loop's own processor. An idle one takes it
// from there at once. Where none is idle it waits: until one is, until the loop parks, or until the runtime ends the loop's turn.
func moreProcessors(n int) {
	processors.Lock()
	defer processors.Unlock()
	runtime.GOMAXPROCS(runtime.GOMAXPROCS(0) + n)
}
