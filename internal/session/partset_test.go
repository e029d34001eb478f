package session

import (
	"math/rand/v2"
	"testing"

	"twincached/store"
)

func TestPartSet_NextGoesRound(t *testing.T) {
	var p partSet
	if p.next(17) != -1 || !p.empty() {
		t.Fatal("not empty")
	}
	r := rand.New(rand.NewPCG(3, 3))
	for range 1000 {
		var in [store.Partitions]bool
		p = partSet{}
		for range r.IntN(5) {
			k := r.IntN(store.Partitions)
			in[k] = true
			p.add(k)
		}
		from, want := r.IntN(2*store.Partitions), -1
		for i := range store.Partitions {
			if k := (from + i) % store.Partitions; in[k] {
				want = k
				break
			}
		}
		if got := p.next(from); got != want {
			t.Fatalf("next(%d) of %v is %d, want %d", from, p, got, want)
		}
	}
}
