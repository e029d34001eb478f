package bench

import (
	"strings"
	"testing"

	"twincached/internal/bench/hits"
)

// A server with room for everything finds all that was read before; one that forgets half of
// it finds less, of the same stream.
func TestHitRatios_PlaysTheSameOnEach(t *testing.T) {
	all, half := &fake{}, &fake{lost: func(key string) bool { return key[len(key)-1]%2 == 0 }}
	w, err := Workload("zipf-0.99", 1<<20)
	if err != nil {
		t.Fatal(err)
	}
	w.Requests = 20_000
	var last Progress
	r, err := HitRatios([]string{all.serve(t, listen(t)), half.serve(t, listenUnix(t))}, w, func(p Progress) { last = p })
	if err != nil {
		t.Fatal(err)
	}
	if r[0].Requests == 0 || r[0].Requests != r[1].Requests || r[0].Ratio <= r[1].Ratio || r[1].Ratio <= 0 || r[0].Ratio > 1 {
		t.Errorf("%+v", r)
	}
	if last.Done > 1 {
		t.Errorf("%+v", last)
	}
}

func TestHitRatios_ErrorsNameTheServerAndTheWorkloads(t *testing.T) {
	_, err := Workload("none", 1<<20)
	for _, w := range hits.Workloads(1 << 20) {
		if err == nil || !strings.Contains(err.Error(), w.Name) {
			t.Errorf("%v has no %s", err, w.Name)
		}
	}
	w, _ := Workload("zipf-0.8", 1<<20)
	l := listen(t)
	l.Close()
	f := &fake{}
	if _, err := HitRatios([]string{f.serve(t, listen(t)), l.Addr().String()}, w, nil); err == nil || !strings.Contains(err.Error(), l.Addr().String()+": hits: ") {
		t.Errorf("%v", err)
	}
}
