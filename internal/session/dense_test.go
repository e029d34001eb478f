package session

import (
	"math/rand/v2"
	"testing"

	"twincached/internal/wire"
)

// TestDense_WhatDoesNotShrinkIsSeldomTried: and as soon as a frame that is tried gets smaller, all
// are tried again. Small frames do not count.
func TestDense_WhatDoesNotShrinkIsSeldomTried(t *testing.T) {
	text, noise := make([]byte, 5000), make([]byte, 5000)
	r := rand.New(rand.NewPCG(1, 1))
	for i := range noise {
		noise[i] = byte(r.Uint32())
	}
	var d dense
	w := wire.NewWriter()
	pack := func(data []byte) (packed bool) {
		w.Reset()
		w.Piece(&wire.Piece{N: 1, Part: 1, Key: []byte("k"), Version: 1, Bytes: 5000, Data: data})
		size := w.Len()
		before, after := d.pack(w, size, wire.MinPackedBytes)
		if before != size || after != w.Len() {
			t.Fatalf("%d bytes became %d, said are %d and %d", size, w.Len(), before, after)
		}
		return after < before
	}
	for range denseTries - 1 {
		pack(noise)
	}
	if !pack(text) {
		t.Fatal("text is not packed after too little noise")
	}
	for range denseTries {
		pack(noise[:100])
		pack(noise)
	}
	for range 2 {
		for i := range denseSkips {
			pack(text[:100])
			if pack(text) {
				t.Fatalf("frame %d after the noise is tried", i)
			}
		}
		pack(noise) // this one is
	}
	for range denseSkips {
		pack(noise)
	}
	for range denseTries {
		if !pack(text) {
			t.Fatal("text is not tried again")
		}
	}
}
