package replicator

import (
	"fmt"
	"strings"
	"testing"
	"time"
)

// toCopy starts a node and gives it keys, for a copy to a peer that starts later.
func (w *drainWorld) toCopy(keys int) (a *testNode) {
	w.Helper()
	a = w.start(1)
	w.wait("a is ready", a.isReady)
	for i := range keys {
		a.set(fmt.Sprint("k", i), strings.Repeat("v", 1000))
	}
	return a
}

// TestPace_ANodeThatStopsSendsAll: a copy that would take an hour is handed over at once.
func TestPace_ANodeThatStopsSendsAll(t *testing.T) {
	inDrainWorld(t, 1, func(w *drainWorld) {
		w.rate = 500
		a := w.toCopy(2000)
		b := w.start(2)
		w.wait("the copy is under way", func() bool { return b.st.Stats().Items > 0 })
		d := a.drain(5 * time.Second)
		<-d.done
		if d.left != 0 || b.st.Stats().Items != 2000 {
			t.Errorf("%d are left, b has %d", d.left, b.st.Stats().Items)
		}
	})
}

// TestPace_ACopyOverALongLine: a copy takes the time that Config.CopyBytes gives it, however
// late its ACKs come. The time is the bubble's.
func TestPace_ACopyOverALongLine(t *testing.T) {
	const rate = 8 << 20
	inDrainWorld(t, 1, func(w *drainWorld) {
		w.rate, w.m.slow = rate, "b:1"
		a := w.toCopy(2000)
		b := w.start(2)
		w.linked(a, b)
		c := b.l.Stats().CopyIn
		took, least := c.FinishedMillis-c.StartedMillis, int64(c.Bytes)*1000/rate
		if took < least-20 || took > 2*least {
			t.Errorf("%d bytes took %d ms, at %d a second", c.Bytes, took, rate)
		}
	})
}

// TestPush_CompressionIsTheWritersWork: whoever pushes does not wait for it.
func TestPush_CompressionIsTheWritersWork(t *testing.T) {
	a, b := startPair(t, func(_ int, c *Config) { c.Compress = true })
	eventually(t, "linked", func() bool { return a.linked() && b.linked() && !a.l.active.Load().copying() })
	c := a.l.active.Load()
	c.writing.Lock()
	defer c.writing.Unlock()
	if !c.pushSome(false) {
		t.Error("it is not left to the writer")
	}
}

func (c *conn) copying() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.s.Copying()
}
