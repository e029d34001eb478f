package replicator

import (
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"twincached/internal/session"
	"twincached/store"
)

// quietLink is a link without goroutines. Its connection takes no bytes, and notes that its writer was woken.
func quietLink(t *testing.T) (n *testNode, c *conn) {
	n = &testNode{t: t, st: newTestStore(t), log: &logLines{}}
	t.Cleanup(n.st.Close)
	l, err := New(Config{Config: session.Config{Cluster: "test", NodeID: store.ID{1}, Inc: newInc(), Store: n.st}, Now: now, Log: testLogger(n.log)})
	if err != nil {
		t.Fatal(err)
	}
	n.l, c = l, &conn{l: l, wake: make(chan struct{}, 1)}
	l.active.Store(c)
	n.st.Attach(store.ID{2}, &store.State{}, false) // else nothing is to be sent
	n.st.TakeDirty()
	c.wake = make(chan struct{}, 1)
	return n, c
}

func (c *conn) woken() bool { return len(c.wake) > 0 }

// TestTurns_WakeNobody: what a loop changes is sent at the end of its turn, by itself.
func TestTurns_WakeNobody(t *testing.T) {
	n, c := quietLink(t)
	n.l.BeginTurn()
	n.set("k", "in a turn")
	if c.woken() {
		t.Error("a change within a turn wakes the writer")
	}
	if wait := n.l.EndTurn(false); wait != 0 || !c.woken() {
		t.Errorf("a connection that no loop can write: wait %v, woken %v", wait, c.woken())
	}
	c.wake = make(chan struct{}, 1)
	n.st.TakeDirty()
	n.l.BeginTurn()
	if wait := n.l.EndTurn(true); wait != 0 || c.woken() {
		t.Errorf("a turn without a change: wait %v, woken %v", wait, c.woken())
	}
	n.set("k", "between two turns")
	if !c.woken() {
		t.Error("a change outside turns wakes nobody")
	}
}

// TestTurns_PutOffButNotForLong: two writes are a moment apart, and the last turn leaves nothing.
func TestTurns_PutOffButNotForLong(t *testing.T) {
	n, c := quietLink(t)
	c.direct = &direct{}
	c.pushedAt.Store(int64(time.Since(epoch) + time.Minute)) // a moment that does not pass
	n.l.BeginTurn()
	n.set("k", "v")
	if wait := n.l.EndTurn(false); wait <= 0 || c.woken() || !n.st.Signalled() {
		t.Errorf("right after a write: wait %v, woken %v, signalled %v", wait, c.woken(), n.st.Signalled())
	}
	n.l.BeginTurn()
	if wait := n.l.EndTurn(true); wait != 0 || !c.woken() {
		t.Errorf("the last turn: wait %v, woken %v", wait, c.woken())
	}
}

// TestTurns_NoChangeIsLeft: one that comes while a turn ends is seen either by the loop or by who made it.
func TestTurns_NoChangeIsLeft(t *testing.T) {
	n, c := quietLink(t)
	const rounds = 20_000
	var begun, ended atomic.Int64
	go func() {
		defer ended.Store(-1)
		for i := int64(1); i <= rounds; i++ {
			await(func() bool { return begun.Load() >= i })
			n.l.BeginTurn()
			for range i % 1500 { // the two meet at another point each time
				n.st.Signalled()
			}
			n.l.EndTurn(false)
			ended.Store(i)
		}
	}()
	for i := int64(1); i <= rounds; i++ {
		begun.Store(i)
		n.set("k", "v")
		await(func() bool { return ended.Load() >= i || ended.Load() < 0 })
		if n.st.Signalled() && !c.woken() {
			t.Errorf("round %d: there is something to send, and nobody knows", i)
			begun.Store(rounds)
			break
		}
		n.st.TakeDirty()
		select {
		case <-c.wake:
		default:
		}
	}
	await(func() bool { return ended.Load() < 0 })
}

// await is awake when ok is true. Where that takes long it lets others run: there may be one CPU only.
func await(ok func() bool) {
	for i := 1; !ok(); i++ {
		if i%10_000 == 0 {
			runtime.Gosched()
		}
	}
}

// TestTurns_SendToThePeer: two loops at a time, beside writers that have no turns.
func TestTurns_SendToThePeer(t *testing.T) {
	a, b := startPair(t, nil)
	waitLinked(t, a, b)
	keys := []string{"of loop 0", "of loop 1", "of another goroutine"}
	var all sync.WaitGroup
	for i, key := range keys {
		all.Go(func() {
			for range 200 {
				if i == 2 {
					a.set(key, "before")
					continue
				}
				a.l.BeginTurn()
				a.set(key, "before")
				for wait := a.l.EndTurn(false); wait > 0; wait = a.l.EndTurn(false) {
					time.Sleep(wait)
					a.l.BeginTurn()
				}
			}
			a.set(key, "last")
		})
	}
	all.Wait()
	for _, key := range keys {
		eventually(t, key, func() bool { return b.get(key) == "last" })
	}
	eventually(t, "all acknowledged", func() bool { return a.st.Unacked() == 0 })
	if n := a.l.turns.Load(); n != 0 {
		t.Errorf("%d turns have not ended", n)
	}
}
