package session

import "testing"

// TestLag_FromSendingToAck: by the time that the ACK took, each frame once.
func TestLag_FromSendingToAck(t *testing.T) {
	d := newDuo(t)
	d.heal()
	if h := d.n[1].Lag(); h.Count == 0 || h.Within[len(h.Within)-1] != h.Count {
		t.Fatalf("of the first copy: %+v", h)
	}
	before := d.n[0].Lag()
	for _, millis := range []int64{0, 1, 2, 7, 300, 900} {
		d.now += ackMillis // since the last ACK: the next one goes out at once
		d.set(0, "key", "value")
		d.send(0)
		d.now += millis
		for d.take(1) {
		}
		d.send(1)
		for d.take(0) {
		}
	}
	h := d.n[0].Lag()
	if n, sum := h.Count-before.Count, h.SumMillis-before.SumMillis; n != 6 || sum != 0+1+2+7+300+900 {
		t.Errorf("%d frames took %d ms", n, sum)
	}
	for i, want := range []uint64{2, 3, 3, 4, 4, 4, 4, 4, 5, 6, 6, 6, 6} {
		if got := h.Within[i] - before.Within[i]; got != want {
			t.Errorf("%d took %d ms or less, want %d", got, LagBoundsMillis[i], want)
		}
	}
}

// TestLag_EveryTimeHasABucket: also one beyond the last bound, and one of a clock that went
// back.
func TestLag_EveryTimeHasABucket(t *testing.T) {
	d := newDuo(t)
	n := d.n[0]
	for _, millis := range []int64{-5, 10_000, 10_001, 1 << 40} {
		n.meter.lag.note(millis)
	}
	if h := n.Lag(); h.Count != 4 || h.Within[0] != 1 || h.Within[len(h.Within)-1] != 2 || h.SumMillis != 20_001+1<<40 {
		t.Errorf("%+v", h)
	}
}

// What a session had under way when it ended was not acknowledged.
func TestLag_OfALostSessionDoesNotCount(t *testing.T) {
	d := newDuo(t)
	d.heal()
	before := d.n[0].Lag().Count
	d.set(0, "key", "value")
	d.send(0)
	d.cut()
	if got := d.n[0].Lag().Count; got != before {
		t.Errorf("%d frames count", got-before)
	}
}
