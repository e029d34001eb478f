package session

import (
	"bytes"
	"testing"

	"twincached/internal/wire"
)

// TestPacked_OnlyItsSenderDecides: each node compresses what it sends if its own configuration
// says so, small frames never, and both hold the same in the end.
func TestPacked_OnlyItsSenderDecides(t *testing.T) {
	d := newDuo(t)
	d.n[0].cfg.Compress = true
	d.heal()
	d.rest()
	text := string(bytes.Repeat([]byte("text "), 1000))
	said := func(i int) (types []wire.Type) {
		for _, b := range d.saidBy(i) {
			if b.Type == wire.TPacked || b.Type == wire.TMany {
				types = append(types, b.Type)
			}
		}
		return types
	}
	for _, step := range []struct {
		node  int
		value string
		want  wire.Type
	}{{0, text, wire.TPacked}, {1, text, wire.TMany}, {0, "short", wire.TMany}} {
		d.set(step.node, "k"+step.value[:1], step.value)
		if got := said(step.node); len(got) != 1 || got[0] != step.want {
			t.Errorf("node %d sends %v for %d bytes", step.node, got, len(step.value))
		}
		d.rest()
	}
	d.same()
	c := d.n[0].Counts()
	if c.PackedOut == 0 || c.PackedOut >= c.UnpackedOut || c.UnpackedOut < 5000 || c.Live.BytesOut != c.PackedOut {
		t.Errorf("%d bytes became %d, %d on the live lane", c.UnpackedOut, c.PackedOut, c.Live.BytesOut)
	}
	if c := d.n[1].Counts(); c.PackedOut != 0 || c.UnpackedOut != 0 {
		t.Errorf("the other node counts %+v", c)
	}
}

// TestPacked_NothingOfAStranger: what comes before STATE is not unpacked, whatever the memory
// that a session works in was used for before.
func TestPacked_NothingOfAStranger(t *testing.T) {
	d := newDuo(t)
	var scratch Scratch
	scratch.dec.Unpacks = true
	s := newSession(d.n[0].Core, false, [32]byte{1}, &scratch)
	s.OnConnect(d.now)
	w := wire.NewWriter()
	w.Piece(&wire.Piece{N: 1, Part: 1, Key: []byte("k"), Version: 1, Bytes: 5000, Data: make([]byte, 5000)})
	if before, after := w.Pack(0); before == after {
		t.Fatal("it is not packed")
	}
	if err := s.OnFrame(d.now, w.Bytes()[wire.HeadBytes:]); err == nil {
		t.Fatal("taken")
	}
	if scratch.body.Type != wire.TPacked {
		t.Errorf("unpacked: %v", scratch.body.Type)
	}
}
