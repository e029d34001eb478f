package store

import (
	"math/rand/v2"
	"testing"
)

func TestPartSet_NextGoesRound(t *testing.T) {
	var p PartSet
	if p.Next(17) != -1 || !p.Empty() {
		t.Fatal("not empty")
	}
	r := rand.New(rand.NewPCG(3, 3))
	for range 1000 {
		var in [Partitions]bool
		p = PartSet{}
		for range r.IntN(5) {
			k := r.IntN(Partitions)
			in[k] = true
			p.Add(k)
		}
		from, want := r.IntN(2*Partitions), -1
		for i := range Partitions {
			if k := (from + i) % Partitions; in[k] {
				want = k
				break
			}
		}
		if got := p.Next(from); got != want {
			t.Fatalf("next(%d) of %v is %d, want %d", from, p, got, want)
		}
	}
}
