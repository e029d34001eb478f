package session

import (
	"bytes"
	"errors"
	"fmt"
	"testing"

	"twincached/internal/wire"
	"twincached/store"
)

// said is what node i hears of the other one's status, if that is new.
func (d *duo) said(i int) string { return string(d.n[i].s.TakeStatus(nil)) }

// TestStatus_ReachesThePeer: the latest, once, in both directions, and again in the next
// session.
func TestStatus_ReachesThePeer(t *testing.T) {
	d := newDuo(t)
	d.n[0].SetStatus([]byte("a1"))
	d.heal()
	d.pass(300)
	if a, b := d.said(0), d.said(1); a != "" || b != "a1" {
		t.Fatalf("a hears %q, b hears %q", a, b)
	}
	d.pass(3000)
	if again := d.said(1); again != "" {
		t.Errorf("%q comes twice", again)
	}
	d.n[1].SetStatus([]byte("b1"))
	d.pass(300)
	if got := d.said(0); got != "b1" {
		t.Errorf("a hears %q", got)
	}
	for i := range 5 {
		d.n[0].SetStatus(fmt.Append(nil, "a", 2+i))
	}
	d.pass(1000)
	if got := d.said(1); got != "a6" {
		t.Errorf("b hears %q, not the latest", got)
	}
	d.heal()
	d.pass(300)
	if got := d.said(1); got != "a6" {
		t.Errorf("after a reconnect b hears %q", got)
	}
	for _, nothing := range [][]byte{nil, {}, make([]byte, wire.MaxStatusBytes+1)} {
		d.n[0].SetStatus(nothing)
		d.pass(1000)
		if got := d.said(1); got != "" {
			t.Errorf("%d bytes arrive of a status of %d", len(got), len(nothing))
		}
	}
	d.n[0].SetStatus(make([]byte, wire.MaxStatusBytes))
	d.pass(1000)
	if got := d.said(1); len(got) != wire.MaxStatusBytes {
		t.Errorf("%d bytes arrive", len(got))
	}
}

// TestStatus_IsBehindDataAndWakesNobody: it goes out with other frames, as the last of them,
// and seldom.
func TestStatus_IsBehindDataAndWakesNobody(t *testing.T) {
	d := newDuo(t)
	d.heal()
	d.pass(2000)
	sent := 0
	for millis := range int64(20_000) {
		d.now++
		n := d.n[0]
		n.SetStatus(fmt.Append(nil, "status ", millis))
		if millis%333 == 0 {
			d.set(0, "key", fmt.Sprint(millis))
		}
		if n.s.WantsWrite() && millis%333 != 0 {
			n.w.Reset() // the peer's PING, or an ACK that is due
		}
		d.send(0)
		d.send(1)
		types := typesOf(t, n.w.Bytes())
		for i, typ := range types {
			if typ != wire.TStatus {
				continue
			}
			if sent++; i != len(types)-1 || i == 0 {
				t.Fatalf("STATUS in %v", types)
			}
		}
		for i := range d.n {
			for d.take(i) {
			}
		}
	}
	if sent < 20 || sent > 20_000/statusMillis+1 {
		t.Errorf("%d were sent in 20 s", sent)
	}
}

// typesOf is the types of the frames in b.
func typesOf(t testing.TB, b []byte) (types []wire.Type) {
	t.Helper()
	for len(b) > 0 {
		body, n, err := wire.Split(b, wire.MaxFrameBytes(1<<20))
		var f wire.Body
		if err == nil {
			err = new(wire.Decoder).Decode(body, &f)
		}
		if err != nil || n == 0 {
			t.Fatal(n, err)
		}
		types, b = append(types, f.Type), b[n:]
	}
	return types
}

// TestStatus_OfAStranger: before both have proved themselves, and the peer's STATE has come,
// nothing is taken.
func TestStatus_OfAStranger(t *testing.T) {
	status := body(t, func(w *wire.Writer) { w.Status(wire.Status{Text: []byte("believe me")}) })
	for phase, s := range sessionsOfAllPhases(t) {
		before := s.Phase()
		err := s.OnFrame(testStart, status)
		got := s.TakeStatus(nil)
		var end *End
		switch early := before < PhaseCatchup; {
		case early && (!errors.As(err, &end) || end.Code != wire.ByeBadFrame || len(got) > 0):
			t.Errorf("in phase %s: %v, and it was kept: %q", phase, err, got)
		case !early && (err != nil || string(got) != "believe me"):
			t.Errorf("in phase %s: %v, %q", phase, err, got)
		}
	}
}

// TestStatus_TakesNoMoreMemoryThanOne: whatever comes, the latest is kept.
func TestStatus_TakesNoMoreMemoryThanOne(t *testing.T) {
	m := newQuietPair(t)
	m.heal()
	s := m.n[1].s
	large := body(t, func(w *wire.Writer) { w.Status(wire.Status{Text: bytes.Repeat([]byte("x"), wire.MaxStatusBytes)}) })
	if n := allocated(func() {
		for range 1000 {
			if err := s.OnFrame(m.now, large); err != nil {
				t.Fatal(err)
			}
		}
	}); n > 4*wire.MaxStatusBytes {
		t.Errorf("%d bytes were allocated", n)
	}
	if len(m.n[1].items()) != 0 || m.n[1].st.State().Clock != m.n[1].s.cfg.Store.Clock() {
		t.Error("the store changed")
	}
	m.set(0, 0, []byte("and data"))
	m.finish()
}

// A node with much to send has room for a STATUS, behind what it sends.
func TestStatus_TravelsWhileDataDoes(t *testing.T) {
	d := newDuo(t, store.Config{MemoryBytes: 64 << 20})
	for k := range 20_000 {
		d.set(0, fmt.Sprint("key ", k), "some value that takes a while to copy: "+fmt.Sprint(k))
	}
	d.n[0].SetStatus([]byte("copying"))
	d.link()
	for range 10_000 {
		d.turn()
		if d.said(1) != "" {
			break
		}
	}
	if d.n[0].s.Quiet() {
		t.Error("it came when the copy was done")
	}
	d.rest()
	d.same()
}
