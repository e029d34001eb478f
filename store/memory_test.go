package store

import (
	"fmt"
	"math/rand/v2"
	"strconv"
	"testing"

	"twincached/internal/testkit"
)

// fill stores random keys of one value size until evictions or refusals begin, then as many again.
func fill(t *testing.T, s *Store, rng *rand.Rand, size func() int) {
	t.Helper()
	value := make([]byte, 1<<20)
	limit := int(s.cfg.MemoryBytes)
	for written := 0; written < 3*limit; {
		n := size()
		k := []byte("key:" + strconv.FormatUint(rng.Uint64()%1e12, 10))
		if r := s.Do(testNow, &Request{Op: OpSet, Key: k, Value: value[:n]}); r.Status != Stored {
			t.Fatalf("set of %d bytes after %d: status %d", n, written, r.Status)
		}
		written += n + len(k) + headerBytes
	}
}

func TestMemory_SlackStaysUnderATenth(t *testing.T) {
	fixed := func(n int) func() int { return func() int { return n } }
	for name, size := range map[string]func(*rand.Rand) func() int{
		"100B":  func(*rand.Rand) func() int { return fixed(100) },
		"1KB":   func(*rand.Rand) func() int { return fixed(1000) },
		"10KB":  func(*rand.Rand) func() int { return fixed(10_000) },
		"30KB":  func(*rand.Rand) func() int { return fixed(30_000) },
		"100KB": func(*rand.Rand) func() int { return fixed(100_000) },
		"500KB": func(*rand.Rand) func() int { return fixed(500_000) },
		"mixed": func(r *rand.Rand) func() int { return func() int { return 1 << (3 + r.IntN(14)) } },
	} {
		if testkit.Race && name != "30KB" && name != "mixed" {
			continue // see testkit.Step
		}
		t.Run(name, func(t *testing.T) {
			s := newTestStore(t, Config{})
			rng := rand.New(rand.NewPCG(1, 2))
			fill(t, s, rng, size(rng))
			st := s.Stats()
			used := float64(st.Bytes) / float64(st.LimitBytes)
			index := 0.0
			for i := range s.parts {
				index += float64(tableBytes(len(s.parts[i].idx.slots)))
			}
			index /= float64(st.LimitBytes)
			t.Logf("%d items: %.1f%% items, %.1f%% index, %.1f%% dead", st.Items, 100*used, 100*index, 100*float64(st.DeadBytes)/float64(st.LimitBytes))
			if used+index < 0.9 {
				t.Errorf("%.1f%% of the memory is slack", 100*(1-used-index))
			}
		})
	}
}

func TestMemory_FreedBySmallServesLargeAndBack(t *testing.T) {
	s := newTestStore(t, Config{})
	rng := rand.New(rand.NewPCG(1, 2))
	sizes := []int{100, 10_000, 400_000, 100, 30_000}
	if testkit.Race {
		sizes = sizes[1:3] // see testkit.Step
	}
	for _, n := range sizes {
		fill(t, s, rng, func() int { return n })
		if st := s.Stats(); st.Items < uint64(float64(st.LimitBytes)*0.8)/uint64(n+300) {
			t.Errorf("after moving to %d bytes only %d items fit", n, st.Items)
		}
		if err := s.CheckInvariants(); err != nil {
			t.Fatal(err)
		}
	}
}

func TestMemory_OverwritesWithOtherSizesStayBounded(t *testing.T) {
	s := newTestStore(t, Config{MemoryBytes: 256 << 20})
	rng := rand.New(rand.NewPCG(3, 4))
	value := make([]byte, 3000)
	for range 400_000 / testkit.Step {
		s.set(testNow, "key"+strconv.Itoa(rng.IntN(2000)), string(value[:rng.IntN(3000)]))
	}
	if st := s.Stats(); st.CommittedBytes > 32<<20 {
		t.Errorf("3 MB of data hold %d MiB", st.CommittedBytes>>20)
	}
}

func TestMemory_OneCrowdedPartitionGrowsItsIndex(t *testing.T) {
	s := newTestStore(t, Config{MemoryBytes: 3 << 20}) // segments of 64 KiB, an index beyond that
	for i, n := 0, 0; n < 60_000; i++ {
		k := "k" + strconv.Itoa(i)
		if PartitionOf([]byte(k)) != 7 {
			continue
		}
		n++
		if r := s.set(testNow, k, "v"); r.Status != Stored {
			t.Fatalf("item %d: status %d", n, r.Status)
		}
	}
	if st := s.Stats(); st.Evictions == 0 || st.Items < 20_000 {
		t.Errorf("%d items, %d evictions", st.Items, st.Evictions)
	}
}

func TestEviction_SparesWhatIsRead(t *testing.T) {
	s := newTestStore(t, Config{MemoryBytes: 16 << 20})
	value := string(make([]byte, 100))
	for i := range 2000 {
		s.set(testNow, fmt.Sprintf("hot:%d", i), value)
	}
	for i := range 400_000 { // a scan that would fill the memory several times
		s.set(testNow, fmt.Sprintf("scan:%d", i), value)
		if i%10 == 0 {
			s.get(testNow, fmt.Sprintf("hot:%d", i/10%2000))
		}
	}
	lost := 0
	for i := range 2000 {
		if _, ok := s.get(testNow, fmt.Sprintf("hot:%d", i)); !ok {
			lost++
		}
	}
	if lost > 20 {
		t.Errorf("a scan evicted %d of 2000 items that are read all the time", lost)
	}
	if s.Stats().Evictions == 0 {
		t.Error("nothing was evicted: the test proves nothing")
	}
}

func TestNoEviction_AnswersNoMemoryAndDropsTheOldValue(t *testing.T) {
	for _, replicated := range []bool{false, true} {
		s := newTestStore(t, Config{MemoryBytes: 4 << 20, NoEviction: true, Replicated: replicated})
		value := string(make([]byte, 1000))
		i := 0
		for ; s.set(testNow, fmt.Sprintf("k%d", i), value).Status == Stored; i++ {
		}
		if r := s.set(testNow, "k0", value+value); r.Status != NoMemory {
			t.Fatalf("status %d", r.Status)
		}
		if _, ok := s.get(testNow, "k0"); ok {
			t.Error("a set that failed left the old value")
		}
		if _, ok := s.get(testNow, "k1"); !ok || s.Stats().Evictions != 0 {
			t.Error("an item was evicted")
		}
		if s.Stats().StoreNoMemory == 0 {
			t.Error("not counted")
		}
	}
}

func TestHotPath_DoesNotAllocate(t *testing.T) {
	if testkit.Race {
		t.Skip("the race detector allocates")
	}
	s := newTestStore(t, Config{Replicated: true})
	key, dst := []byte("some:key:of:20:bytes"), make([]byte, 0, 4096)
	set := &Request{Op: OpSet, Key: key, Value: make([]byte, 100)}
	incr := &Request{Op: OpIncr, Key: []byte("n"), Delta: 1}
	s.set(testNow, "n", "1")
	recs := []Record{{Key: []byte("peer:key"), Value: make([]byte, 100), Op: RecordValue, Version: VersionAt(testNow)}}
	part := PartitionOf(recs[0].Key)
	s.Attach(ID{1}, &State{}, false)
	to := uint64(0)
	for name, f := range map[string]func(){
		"get":    func() { s.Get(testNow, key, dst, renderValue) },
		"miss":   func() { s.Get(testNow, []byte("absent"), dst, renderValue) },
		"set":    func() { s.Do(testNow, set) },
		"incr":   func() { s.Do(testNow, incr) },
		"touch":  func() { s.Do(testNow, &Request{Op: OpTouch, Key: key, Expires: testNow + 1000}) },
		"delete": func() { s.Do(testNow, &Request{Op: OpDelete, Key: key}) },
		"apply": func() {
			recs[0].Version++
			recs[0].ExpVersion, to = recs[0].Version, to+1
			if err := s.ApplyBatch(testNow, part, Live, to, recs); err != nil {
				t.Fatal(err)
			}
		},
	} {
		if n := testing.AllocsPerRun(1000, f); n != 0 {
			t.Errorf("%s allocates %v times", name, n)
		}
	}
}

func BenchmarkSet(b *testing.B) {
	s := newTestStore(b, Config{MemoryBytes: 1 << 30, Replicated: true})
	key, value := make([]byte, 0, 40), make([]byte, 100)
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		key = strconv.AppendInt(append(key[:0], "key:of:20:bytes:"...), int64(i%1_000_000), 10)
		s.Do(testNow, &Request{Op: OpSet, Key: key, Value: value})
	}
}

func BenchmarkGet(b *testing.B) {
	s := newTestStore(b, Config{MemoryBytes: 1 << 30, Replicated: true})
	key, value, dst := make([]byte, 0, 40), make([]byte, 100), make([]byte, 0, 4096)
	for i := range 1_000_000 {
		key = strconv.AppendInt(append(key[:0], "key:of:20:bytes:"...), int64(i), 10)
		s.Do(testNow, &Request{Op: OpSet, Key: key, Value: value})
	}
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		key = strconv.AppendInt(append(key[:0], "key:of:20:bytes:"...), int64(i%1_000_000), 10)
		s.Get(testNow, key, dst, renderValue)
	}
}
