package session

import (
	"fmt"
	"testing"

	"twincached/internal/wire"
	"twincached/store"
)

// framesTo reads what travels to node i, and is not taken by this.
func (d *duo) framesTo(i int) (types []wire.Type) {
	d.t.Helper()
	var dec wire.Decoder
	for in := d.n[i].inbox; len(in) > 0; {
		size := wire.FrameNeed(in)
		var b wire.Body
		if err := dec.Decode(in[wire.HeadBytes:size], &b); err != nil {
			d.t.Fatal(err)
		}
		types = append(types, b.Type)
		in = in[size:]
	}
	return types
}

func count(types []wire.Type, t wire.Type) (n int) {
	for _, is := range types {
		if is == t {
			n++
		}
	}
	return n
}

// TestSession_AcksWithoutAPause: a sender that never pauses gets an ACK of what arrived, after
// so many bytes or so much time.
func TestSession_AcksWithoutAPause(t *testing.T) {
	for _, test := range []struct {
		bytes int
		wait  int64
		want  bool
	}{{100, 0, false}, {100, ackMillis, true}, {ackBytes, 0, true}} {
		d := newDuo(t)
		d.heal()
		d.set(0, "key", string(make([]byte, test.bytes)))
		d.send(0)
		n := d.n[1]
		body, size, err := wire.Split(n.inbox, n.s.FrameLimit())
		if err != nil || size == 0 {
			t.Fatal(err)
		}
		for size > 0 { // without OnIdle: more is on its way
			if err := n.s.OnFrame(n.now(), body); err != nil {
				t.Fatal(err)
			}
			n.inbox = n.inbox[size:]
			if body, size, err = wire.Split(n.inbox, n.s.FrameLimit()); err != nil {
				t.Fatal(err)
			}
		}
		d.now += test.wait
		d.send(1)
		if got := count(d.framesTo(0), wire.TAck) == 1; got != test.want {
			t.Errorf("%d bytes, %d ms later: acknowledged %v", test.bytes, test.wait, got)
		}
	}
}

// TestSession_AnAckStandsForManyFrames: changes that come one after the other in a moment share an ACK. Nobody waits longer
// for one than he would if there was no next change.
func TestSession_AnAckStandsForManyFrames(t *testing.T) {
	d := newDuo(t)
	d.heal()
	d.now += ackMillis
	set := func() (acks int) {
		d.set(0, "key", "value")
		d.send(0)
		for d.take(1) {
		}
		d.send(1)
		return count(d.framesTo(0), wire.TAck)
	}
	if n := set(); n != 1 {
		t.Errorf("after a pause a change gets %d ACKs at once", n)
	}
	for range 3 {
		if n := set(); n != 1 {
			t.Errorf("a change right after it brings the ACKs to %d", n)
		}
	}
	if at := d.n[1].s.NextTick(d.now); at != d.now+ackMillis {
		t.Errorf("the next one is due in %d ms", at-d.now)
	}
	d.now += ackMillis
	d.send(1)
	for d.take(0) {
	}
	if n := d.n[0].st.Unacked(); n != 0 {
		t.Errorf("then %d are not acknowledged", n)
	}
}

// TestSession_FlushIsToldOnce: neither a flush nor a delayed one travels again, nor comes back.
func TestSession_FlushIsToldOnce(t *testing.T) {
	d := newDuo(t)
	d.heal()
	d.n[0].st.Flush(d.n[0].now())
	d.n[0].st.FlushAt(d.n[0].now(), d.now+60_000)
	told := [2]int{}
	for range 50 {
		d.now++
		for i := range d.n {
			d.send(i)
		}
		for i := range d.n {
			types := d.framesTo(i)
			told[i] += count(types, wire.TFlush) + count(types, wire.TFlushAt)
			for d.take(i) {
			}
		}
	}
	if told != [2]int{0, 2} {
		t.Errorf("a hears of %d flushes, b of %d", told[0], told[1])
	}
}

// TestPong_OfAPingThatWasNotSent: it measures nothing, whatever it says.
func TestPong_OfAPingThatWasNotSent(t *testing.T) {
	d := newDuo(t)
	d.heal()
	n := d.n[0]
	for _, t0 := range []int64{0, d.now - 5, d.now} {
		samples := n.s.clock.num
		pong := wire.Pong{ID: n.s.tx.pingID + 1, T0: t0, T1: d.now + minute, T2: d.now + minute}
		if err := n.s.OnFrame(d.now, body(t, func(w *wire.Writer) { w.Pong(pong) })); err != nil {
			t.Fatal(err)
		}
		if n.s.clock.num != samples || n.s.lead != 0 {
			t.Errorf("a PONG of %d is believed: lead %d", t0, n.s.lead)
		}
	}
}

// TestPong_Twice: the second one to a PING measures nothing.
func TestPong_Twice(t *testing.T) {
	d := newDuo(t)
	d.heal()
	n := d.n[0]
	d.now += probeMillis
	d.send(0)
	samples := n.s.clock.num
	pong := wire.Pong{ID: n.s.tx.pingID, T0: n.s.tx.pingAt, T1: d.now, T2: d.now}
	for range 2 {
		if err := n.s.OnFrame(d.now, body(t, func(w *wire.Writer) { w.Pong(pong) })); err != nil {
			t.Fatal(err)
		}
	}
	if n.s.clock.num != samples+1 {
		t.Errorf("%d samples of one PING", n.s.clock.num-samples)
	}
}

// TestSession_AFlushIsHeardOfWithItsAck: a node that stops without a peer may go if the last
// one has heard of its flush, and not if that was only on the way.
func TestSession_AFlushIsHeardOfWithItsAck(t *testing.T) {
	d := newDuo(t)
	d.heal()
	n := d.n[0]
	d.now += ackMillis // since the last ACK
	d.set(0, "k", "v")
	d.send(0)
	n.st.Flush(n.now())
	d.send(0)
	d.take(1) // the item
	d.send(1)
	for d.take(0) {
	}
	flush, _, _ := n.st.FlushState()
	if len(d.n[1].inbox) == 0 || n.meter.flushAcked.Load() >= flush {
		t.Fatal("the ACK of an item counts for the flush behind it")
	}
	d.rest()
	if n.meter.flushAcked.Load() != flush {
		t.Fatal("the ACK of the flush does not count")
	}
}

// TestSession_IsNotQuietBeforeThePeerKnows: a node that stops waits for each kind of news to
// be sent, and acknowledged.
func TestSession_IsNotQuietBeforeThePeerKnows(t *testing.T) {
	for name, news := range map[string]func(st *store.Store, now int64){
		"a flush":         func(st *store.Store, now int64) { st.Flush(now) },
		"a delayed flush": func(st *store.Store, now int64) { st.FlushAt(now, now+60_000) },
	} {
		d := newDuo(t)
		d.heal()
		if !d.n[0].s.Quiet() {
			t.Fatal("not quiet at rest")
		}
		news(d.n[0].st, d.n[0].now())
		if d.n[0].s.Quiet() {
			t.Errorf("%s: quiet before it was sent", name)
		}
		d.send(0)
		if d.n[0].s.Quiet() {
			t.Errorf("%s: quiet before it was acknowledged", name)
		}
		d.rest()
	}
}

// TestSession_AckOfTheNextFrame: the last that was sent may be acknowledged, and none after it.
func TestSession_AckOfTheNextFrame(t *testing.T) {
	for ahead, want := range []bool{true, false, false} {
		d := newDuo(t)
		d.heal()
		n := d.n[0]
		ack := wire.Ack{N: n.s.tx.n + uint64(ahead)}
		if err := n.s.OnFrame(n.now(), body(t, func(w *wire.Writer) { w.Ack(ack) })); (err == nil) != want {
			t.Errorf("%d after the last: %v", ahead, err)
		}
	}
}

// TestTwoHistories: where both hold items, have replicated with somebody else, and neither
// with the other.
func TestTwoHistories(t *testing.T) {
	me, peer, third := store.ID{1}, store.ID{2}, store.ID{3}
	for _, test := range []struct {
		mine, theirs      uint64 // items
		myLast, theirLast store.ID
		want              bool
	}{
		{1, 1, third, third, true},
		{1, 1, third, me, false},
		{1, 1, peer, third, false},
		{1, 1, peer, me, false},
		{1, 1, store.ID{}, third, false},
		{1, 1, third, store.ID{}, false},
		{0, 1, third, third, false},
		{1, 0, third, third, false},
	} {
		own, st := &wire.State{}, &wire.State{}
		own.Items, own.LastPeer, st.Items, st.LastPeer = test.mine, test.myLast, test.theirs, test.theirLast
		if got := twoHistories(own, st, me, peer); got != test.want {
			t.Errorf("%+v: %v", test, got)
		}
		own.HeirOf, st.HeirOf = store.Line{{7}, me}, store.Line{peer} // as heirs, who have incarnations of their own
		if got := twoHistories(own, st, store.ID{8}, store.ID{9}); got != test.want {
			t.Errorf("%+v, of heirs: %v", test, got)
		}
	}
}

// TestDepart_TheAckThatWasPutOffGoesFirst: or the peer, if it stops as well, would take for lost what this node has had.
func TestDepart_TheAckThatWasPutOffGoesFirst(t *testing.T) {
	d := newDuo(t)
	d.heal()
	d.now += ackMillis
	for i := range 2 { // the second one's ACK is put off
		d.set(1, "k", fmt.Sprint(i))
		d.send(1)
		for d.take(0) {
		}
		if i == 0 {
			d.send(0)
			for d.take(1) {
			}
		}
	}
	if !d.n[0].s.Depart(d.now) {
		t.Fatal("it may not go")
	}
	d.send(0)
	if got := d.framesTo(1); len(got) != 2 || got[0] != wire.TAck || got[1] != wire.TBye {
		t.Errorf("it says %v", got)
	}
}
