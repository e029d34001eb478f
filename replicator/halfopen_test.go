package replicator

import (
	"io"
	"net"
	"sync"
	"testing"
)

// relay passes bytes between a dialler and a target, until it is told to lose
// one side.
type relay struct {
	ln     net.Listener
	target string
	wg     sync.WaitGroup
	mu     sync.Mutex
	pairs  [][2]net.Conn // dialler's side, target's side
}

func startRelay(t testing.TB, target string) *relay {
	r := &relay{ln: listen(t), target: target}
	r.wg.Go(func() {
		for {
			in, err := r.ln.Accept()
			if err != nil {
				return
			}
			out, err := net.Dial("tcp", target)
			if err != nil {
				_ = in.Close()
				continue
			}
			r.mu.Lock()
			r.pairs = append(r.pairs, [2]net.Conn{in, out})
			r.mu.Unlock()
			r.wg.Go(func() { _, _ = io.Copy(out, in) })
			r.wg.Go(func() { _, _ = io.Copy(in, out) })
		}
	})
	t.Cleanup(r.stop)
	return r
}

func (r *relay) stop() {
	_ = r.ln.Close()
	r.mu.Lock()
	for _, p := range r.pairs {
		_ = p[0].Close()
		_ = p[1].Close()
	}
	r.mu.Unlock()
	r.wg.Wait()
}

// halfOpen closes the dialler's side only: the target sees silence.
func (r *relay) halfOpen() {
	r.mu.Lock()
	defer r.mu.Unlock()
	_ = r.pairs[len(r.pairs)-1][0].Close()
}

// TestLink_HalfOpenConnectionIsReplaced: the peer lost the connection, this node
// has not noticed; the peer's new one must win, whichever node elects.
func TestLink_HalfOpenConnectionIsReplaced(t *testing.T) {
	for _, ids := range [][2]byte{{1, 2}, {2, 1}} {
		la := listen(t)
		a := startNode(t, ids[0], la, "", nil)
		r := startRelay(t, la.Addr().String())
		b := startNode(t, ids[1], nil, r.ln.Addr().String(), nil)
		waitLinked(t, a, b)
		for round := range 5 {
			before := b.l.Stats().Sessions
			r.halfOpen()
			eventually(t, "a new session", func() bool { return b.l.Stats().Sessions > before && b.linked() && a.linked() })
			key := string(rune('a' + round))
			a.set(key, "v")
			eventually(t, "data on b", func() bool { return b.get(key) == "v" })
		}
		if n := a.refused("DUPLICATE"); n != 0 {
			t.Errorf("ids %v: the true connection was called a duplicate %d times", ids, n)
		}
		b.stop()
		a.stop()
		r.stop()
	}
}
