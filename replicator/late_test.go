package replicator

import (
	"bytes"
	"context"
	"io"
	"net"
	"sync"
	"testing"
)

// TestScenario07_OnRealSockets: the same with bytes that the network holds back
// until the new session has forgotten the delete.
func TestScenario07_OnRealSockets(t *testing.T) {
	for _, ids := range [][2]byte{{1, 2}, {2, 1}} { // whoever elects
		la := listen(t)
		a := startNode(t, ids[0], la, "", nil)
		net := &heldNet{}
		b := startNode(t, ids[1], nil, la.Addr().String(), func(c *Config) { c.Dial = net.dial })
		waitLinked(t, a, b)
		release := net.hold()
		before := b.l.Stats().Sessions
		b.set("k", "late")
		eventually(t, "the set is under way", func() bool { return net.holds("late") }) // and not a PING
		b.kill()                                                                        // b sees the end, a does not: its end of the connection is still open
		eventually(t, "a new session", func() bool { return b.l.Stats().Sessions > before && b.linked() && a.linked() })
		eventually(t, "the set arrived on the new one", func() bool { return a.get("k") == "late" })
		b.del("k")
		eventually(t, "the delete is acknowledged", func() bool { return b.st.Unacked() == 0 && b.st.Stats().Tombstones == 0 })
		if n := release(); n == 0 {
			t.Fatal("nothing was held back: the test shows nothing")
		}
		b.set("after", "x")
		eventually(t, "the link lives", func() bool { return a.get("after") == "x" })
		if v := a.get("k"); v != "" {
			t.Fatalf("what was deleted is back: %q", v)
		}
		b.stop()
		a.stop()
	}
}

// heldNet connects through a pipe whose bytes towards the node called may be held
// back, and whose other end outlives the caller's.
type heldNet struct {
	mu   sync.Mutex
	held []byte
	last *heldConn
}

type heldConn struct {
	net.Conn // to the node that was called
	n        *heldNet
	mine     net.Conn
	holding  bool // guarded by n.mu
}

func (h *heldNet) dial(ctx context.Context, address string) (net.Conn, error) {
	var d net.Dialer
	out, err := d.DialContext(ctx, "tcp", address)
	if err != nil {
		return nil, err
	}
	near, mine := net.Pipe()
	c := &heldConn{Conn: out, n: h, mine: mine}
	h.mu.Lock()
	h.last = c
	h.mu.Unlock()
	go c.forward()
	go func() {
		_, _ = io.Copy(mine, out)
		_ = mine.Close()
	}()
	return near, nil
}

func (c *heldConn) forward() {
	buf := make([]byte, 64<<10)
	for {
		n, err := c.mine.Read(buf)
		c.n.mu.Lock()
		holding := c.holding
		if holding {
			c.n.held = append(c.n.held, buf[:n]...)
		}
		c.n.mu.Unlock()
		if holding {
			if err != nil {
				return // out stays open until it is released
			}
			continue
		}
		if _, werr := c.Write(buf[:n]); err != nil || werr != nil {
			_ = c.Close()
			return
		}
	}
}

// hold keeps back what the present connection carries; release lets it go, and
// returns how many bytes that was.
func (h *heldNet) hold() (release func() int) {
	h.mu.Lock()
	defer h.mu.Unlock()
	c := h.last
	c.holding = true
	return func() int {
		h.mu.Lock()
		defer h.mu.Unlock()
		_, _ = c.Write(h.held) // the other end may have hung up long ago: that is what is wanted
		_ = c.Close()
		return len(h.held)
	}
}

func (h *heldNet) holds(text string) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	return bytes.Contains(h.held, []byte(text))
}
