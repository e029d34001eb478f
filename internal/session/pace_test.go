package session

import (
	"fmt"
	"strings"
	"testing"

	"twincached/store"
)

// pacedDuo is two nodes that take large values, and whose copies take rate bytes a second. Node
// a has just started anew and holds items with this value. They are not linked yet.
func pacedDuo(t *testing.T, rate int64, items int, value string) *duo {
	d := largeDuo(t)
	d.rate = rate
	d.kill(0)
	for i := range items {
		d.set(0, fmt.Sprint("key ", i), value)
	}
	return d
}

// TestPace_ACopyTakesItsTime: the bulk lane keeps to Config.CopyBytes, small values and large
// ones; a change passes it; and the session needs no more looks than NextTick asks for.
func TestPace_ACopyTakesItsTime(t *testing.T) {
	const rate = 1 << 20
	d := pacedDuo(t, rate, 1000, strings.Repeat("v", 1000))
	d.set(0, "large", largeText("v"))
	d.link()
	began, written, seen := d.now, int64(0), int64(0)
	d.until("the copy is over", func() bool {
		s := d.n[0].s
		if written == 0 && d.now == began+2000 {
			written = d.now
			d.set(0, "change", "soon")
		}
		if written != 0 && seen == 0 && d.get(1, "change") == "soon" {
			seen = d.now
		}
		if s.attached && s.tx.pace.shut && s.NextTick(d.now) > s.tx.pace.opens() {
			t.Fatal("nobody is told when the lane goes on")
		}
		if s.attached && s.tx.pace.shut && s.WantsWrite() && !s.rx.ackDue && !s.rx.pongDue && s.tx.live.Empty() {
			t.Fatal("it wants to write what may not go out yet")
		}
		return d.n[1].s.BarrierReceived()
	})
	took, sent := d.now-began, int64(d.n[0].meter.lane(store.Bulk).BytesOut)
	if least := sent * 1000 / rate; took < least-200 || took > least+300 {
		t.Errorf("%d bytes took %d ms, at %d a second", sent, took, rate)
	}
	if seen == 0 || seen > written+5 {
		t.Errorf("a change has waited for the copy: written at %d, seen at %d", written-began, seen-began)
	}
	d.rest()
	d.same()
}

// TestPace_ChangesDoNotWaitForALargeValueOfTheCopy: neither one of its partition, nor a large one of another. It has to be
// through before they can go, so it goes, and the copy pays for it afterwards.
func TestPace_ChangesDoNotWaitForALargeValueOfTheCopy(t *testing.T) {
	const rate = 1 << 20
	d := pacedDuo(t, rate, 0, "")
	d.set(0, "large", largeText("v"))
	d.link()
	d.until("a session", func() bool { return d.n[0].s.Established() })
	d.until("a value under way", d.midway(0))
	if p := &d.n[0].s.tx.parcel; p.lane != store.Bulk {
		t.Fatal("it is not one of the copy: the test shows nothing")
	}
	began, beside, other := d.now, keyIn(store.PartitionOf([]byte("large")), 0), elsewhere("large")
	d.set(0, beside, "soon")
	d.set(0, other, largeText("o"))
	d.until("both changes", func() bool { return d.get(1, beside) == "soon" && d.get(1, other) == largeText("o") })
	if took := d.now - began; took > 500 { // 2 MiB of the copy were left
		t.Errorf("changes have waited for %d ms", took)
	}
	d.rest()
	d.same()
}

// looker drives a node of a duo as a connection does: it pumps only where WantsWrite says so, or
// when NextTick's time has come.
type looker struct {
	d    *duo
	i    int
	at   int64 // when Tick is called next
	owes bool  // Pump is to be called
}

// setTimer asks when to look again. What is due already is left to whoever is at it.
func (l *looker) setTimer() {
	if l.at = l.d.n[l.i].s.NextTick(l.d.now); l.at <= l.d.now {
		l.at = l.d.now + TickMillis
	}
}

func (l *looker) tick() {
	l.d.t.Helper()
	if err := l.d.n[l.i].s.Tick(l.d.now); err != nil {
		l.d.t.Fatal(err)
	}
}

// look reads what has arrived, looks at the clock if it is time, and then writes.
func (l *looker) look() {
	l.d.t.Helper()
	s := l.d.n[l.i].s
	if len(l.d.n[l.i].inbox) > 0 {
		s.OnRead(l.d.now)
		l.tick()
		for l.d.take(l.i) {
			l.owes = l.owes || s.WantsWrite()
		}
		l.owes = l.owes || s.WantsWrite()
		l.setTimer()
	}
	if l.d.now >= l.at {
		l.tick()
		l.owes = true
		l.setTimer()
	}
	if l.owes {
		for l.owes = false; l.d.send(l.i) >= pumpBytes; {
		}
		l.setTimer()
	}
}

// TestPace_WithNoLooksButThoseAskedFor: a copy comes to what it may send, although nobody pumps
// unless the session says so.
func TestPace_WithNoLooksButThoseAskedFor(t *testing.T) {
	const rate = 50 << 20
	d := pacedDuo(t, rate, 20_000, strings.Repeat("v", 1000))
	d.link()
	began := d.now
	for l := [2]looker{{d: d, i: 0}, {d: d, i: 1}}; !d.n[1].s.BarrierReceived(); d.now++ {
		if d.now > began+10_000 {
			t.Fatal("the copy does not end")
		}
		l[0].look() // the answer to what it says arrives in the next millisecond
		l[1].look()
	}
	took, sent := d.now-began, int64(d.n[0].meter.lane(store.Bulk).BytesOut)
	if least := sent * 1000 / rate; took < least-20 || took > least*5/4 {
		t.Errorf("%d bytes took %d ms, at %d a second", sent, took, rate)
	}
}

// TestPace_WhoComesFirstOpensIt: when the time of a copy that waits has come, an ACK starts it
// as well as the timer does. If it comes between Tick and NextTick, the next look is soon.
func TestPace_WhoComesFirstOpensIt(t *testing.T) {
	d := pacedDuo(t, 50_000, 300, "v")
	d.link()
	s := d.n[0].s
	d.until("the copy waits", func() bool { return s.attached && s.tx.pace.shut && s.tx.flights.frames.num == 0 })
	now := s.tx.pace.opens()
	if at := s.NextTick(now); at != now+1 {
		t.Errorf("it opened after the last look, and the next one is in %d ms", at-now)
	}
	if s.WantsWrite() {
		t.Error("without a look it goes on")
	}
	if err := s.Tick(now); err != nil || !s.WantsWrite() {
		t.Errorf("it has been looked at, and does not go on: %v", err)
	}
}

// TestPace_CountsWhatIsNotPacked: a copy that is compressed takes as long as one that is not,
// because it costs both nodes as much.
func TestPace_CountsWhatIsNotPacked(t *testing.T) {
	const rate = 1 << 20
	d := pacedDuo(t, rate, 1000, strings.Repeat("v", 1000))
	d.n[0].cfg.Compress = true
	d.link()
	began := d.now
	d.until("the copy is over", func() bool { return d.n[1].s.BarrierReceived() })
	c := d.n[0].Counts()
	if took, least := d.now-began, int64(c.UnpackedOut)*1000/rate; c.PackedOut > c.UnpackedOut/4 || took < least-100 {
		t.Errorf("%d bytes that became %d took %d ms, at %d a second", c.UnpackedOut, c.PackedOut, took, rate)
	}
}

// TestPace_WhatWaitsIsNotForgotten: a session with a copy that has to wait is not quiet.
func TestPace_WhatWaitsIsNotForgotten(t *testing.T) {
	d := pacedDuo(t, 1000, 100, "v")
	d.link()
	for range 50 {
		d.turn()
	}
	s := d.n[0].s
	if !s.tx.pace.shut || s.ready() {
		t.Fatal("the copy does not wait")
	}
	if s.Quiet() || s.Depart(d.now) {
		t.Error("the node leaves, and its copy is not through")
	}
}

// TestPace_MakesUpForLateTimersOnly: time that the lane did not need is lost, but for a little.
func TestPace_MakesUpForLateTimersOnly(t *testing.T) {
	p := pace{perSecond: 1000}
	p.sent(5000, 100)
	if p.look(5000); !p.shut || p.opens() != 5090 {
		t.Errorf("after 100 bytes it opens at %d", p.opens())
	}
	if p.look(5090); p.shut {
		t.Error("it stays shut")
	}
	p.sent(9000, 20)
	if p.opens() != 9010 {
		t.Errorf("after a pause and 20 bytes it opens at %d", p.opens())
	}
	p = pace{}
	if p.sent(5000, 1<<30); p.shut {
		t.Error("without a bound it is shut")
	}
}
