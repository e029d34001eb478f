package session

import (
	"bytes"
	"fmt"
	"testing"

	"twincached/store"
)

// newQuietPair is a pair that does nothing by itself, with the real limits.
func newQuietPair(t testing.TB) *pair {
	t.Helper()
	m := newPair(t)
	for _, n := range m.n {
		n.cfg.Limits = Limits{}
		n.cfg.Limits.fill()
	}
	t.Cleanup(m.close)
	return m
}

// finish settles and checks.
func (m *pair) finish() {
	m.t.Helper()
	m.settle()
	m.check()
}

func (m *pair) del(i, k int) {
	m.n[i].st.Do(m.now, &store.Request{Op: store.OpDelete, Key: pairKey(k)})
	v := m.n[i].st.State().Clock
	m.learn(i, k, fact{v, v, true})
}

func TestSession_CrossingWritesConverge(t *testing.T) {
	cross := map[string]func(m *pair){
		"set/set":     func(m *pair) { m.set(0, 1, []byte("a")); m.set(1, 1, []byte("b")) },
		"set/delete":  func(m *pair) { m.set(0, 1, []byte("a")); m.del(1, 1) },
		"delete/set":  func(m *pair) { m.del(0, 1); m.set(1, 1, []byte("b")) },
		"set/flush":   func(m *pair) { m.set(0, 1, []byte("a")); m.n[1].st.Flush(m.now) },
		"flush/set":   func(m *pair) { m.n[0].st.Flush(m.now); m.set(1, 1, []byte("b")) },
		"flush/flush": func(m *pair) { m.n[0].st.Flush(m.now); m.n[1].st.Flush(m.now) },
	}
	for name, f := range cross {
		t.Run(name, func(t *testing.T) {
			m := newQuietPair(t)
			m.set(0, 1, []byte("before"))
			m.heal()
			f(m) // neither has heard of the other's
			m.pump(0)
			m.now += 150
			m.pump(1)
			m.finish()
		})
	}
}

func TestSession_FlushReachesThePeer(t *testing.T) {
	m := newQuietPair(t)
	m.set(0, 1, []byte("a"))
	m.heal()
	sent := m.n[1].s.tx.n
	m.now++
	m.n[0].st.Flush(m.now)
	m.finish()
	if _, ok := m.n[1].items()[string(pairKey(1))]; ok {
		t.Fatal("node 1 still has the item")
	}
	if m.n[1].s.tx.n != sent {
		t.Errorf("node 1 sent %d numbered frames: the flush came back", m.n[1].s.tx.n-sent)
	}
}

func TestSession_DelayedFlushReachesThePeerAndIsCancelled(t *testing.T) {
	m := newQuietPair(t)
	m.heal()
	at := m.now + 5000
	m.n[0].st.FlushAt(m.now, at)
	m.finish()
	if _, _, p := m.n[1].st.FlushState(); p.AtMillis != at {
		t.Fatalf("node 1 has %+v pending", p)
	}
	m.set(1, 1, []byte("a"))
	m.n[1].st.Flush(m.now + 1)
	m.finish()
	if _, _, p := m.n[0].st.FlushState(); p != (store.PendingFlush{}) {
		t.Fatalf("node 0 still has %+v pending", p)
	}
}

// TestSession_ResumeSendsOnlyTheDifference counts bytes after a cut during which
// both sides were written.
func TestSession_ResumeSendsOnlyTheDifference(t *testing.T) {
	m := newQuietPair(t)
	for k := range pairKeys {
		m.set(0, k, bytes.Repeat([]byte("v"), 1000))
	}
	m.heal()
	m.lose(0)
	m.deliver(1, 1) // node 1 sees the end as well
	m.set(0, 1, []byte("new a"))
	m.set(1, 2, []byte("new b"))
	m.bytes = 0
	m.connect()
	m.finish()
	// Two STATEs of some 1.5 KiB make most of it.
	if m.bytes > 6000 {
		t.Errorf("%d bytes travelled for two small items", m.bytes)
	}
	if got := m.n[0].meter.resumes.Load(); got != 1 {
		t.Errorf("%d resumes", got)
	}
}

// TestSession_CopyCutResumes breaks the copy off at 10, 50 and 90 %: the gate
// stays shut, and what had arrived does not travel again.
func TestSession_CopyCutResumes(t *testing.T) {
	const items = 6000
	m := newQuietPair(t)
	for i := range items {
		m.n[0].st.Do(m.now, &store.Request{Op: store.OpSet, Key: fmt.Appendf(nil, "copy:%d", i), Value: bytes.Repeat([]byte("v"), 100)})
	}
	m.n[0].cfg.Limits.WindowBytes = 64 << 10 // what is under way is lost with the link
	m.connect()
	for _, percent := range []uint64{10, 50, 90} {
		for m.n[1].in.Report().ItemsDone < items*percent/100 {
			m.now++
			m.pump(0)
			m.pump(1)
			m.deliver(1, 10_000)
			m.deliver(0, 10_000)
		}
		r := m.n[1].in.Report()
		if m.n[1].s.BarrierReceived() || r.FinishedMillis != 0 || r.PartitionsOwed == 0 {
			t.Fatalf("at %d %%: the copy counts as complete: %+v", percent, r)
		}
		m.lose(int(percent/10) % 2)
		m.connect()
	}
	m.finish()
	if got := len(m.n[1].items()); got != items {
		t.Fatalf("%d items arrived", got)
	}
	sent := m.n[0].meter.itemsOut[store.Bulk].Load()
	if sent > items*3/2 {
		t.Errorf("%d items were sent for a copy of %d", sent, items)
	}
	if r := m.n[1].in.Report(); r.ItemsTotal != items || r.ItemsDone != items || r.FinishedMillis == 0 {
		t.Errorf("report %+v", r)
	}
}

// TestSession_BarrierWaitsForWhatMovedToTheTail: an item that an earlier session
// sent in vain changes while its partition is on the way.
func TestSession_BarrierWaitsForWhatMovedToTheTail(t *testing.T) {
	m := newQuietPair(t)
	m.heal()
	one := partKeys(pairKey(0))
	for _, k := range one {
		m.set(0, k, []byte("first"))
	}
	m.pump(0) // sent, and lost
	m.lose(0)
	m.n[0].cfg.Limits = Limits{BatchItems: 1, PumpBytes: 1, WindowBytes: WindowBytes, GraveItems: graveItems}
	m.connect()
	for m.n[0].s.tx == nil || m.n[0].s.tx.barrier.Notes() == 0 {
		m.now++
		m.pump(0)
		m.pump(1)
		m.deliver(0, 1<<20)
		m.deliver(1, 1<<20)
	}
	last := one[len(one)/2]
	m.set(0, last, []byte("second"))
	for !m.n[1].s.BarrierReceived() {
		m.now++
		m.pump(0)
		m.pump(1)
		m.deliver(0, 1<<20)
		for len(m.net[1]) > 0 && !m.n[1].s.BarrierReceived() {
			m.deliver(1, 1)
		}
	}
	if _, ok := m.n[1].items()[string(pairKey(last))]; !ok {
		t.Fatal("the BARRIER came before the item")
	}
	m.finish()
}

// partKeys are the numbers of the keys that share a partition with key.
func partKeys(key []byte) (numbers []int) {
	for k := range pairKeys {
		if store.PartitionOf(pairKey(k)) == store.PartitionOf(key) {
			numbers = append(numbers, k)
		}
	}
	return numbers
}

// TestSession_SlowPeerCostsAWindow: a peer that reads nothing.
func TestSession_SlowPeerCostsAWindow(t *testing.T) {
	m := newQuietPair(t)
	m.heal()
	value := bytes.Repeat([]byte("v"), 10_000)
	for i := range 1000 {
		m.n[0].st.Do(m.now, &store.Request{Op: store.OpSet, Key: fmt.Appendf(nil, "slow:%d", i), Value: value})
	}
	n := m.n[0]
	for range 1000 {
		n.w.Reset()
		n.s.Pump(m.now, n.w)
	}
	if got := n.s.tx.flights.bytes; got < WindowBytes || got > WindowBytes+batchBytes+2*len(value) {
		t.Fatalf("%d bytes are under way", got)
	}
}

// TestSession_BulkGetsItsShare: a copy goes on while clients write without pause.
func TestSession_BulkGetsItsShare(t *testing.T) {
	m := newQuietPair(t)
	value := bytes.Repeat([]byte("v"), 1000)
	write := func(prefix string, from, to int) {
		for i := from; i < to; i++ {
			m.n[0].st.Do(m.now, &store.Request{Op: store.OpSet, Key: fmt.Appendf(nil, "%s:%d", prefix, i), Value: value})
		}
	}
	write("old", 0, 1500)
	m.connect()
	for i := 0; m.n[0].s.tx == nil || m.n[0].s.out.Report().PartitionsOwed != 0 || i == 0; i++ {
		m.now++
		if m.n[0].s.tx != nil {
			write("new", i*100%800, i*100%800+100) // more than is sent meanwhile
		}
		m.pump(0)
		m.pump(1)
		m.deliver(1, 1<<20)
		m.deliver(0, 1<<20)
	}
	live, bulk := m.n[0].meter.bytesOut[store.Live].Load(), m.n[0].meter.bytesOut[store.Bulk].Load()
	if share := 100 * bulk / (live + bulk - 2*batchBytes); share < 25 || live < 1<<20 { // the first frame and the last one may be of the live lane
		t.Fatalf("the bulk lane got %d %% (live %d, bulk %d bytes)", share, live, bulk)
	}
	m.finish()
}

// TestSession_CopyWhoseAnnouncementWasLostBeginsAnew: the peer was restarted, and
// this node touched an item before it noticed. Then the link breaks off before the
// copy is announced. What the old process had acknowledged is not taken for known.
func TestSession_CopyWhoseAnnouncementWasLostBeginsAnew(t *testing.T) {
	m := newQuietPair(t)
	m.set(0, 1, []byte("v"))
	m.heal()
	m.lose(1)
	m.n[1].st.Close()
	m.n[1] = m.newNode(1)
	if r := m.n[0].st.Do(m.at(0), &store.Request{Op: store.OpTouch, Key: pairKey(1), Expires: m.at(0) + 1<<30}); r.Status != store.Touched {
		t.Fatalf("touch: status %d", r.Status)
	}
	m.connect()
	for !m.n[0].s.attached || !m.n[1].s.attached {
		m.now++
		for i, n := range m.n {
			m.pump(i)
			if !n.s.attached {
				m.deliver(i, 64)
			}
		}
	}
	m.connect()
	m.settle()
	if got := m.n[1].items()[string(pairKey(1))]; got.value != "v" {
		t.Errorf("the restarted node has %+v", got)
	}
}
