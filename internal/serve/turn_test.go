package serve

import (
	"sync/atomic"
	"testing"

	"twincached/memproto"
)

// busybody answers END to a line, but has work to do behind "work" until it is told to stop, of which nothing comes out.
type busybody struct {
	ender
	working bool
	stop    *atomic.Bool
}

func (b *busybody) Process(nowMillis int64, in, out []byte) memproto.Result {
	if b.working = (b.working || in[0] == 'w') && !b.stop.Load(); b.working {
		return memproto.Result{Out: out, More: true, Later: true}
	}
	return b.ender.Process(nowMillis, in, out)
}

// TestTurn_WhoHasWorkForEverStopsNobody: a conn whose handler asks for another turn, with or without a reply, gets it behind the others.
func TestTurn_WhoHasWorkForEverStopsNobody(t *testing.T) {
	var stop atomic.Bool
	change := func(c *Config) {
		stop.Store(false)
		c.Threads = 1
		c.NewConn = func(*memproto.Scratch) Handler { return &busybody{stop: &stop} }
	}
	engines(t, change, func(t *testing.T, w *world) {
		defer stop.Store(true)
		worker, other := w.dial(), w.dial()
		worker.send("work\r\n")
		for range 100 {
			other.send("get\r\n")
			other.want("END")
		}
		stop.Store(true)
		worker.want("END")
	})
}
