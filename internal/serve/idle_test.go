package serve

import (
	"io"
	"sync/atomic"
	"testing"
	"time"

	"twincached/internal/testkit"
)

// idleWorld is engines with a timeout of 10 s and a clock that the test moves. The checks by ticker come on top of the test's
// own: they may see an earlier time, never a later one.
func idleWorld(t *testing.T, change func(*Config), f func(t *testing.T, w *world, pass func(seconds int64))) {
	var clock atomic.Int64
	engines(t, func(c *Config) {
		clock.Store(1_700_000_000_000)
		c.Now = clock.Load
		c.IdleTimeout = 10 * time.Second
		if change != nil {
			change(c)
		}
	}, func(t *testing.T, w *world) {
		f(t, w, func(seconds int64) {
			clock.Add(seconds * 1000)
			w.s.eng.kickIdle()
		})
	})
}

func TestIdle_ConnsWithoutARequestAreClosed(t *testing.T) {
	idleWorld(t, nil, func(t *testing.T, w *world, pass func(int64)) {
		idle, half, value, busy := w.dial(), w.dial(), w.dial(), w.dial()
		for _, c := range []*client{idle, half, value, busy} {
			c.send("get\r\n")
			c.want("END")
		}
		half.send("ge")
		value.send("set 5\r\n01")
		testkit.Eventually(t, "a value is awaited", func() bool {
			n := 0
			for _, info := range w.s.Conns() {
				if info.State == "conn_nread" {
					n++
				}
			}
			return n == 1
		})
		pass(10) // not longer than the timeout
		for range 20 {
			busy.send("get\r\n")
			busy.want("END")
		}
		half.send("t") // input is no request
		testkit.Eventually(t, "the input was read", func() bool { return w.s.Stats().BytesRead == 4*5+2+9+20*5+1 })
		if st := w.s.Stats(); st.IdleKicks != 0 || st.CurrConns != 4 {
			t.Fatalf("%+v", st)
		}
		pass(1)
		idle.wantEnd()
		half.wantEnd()
		testkit.Eventually(t, "two are closed", func() bool { return w.s.Stats().CurrConns == 2 })
		value.send("234\r\n")
		value.want("STORED 5 " + hexSum("01234"))
		busy.send("get\r\n")
		busy.want("END")
		if st := w.s.Stats(); st.IdleKicks != 2 {
			t.Errorf("%+v", st)
		}
		pass(11) // the value has come: its conn is as idle as the other
		value.wantEnd()
		busy.wantEnd()
	})
}

func TestIdle_ClientThatDoesNotReadIsNotIdle(t *testing.T) {
	idleWorld(t, nil, func(t *testing.T, w *world, pass func(int64)) {
		const size = 20 << 20 // beyond the sockets' buffers
		deaf, other := w.dial(), w.dial()
		deaf.send("big 20971520\r\n")
		other.send("get\r\n")
		other.want("END")
		testkit.Eventually(t, "the reply is stuck", func() bool {
			for _, info := range w.s.Conns() {
				if info.State == "conn_mwrite" {
					return true
				}
			}
			return false
		})
		pass(100)
		other.wantEnd()
		if n, err := io.CopyN(io.Discard, deaf.r, size); err != nil {
			t.Fatal(n, err)
		}
	})
}

func TestIdle_TheServerLooksByItself(t *testing.T) {
	var clock atomic.Int64
	clock.Store(1_700_000_000_000)
	engines(t, func(c *Config) { c.Now, c.IdleTimeout = clock.Load, time.Second }, func(t *testing.T, w *world) {
		c := w.dial()
		c.send("get\r\n")
		c.want("END")
		clock.Add(3000)
		c.wantEnd()
		if st := w.s.Stats(); st.IdleKicks != 1 {
			t.Errorf("%+v", st)
		}
	})
}

func TestIdle_NotWithoutATimeoutNorOnAUnixSocket(t *testing.T) {
	path := socketPath(t)
	for _, change := range []func(*Config){
		func(c *Config) { c.IdleTimeout = 0 },
		func(c *Config) { c.UnixSocket, c.UnixMode = path, defaultSocketMode },
	} {
		idleWorld(t, change, func(t *testing.T, w *world, pass func(int64)) {
			if w.s.isIdle(0, 1_700_000_000_000) {
				t.Error("a conn may be kicked")
			}
			c := w.dial()
			for range 3 {
				c.send("get\r\n")
				c.want("END")
				pass(100)
			}
			if st := w.s.Stats(); st.IdleKicks != 0 {
				t.Errorf("%+v", st)
			}
		})
	}
}
