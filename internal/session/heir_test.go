package session

import (
	"bytes"
	"fmt"
	"strings"
	"testing"
	"time"

	"twincached/internal/wire"
	"twincached/snapshot"
	"twincached/store"
)

// sleep stops node i by plan, as far as that matters here, and returns its image.
func (d *duo) sleep(i int) []byte {
	d.t.Helper()
	d.cut()
	n := d.n[i]
	var b bytes.Buffer
	h := snapshot.Head{Cluster: "duo", NodeID: store.ID{byte(i + 1)}, Line: n.ImageLine()}
	h.WallMillis = n.now()
	if err := snapshot.WriteImage(&b, n.st, h, snapshot.Options{Threads: 1}); err != nil {
		d.t.Fatal(err)
	}
	return b.Bytes()
}

// wake starts node i as the heir of an image. The process before it has ended.
func (d *duo) wake(i int, image []byte) {
	d.t.Helper()
	d.wakeAs(i, image, false)
}

func (d *duo) wakeAs(i int, image []byte, provisional bool) {
	d.t.Helper()
	d.kill(i)
	n := d.n[i]
	h, err := snapshot.LoadImage(bytes.NewReader(image), n.st, snapshot.Want{Cluster: "duo", NodeID: store.ID{byte(i + 1)}}, n.now(), snapshot.Options{Threads: 1})
	if err != nil {
		d.t.Fatal(err)
	}
	n.Core = newCore(d.t, n.now(), Config{Seeks: true, Cluster: "duo", NodeID: store.ID{byte(i + 1)}, Inc: n.cfg.Inc, HeirOf: h.Line, Provisional: provisional, Store: n.st})
}

// story links two nodes and lets each write something, also while they are cut off.
func story(t *testing.T, mem ...store.Config) *duo {
	d := newDuo(t, mem...)
	d.heal()
	for i := range 3000 {
		d.set(i%2, fmt.Sprint("key", i), fmt.Sprint("value of some length", i))
	}
	d.rest()
	d.cut()
	for i := range 30 {
		d.set(i%2, fmt.Sprint("key", i), "later")
		d.del(i%2, fmt.Sprint("key", 100+i))
		d.n[i%2].do(store.OpTouch, fmt.Sprint("key", 200+i), "", d.now+1_000_000)
	}
	return d
}

// TestHeir_IsANodeThatWasCutOff: only the difference travels, in both directions, and what was
// deleted meanwhile does not come back, whoever slept.
func TestHeir_IsANodeThatWasCutOff(t *testing.T) {
	for name, slept := range map[string][]int{"a": {0}, "b": {1}, "both": {0, 1}, "both, the other way": {1, 0}} {
		t.Run(name, func(t *testing.T) {
			d := story(t)
			images := map[int][]byte{}
			for _, i := range slept {
				images[i] = d.sleep(i)
			}
			if len(slept) == 1 {
				d.del(1-slept[0], "key500")
				d.set(1-slept[0], "key501", "while it slept")
			}
			d.now += 60_000
			for i := len(slept) - 1; i >= 0; i-- {
				d.wake(slept[i], images[slept[i]])
			}
			got := d.heal()
			d.same()
			if got > 32<<10 {
				t.Errorf("%d bytes travelled", got)
			}
			if len(slept) == 1 {
				d.wants("key500", "", "")
				d.wants("key501", "while it slept", "while it slept")
			}
			for i := range 30 {
				d.wants(fmt.Sprint("key", i), "later", "later")
				d.wants(fmt.Sprint("key", 100+i), "", "")
			}
			d.cut() // the next session resumes too
			if got := d.heal(); got > 16<<10 {
				t.Errorf("%d bytes travelled the second time", got)
			}
		})
	}
}

// TestHeir_OfAProcessThatMetNobody goes on where those before it were.
func TestHeir_OfAProcessThatMetNobody(t *testing.T) {
	d := story(t)
	b := d.sleep(1)
	for range 3 {
		d.wake(0, d.sleep(0))
		d.set(0, "alone", "written")
	}
	d.wake(1, b)
	if got := d.heal(); got > 32<<10 {
		t.Errorf("%d bytes travelled", got)
	}
	d.same()
	d.wants("alone", "written", "written")
}

// TestHeir_OfAProcessThatOneSideHasMet: as a session begins, one side knows that it has met the
// other, and that one does not yet. An heir of either goes on where they were.
func TestHeir_OfAProcessThatOneSideHasMet(t *testing.T) {
	for i := range 2 {
		d := story(t)
		d.wake(i, d.sleep(i))
		d.link()
		for side := 0; !d.n[0].s.attached && !d.n[1].s.attached; side = 1 - side {
			d.send(side)
			for d.take(1 - side) {
			}
		}
		if d.n[0].s.attached && d.n[1].s.attached {
			t.Fatal("both are linked")
		}
		d.wake(i, d.sleep(i))
		if got := d.heal(); got > 32<<10 {
			t.Errorf("the heir was node %d: %d bytes travelled", i, got)
		}
		d.same()
	}
}

// TestHeir_OfALineThatIsTooLong is a new process for who met its oldest.
func TestHeir_OfALineThatIsTooLong(t *testing.T) {
	d := story(t)
	for range len(store.Line{}) + 1 {
		d.wake(0, d.sleep(0))
	}
	if got := d.heal(); got < 64<<10 {
		t.Errorf("%d bytes travelled", got)
	}
	d.same()
}

// TestHeir_ASecondOneIsAStranger: an image that is used twice brings nothing back. What was
// deleted since its first use has been forgotten by the peer.
func TestHeir_ASecondOneIsAStranger(t *testing.T) {
	d := story(t)
	image := d.sleep(0)
	d.wake(0, image)
	d.heal()
	for i := range 10 {
		d.del(i%2, fmt.Sprint("key", 300+i))
		d.set(i%2, fmt.Sprint("key", 400+i), "second")
	}
	d.rest()
	if left := d.n[1].st.Stats().Tombstones + d.n[0].st.Stats().Tombstones; left != 0 {
		t.Fatalf("%d tombstones are left", left)
	}
	d.wake(0, image)
	d.heal()
	d.same()
	for i := range 10 {
		d.wants(fmt.Sprint("key", 300+i), "", "")
		d.wants(fmt.Sprint("key", 400+i), "second", "second")
	}
}

// TestHeir_ADelayedFlushKeepsItsTime: it removes what was there, and nothing that came later.
func TestHeir_ADelayedFlushKeepsItsTime(t *testing.T) {
	d := story(t)
	d.heal()
	d.n[0].st.FlushAt(d.now, d.now+30_000)
	d.rest()
	image := d.sleep(0)
	d.pass(40_000)
	d.set(1, "key7", "after the flush")
	d.wake(0, image)
	if got := d.get(0, "key8"); got != "" {
		t.Errorf("%q is served, and was flushed", got)
	}
	d.heal()
	d.pass(1000)
	d.same()
	d.wants("key7", "after the flush", "after the flush")
	d.wants("key8", "", "")
}

// TestHeir_ItsStateIsThatOfAnyNodeAndOneFieldMore: STATE of an heir has one field more, which an earlier
// release skips.
func TestHeir_ItsStateIsThatOfAnyNodeAndOneFieldMore(t *testing.T) {
	plain, heir := &wire.State{}, &wire.State{}
	heir.HeirOf = store.Line{{1}}
	a, b := body(t, func(w *wire.Writer) { w.State(plain) }), body(t, func(w *wire.Writer) { w.State(heir) })
	if a[0] != b[0]-1 || !bytes.HasPrefix(b[1:], a[1:]) {
		t.Error("an earlier release would not understand it")
	}
}

// TestHeir_OfANodeThatWasNotTheLast serves only together with the process that outlived it.
func TestHeir_OfANodeThatWasNotTheLast(t *testing.T) {
	note := func(n *duoNode, events Events) Events { return n.NoteEvents(n.s, events) }
	t.Run("nobody comes", func(t *testing.T) {
		d := story(t)
		d.wakeAs(0, d.sleep(0), true)
		a := d.n[0]
		a.Tick(d.now+DefaultPeerWait.Milliseconds()-1, false)
		if a.Forsaken() {
			t.Fatal("too early")
		}
		a.Tick(d.now+DefaultPeerWait.Milliseconds(), false)
		d.link()
		d.rest()
		note(a, 0)
		if !a.Forsaken() || a.State() != Joining || a.Last(false) {
			t.Errorf("%v, forsaken %v, last %v", a.State(), a.Forsaken(), a.Last(false))
		}
	})
	t.Run("without a peer to look for", func(t *testing.T) {
		g := newGate(&Config{Provisional: true, PeerWait: time.Second})
		g.start(0, false)
		if g.tick(999, false); g.state != Joining || g.forsaken {
			t.Fatal(g.state)
		}
		if g.tick(1000, false); g.state != Joining || !g.forsaken {
			t.Fatal(g.state)
		}
	})
	t.Run("nobody listens there yet", func(t *testing.T) {
		g := newGate(&Config{Provisional: true, PeerWait: 10 * time.Second})
		g.start(0, true)
		g.foundNoListener(0)
		if g.tick(9999, false); g.state != Joining || g.forsaken {
			t.Fatalf("%v, forsaken %v: its peer may be about to be started", g.state, g.forsaken)
		}
		if g.tick(10_000, false); !g.forsaken {
			t.Fatal("it waits for ever")
		}
	})
	t.Run("it is refused", func(t *testing.T) {
		g := newGate(&Config{Provisional: true, PeerWait: time.Second, RefusedWait: time.Minute})
		g.start(0, true)
		for now := int64(0); now <= 60_000; now += 1000 {
			g.denied(now, "AUTH", false, true)
			g.tick(now, false)
		}
		if g.state == Ready || !g.forsaken {
			t.Error(g.state)
		}
	})
	t.Run("the peer comes", func(t *testing.T) {
		d := story(t)
		b := d.sleep(1)
		d.wakeAs(0, d.sleep(0), true)
		d.wake(1, b)
		a := d.n[0]
		d.link()
		d.rest()
		if a.Last(false) {
			t.Error("it would take itself for the last one before BARRIER")
		}
		note(a, 0)
		if a.State() != Ready || a.Forsaken() || !a.Last(false) {
			t.Errorf("%v, forsaken %v", a.State(), a.Forsaken())
		}
		d.same()
	})
	t.Run("the peer is killed before BARRIER, and loads its image again", func(t *testing.T) {
		d := story(t)
		b := d.sleep(1)
		a := d.sleep(0)
		d.wakeAs(1, b, true)
		d.wake(0, a)
		d.link()
		for !d.n[0].s.attached || !d.n[1].s.attached {
			d.turn()
		}
		if d.n[0].s.barrier || d.n[1].s.barrier {
			t.Fatal("one of them serves")
		}
		d.wakeAs(0, a, true)
		d.heal()
		for _, n := range d.n {
			if note(n, 0); n.State() != Ready || n.Forsaken() {
				t.Errorf("%s: %v, forsaken %v", n.name, n.State(), n.Forsaken())
			}
		}
		d.same()
		d.wants("key0", "later", "later")
		d.wants("key1", "later", "later")
		d.wants("key500", "value of some length500", "value of some length500")
	})
	t.Run("another process comes", func(t *testing.T) {
		d := story(t)
		d.wakeAs(0, d.sleep(0), true)
		d.kill(1)
		d.set(1, "key999", "of another life")
		a := d.n[0]
		d.link()
		var err error
		for range 20 {
			d.now++
			for i, n := range d.n {
				d.send(i)
				for {
					body, size, _ := wire.Split(n.inbox, n.s.FrameLimit())
					if size == 0 {
						break
					}
					n.inbox = n.inbox[size:]
					if e := n.s.OnFrame(n.now(), body); i == 0 && err == nil {
						err = e
					}
					if n.s.WantsAdmission() {
						if e := n.s.Admit(n.now(), Joining); i == 0 && e != nil {
							err = e
						}
					}
				}
			}
		}
		end, _ := err.(*End)
		if end == nil || end.Code != wire.ByeGivesUp || !strings.Contains(end.Text, "image") {
			t.Fatalf("%v", err)
		}
		a.Ended(a.now(), a.s, end, note(a, 0), false)
		if !a.Forsaken() || a.Denial().Cause != "" {
			t.Errorf("forsaken %v, %+v", a.Forsaken(), a.Denial())
		}
	})
}

// TestLast_WhoWasSureToBe: nobody who leaves a live peer behind.
func TestLast_WhoWasSureToBe(t *testing.T) {
	d := story(t)
	a := d.n[0].Core
	if !a.Last(false) || a.Last(true) {
		t.Error("a node without a session is the last one, and one that gives up in a session is not")
	}
	a.mayGo = true
	if a.Last(false) {
		t.Error("the peer has said that it stays")
	}
	b := d.n[1].Core
	b.gate.state = Refused
	if b.Drain(); b.Last(false) {
		t.Error("the peer is there, and did not link")
	}
}
