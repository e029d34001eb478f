package serve

import (
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"twincached/internal/testkit"
)

// TestPause_OneConnWaitsAndTheOthersDoNot: its later requests stay where they are, and are answered in order.
func TestPause_OneConnWaitsAndTheOthersDoNot(t *testing.T) {
	var now atomic.Int64
	now.Store(1_700_000_000_000)
	engines(t, func(c *Config) { c.Now, c.Threads = now.Load, 1 }, func(t *testing.T, w *world) {
		waiting, other := w.dial(), w.dial()
		waiting.send("echo first\r\nwait 200\r\necho second\r\n")
		waiting.want("first")
		for range 100 {
			other.send("echo x\r\n")
			other.want("x")
		}
		waiting.send(strings.Repeat("echo third\r\n", 3))
		gone := w.dial()
		gone.send("wait 200\r\n")
		gone.Close()
		other.send("count\r\n") // no pause may be over yet: nobody has moved the clock
		other.want("1")
		now.Add(200)
		waiting.want("waited", "second", "third", "third", "third")
		testkit.Eventually(t, "the conn that went is gone", func() bool {
			now.Add(200) // its pause may have begun only just now
			return w.s.Stats().CurrConns == 2
		})
	})
}

// TestPause_ADrainDoesNotWait: a client that has to wait is owed nothing.
func TestPause_ADrainDoesNotWait(t *testing.T) {
	engines(t, func(c *Config) { c.Now = func() int64 { return time.Now().UnixMilli() } }, func(t *testing.T, w *world) {
		c := w.dial()
		c.send("echo first\r\nwait 3600000\r\necho second\r\n")
		c.want("first")
		began := time.Now()
		if cut := w.s.Drain(patience); cut != 0 {
			t.Errorf("%d conns were cut off", cut)
		}
		if took := time.Since(began); took >= patience {
			t.Errorf("it took %v", took)
		}
		c.wantEnd()
	})
}
