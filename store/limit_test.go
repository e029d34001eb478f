package store

import (
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"

	"twincached/internal/testkit"
)

// fillLimit stores n items of mixed sizes, some of them large.
func fillLimit(t *testing.T, s *Store, r *rand.Rand, n int) {
	t.Helper()
	for i := range n {
		size := 100 + r.IntN(6000)
		if i%200 == 0 {
			size = 100_000
		}
		res := s.Do(testNow, &Request{Op: OpSet, Key: fmt.Appendf(nil, "k%d", r.IntN(1_000_000)), Value: make([]byte, size)})
		if res.Status != Stored {
			t.Fatalf("item %d: status %d", i, res.Status)
		}
	}
}

func TestSetMemoryLimit_GrowsAndShrinks(t *testing.T) {
	limits, steps := []int64{8 << 20, 64 << 20, 200 << 20}, []int64{16, 100, 8, 150, 9}
	if testkit.Race { // see testkit.Step
		limits, steps = limits[:1], []int64{16, 8, 12}
	}
	for _, first := range limits {
		s := newTestStore(t, Config{MemoryBytes: first, Replicated: true})
		r := rand.New(rand.NewPCG(3, uint64(first)))
		for step, mib := range steps {
			if !s.SetMemoryLimit(mib << 20) {
				t.Fatalf("%d MiB from %d are refused", mib, first>>20)
			}
			before := s.Stats()
			if before.LimitBytes != uint64(mib)<<20 {
				t.Errorf("the limit is said to be %d, not %d MiB", before.LimitBytes, mib)
			}
			for i := 0; s.Stats().CommittedBytes > uint64(mib)<<20; i++ {
				if i == 1000 {
					t.Fatalf("step %d: a thousand ticks leave %d bytes of %d MiB", step, s.Stats().CommittedBytes, mib)
				}
				s.Tick(testNow)
				s.Do(testNow, &Request{Op: OpSet, Key: []byte("between"), Value: make([]byte, i)})
			}
			s.Tick(testNow)
			fillLimit(t, s, r, int(mib)*450) // somewhat more than fits
			st := s.Stats()
			if st.CommittedBytes > uint64(mib)<<20 {
				t.Errorf("step %d: %d bytes are committed of %d MiB", step, st.CommittedBytes, mib)
			}
			if st.CommittedBytes < uint64(mib)<<20*8/10 {
				t.Errorf("step %d: only %d bytes are committed of %d MiB", step, st.CommittedBytes, mib)
			}
			if err := s.CheckInvariants(); err != nil {
				t.Fatalf("step %d, %d MiB: %v", step, mib, err)
			}
		}
	}
}

func TestSetMemoryLimit_KeepsWhatFits(t *testing.T) {
	s := newTestStore(t, Config{MemoryBytes: 64 << 20})
	for i := range 5000 {
		s.Do(testNow, &Request{Op: OpSet, Key: fmt.Appendf(nil, "k%d", i), Value: make([]byte, 500)})
	}
	s.SetMemoryLimit(16 << 20)
	for range 50 {
		s.Tick(testNow)
	}
	if st := s.Stats(); st.Items != 5000 || st.Evictions != 0 {
		t.Errorf("%d of 5000 items are left, %d evicted, although all fit", st.Items, st.Evictions)
	}
}

func TestSetMemoryLimit_RefusesWhatCannotBe(t *testing.T) {
	s := newTestStore(t, Config{MemoryBytes: 64 << 20, MaxItemBytes: 10 << 20})
	for _, bytes := range []int64{0, -1, 1 << 20, 19 << 20, s.arena.room + 1, 1 << 50} {
		if s.SetMemoryLimit(bytes) {
			t.Errorf("%d bytes are taken", bytes)
		}
	}
	if got := s.Stats().LimitBytes; got != 64<<20 {
		t.Errorf("the limit became %d", got)
	}
}

func TestSetMemoryLimit_WithoutEvictionKeepsEverything(t *testing.T) {
	s := newTestStore(t, Config{MemoryBytes: 64 << 20, NoEviction: true})
	stored := 0
	for i := range 40_000 {
		if s.Do(testNow, &Request{Op: OpSet, Key: fmt.Appendf(nil, "k%d", i), Value: make([]byte, 1000)}).Status == Stored {
			stored++
		}
	}
	s.SetMemoryLimit(16 << 20)
	for range 50 {
		s.Tick(testNow)
	}
	if st := s.Stats(); int(st.Items) != stored || stored == 0 {
		t.Errorf("%d of %d items are left", st.Items, stored)
	}
	for i := 0; s.Do(testNow, &Request{Op: OpSet, Key: fmt.Appendf(nil, "more%d", i), Value: make([]byte, 1000)}).Status != NoMemory; i++ {
		if i == 1000 { // more than the segment being filled takes
			t.Fatal("a store far over its limit takes more and more")
		}
	}
	if err := s.CheckInvariants(); err != nil {
		t.Error(err)
	}
}

// TestSetMemoryLimit_BesideWriters: the limit goes up and down while others write and sweep.
func TestSetMemoryLimit_BesideWriters(t *testing.T) {
	s := newTestStore(t, Config{MemoryBytes: 16 << 20, Replicated: true})
	var writers, rest sync.WaitGroup
	stop := make(chan struct{})
	for w := range 3 {
		writers.Go(func() {
			r := rand.New(rand.NewPCG(9, uint64(w)))
			for range 6000 {
				key := fmt.Appendf(nil, "k%d", r.IntN(50_000))
				if r.IntN(4) == 0 {
					s.Do(testNow, &Request{Op: OpDelete, Key: key})
				} else if st := s.Do(testNow, &Request{Op: OpSet, Key: key, Value: make([]byte, r.IntN(9000))}).Status; st != Stored {
					t.Errorf("status %d", st)
					return
				}
			}
		})
	}
	for w := range 2 {
		rest.Go(func() {
			for i := 0; ; i++ {
				select {
				case <-stop:
					return
				default:
				}
				if w == 0 {
					s.SetMemoryLimit(int64(8+i*7%40) << 20)
				}
				s.Tick(testNow)
			}
		})
	}
	writers.Wait()
	close(stop)
	rest.Wait()
	s.SetMemoryLimit(8 << 20)
	for i := 0; s.Stats().CommittedBytes > 8<<20; i++ {
		if i == 1000 {
			t.Fatal("a thousand ticks do not bring it down")
		}
		s.Tick(testNow)
	}
	s.Tick(testNow)
	if err := s.CheckInvariants(); err != nil {
		t.Error(err)
	}
}

// TestSetMemoryLimit_BudgetOfTombstones: a smaller memory has a smaller budget, also
// where everything fits into it.
func TestSetMemoryLimit_BudgetOfTombstones(t *testing.T) {
	s := newTestStore(t, Config{MemoryBytes: 200 << 20, Replicated: true})
	for i := range 60_000 { // 4 MiB
		s.Do(testNow, &Request{Op: OpDelete, Key: fmt.Appendf(nil, "key-%d", i)})
	}
	s.Attach(ID{1}, &State{}, false)
	s.TakeDirty()
	if !s.SetMemoryLimit(16 << 20) {
		t.Fatal("16 MiB are refused")
	}
	s.Tick(testNow)
	if err := s.CheckInvariants(); err != nil {
		t.Error(err)
	}
	dirty := s.TakeDirty()
	all, _ := graves(t, s)
	for part := range all {
		if dirty[part/64]>>(part%64)&1 == 0 {
			t.Fatalf("the sender is not told of the grave of partition %d", part)
		}
	}
	if st := s.Stats(); st.Buried == 0 || st.Buried+st.Tombstones != 60_000 {
		t.Errorf("%d tombstones are left, and %d have graves", st.Tombstones, st.Buried)
	}
}
