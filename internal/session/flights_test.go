package session

import (
	"math/rand/v2"
	"testing"

	"twincached/store"
)

func TestFlights_KeepOrderAndBytes(t *testing.T) {
	var f flights
	next, sum := uint64(1), 0
	r := rand.New(rand.NewPCG(4, 4))
	for n := uint64(1); n < 2000; n++ {
		b := r.IntN(100)
		f.push(flight{n: n, bytes: int32(b)})
		sum += b
		for f.frames.num > 0 && r.IntN(3) > 0 && f.frames.num > int(n)/10 { // it grows also where the oldest is not in front
			if f.oldest().n != next {
				t.Fatalf("oldest is %d, want %d", f.oldest().n, next)
			}
			sum -= int(f.oldest().bytes)
			f.pop()
			next++
		}
		if f.bytes != sum {
			t.Fatalf("%d bytes, want %d", f.bytes, sum)
		}
	}
}

func TestFlights_AreFullAtEitherLimit(t *testing.T) {
	var f flights
	for n := range windowFrames {
		if f.full(100) {
			t.Fatalf("full with %d frames of no bytes", n)
		}
		f.push(flight{n: uint64(n)})
	}
	if !f.full(100) {
		t.Error("not full with all frames that may be under way")
	}
	f = flights{}
	f.push(flight{bytes: 1})
	for part := range windowFrames {
		if f.full(100) {
			t.Fatalf("full with one frame that moves %d partitions", part)
		}
		f.moves(part%store.Partitions, store.Cursor{})
	}
	if !f.full(100) {
		t.Error("not full with all partitions that frames under way may move")
	}
	f = flights{}
	f.push(flight{bytes: 99})
	if f.full(100) {
		t.Error("full below the window")
	}
	if f.push(flight{bytes: 1}); !f.full(100) {
		t.Error("not full with the window's bytes")
	}
}
