package replicator

import (
	"context"
	"errors"
	"io"
	"net"
	"net/netip"
	"os"
	"testing"
	"testing/synctest"
	"time"
)

// inStruckWorld gives f a node that waits for calls on p, and nobody has called it yet. All
// calls on p count for one address, and that has failed so often that they wait.
func inStruckWorld(t *testing.T, f func(t *testing.T, a *testNode, p *pipes)) {
	synctest.Test(t, func(t *testing.T) {
		p := newPipes()
		a := startNode(t, 1, nil, "", func(c *Config) { c.Listener = p })
		for range 10 * linkRules.Free {
			a.l.strikes.failed(netip.Prefix{}, now())
		}
		synctest.Wait()
		f(t, a, p)
	})
}

// call is a connection to the node, which is over when the test is.
func (p *pipes) call(t *testing.T) net.Conn {
	t.Helper()
	nc, err := p.dial(context.Background(), "")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = nc.Close() })
	synctest.Wait() // the node has it
	return nc
}

// readsWithin says that the node reads from nc; else it may have closed it.
func readsWithin(nc net.Conn, d time.Duration) (read, closed bool) {
	_ = nc.SetWriteDeadline(time.Now().Add(d))
	_, err := nc.Write([]byte{0})
	return err == nil, err != nil && !errors.Is(err, os.ErrDeadlineExceeded)
}

// TestRoom_WhoComesIsHeardInTime, though nobody waited before.
func TestRoom_WhoComesIsHeardInTime(t *testing.T) {
	inStruckWorld(t, func(t *testing.T, a *testNode, p *pipes) {
		nc := p.call(t)
		if read, _ := readsWithin(nc, linkRules.MaxDelay/2); read {
			t.Error("it did not wait")
		}
		if read, _ := readsWithin(nc, linkRules.MaxDelay); !read {
			t.Error("it waits for longer than its delay")
		}
	})
}

// TestRoom_EndsWithTheLink: who waits is not left hanging.
func TestRoom_EndsWithTheLink(t *testing.T) {
	inStruckWorld(t, func(t *testing.T, a *testNode, p *pipes) {
		nc := p.call(t)
		a.stop()
		if _, closed := readsWithin(nc, time.Second); !closed {
			t.Error("a connection that waited outlives the link")
		}
	})
}

// TestRoom_FullOfCallers: the next one is served when one more comes, while the peer may
// be among them; once it is known to be elsewhere, the one more is closed.
func TestRoom_FullOfCallers(t *testing.T) {
	inStruckWorld(t, func(t *testing.T, a *testNode, p *pipes) {
		first := p.call(t)
		for range maxWaiting {
			p.call(t)
		}
		if read, _ := readsWithin(first, time.Millisecond); !read || a.refused("FLOOD") != 0 {
			t.Errorf("read %v, %d closed", read, a.refused("FLOOD"))
		}
		a.l.strikes.proved(from(1))
		if _, closed := readsWithin(p.call(t), time.Millisecond); !closed || a.refused("FLOOD") != 1 {
			t.Errorf("closed %v, %d counted", closed, a.refused("FLOOD"))
		}
	})
}

func TestRoom_OfOneMomentTheFirstIsFirst(t *testing.T) {
	r := room{added: make(chan struct{}, 1)}
	near, far := net.Pipe()
	defer near.Close()
	defer far.Close()
	due := time.Unix(1_750_000_000, 0)
	r.add(near, due)
	r.add(far, due)
	if nc, _ := r.next(due); nc != near {
		t.Error("the later one is served first")
	}
}

// TestServeSoon_ALinkThatCloses leaves nobody waiting for a place.
func TestServeSoon_ALinkThatCloses(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	near, far := net.Pipe()
	defer near.Close()
	if (&Link{places: make(chan struct{})}).serveSoon(ctx, far) {
		t.Error("it was served")
	}
	_ = near.SetReadDeadline(time.Now().Add(time.Second))
	if _, err := near.Read(make([]byte, 1)); !errors.Is(err, io.EOF) {
		t.Errorf("not closed: %v", err)
	}
}

// TestStrikes_OnlyCallersCount: who has proved itself has not failed when its session ends,
// and where this node calls tells nothing about where the peer calls from.
func TestStrikes_OnlyCallersCount(t *testing.T) {
	la := listen(t)
	a := startNode(t, 1, la, "", nil)
	b := startNode(t, 2, nil, la.Addr().String(), nil)
	waitLinked(t, a, b)
	b.stop()
	a.stop()
	if n := a.l.strikes.book.Len(); n != 0 {
		t.Errorf("%d addresses have failed", n)
	}
	if a.l.strikes.peer.String() != "127.0.0.1/32" || b.l.strikes.peer.IsValid() {
		t.Errorf("the one who was called takes %v for the peer's, and the caller %v", a.l.strikes.peer, b.l.strikes.peer)
	}
}
