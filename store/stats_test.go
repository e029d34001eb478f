package store

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
)

// TestStats_ClassesAddUpToTheTotals: whoever adds the classes up gets the totals, before and after a reset.
func TestStats_ClassesAddUpToTheTotals(t *testing.T) {
	s := newTestStore(t, Config{MemoryBytes: 4 << 20, MaxItemBytes: 1 << 20})
	r := rand.New(rand.NewPCG(4, 2))
	traffic := func() {
		for i := range 20_000 {
			now := testNow + int64(i)
			key := fmt.Appendf(nil, "k%d", r.IntN(4000))
			req := Request{Op: Op(1 + r.IntN(int(OpTouch))), Key: key, Value: []byte(strings.Repeat("7", 1+r.IntN(9)*r.IntN(4000))), Delta: 1}
			switch r.IntN(8) {
			case 0, 3:
				req.Expires = now + 50
			case 1:
				req.CAS = uint64(r.Int64())
			case 2:
				s.Get(now, key, nil, func(dst []byte, v *View) []byte { req.CAS = v.Version; return dst })
			}
			if req.Op == OpDrop {
				req.Op = OpSet
			}
			s.Do(now, &req)
			s.Get(now, key, nil, renderValue)
			if i%3 == 0 {
				s.Fetch(now, &Fetch{Key: key, Touch: true}, nil, renderNothing{})
			}
		}
		s.Tick(testNow + 30_000)
	}
	traffic()
	for _, when := range []string{"at first", "after a reset"} {
		st := s.Stats()
		var items, size uint64
		var sum ClassCounters
		for i := range st.Classes {
			items += st.Classes[i].Items
			size += st.Classes[i].Bytes
			sum.add(&st.Classes[i].ClassCounters)
		}
		if items != st.Items || size != st.Bytes {
			t.Errorf("%s: %d items of %d bytes in all classes, %d of %d in all", when, items, size, st.Items, st.Bytes)
		}
		for name, n := range map[string][2]uint64{
			"get hits": {sum.GetHits, st.GetHits}, "sets": {sum.CmdSet, st.CmdSet}, "delete hits": {sum.DeleteHits, st.DeleteHits},
			"incr hits": {sum.IncrHits, st.IncrHits}, "decr hits": {sum.DecrHits, st.DecrHits}, "touch hits": {sum.TouchHits, st.TouchHits},
			"cas hits": {sum.CasHits, st.CasHits}, "cas badval": {sum.CasBadval, st.CasBadval}, "evictions": {sum.Evictions, st.Evictions},
			"reclaimed": {sum.Reclaimed + sum.CrawlerReclaimed, st.Reclaimed + st.CrawlerReclaimed},
		} {
			if n[0] != n[1] || n[1] == 0 {
				t.Errorf("%s: %s: %d in all classes, %d in all", when, name, n[0], n[1])
			}
		}
		if got := st.GetHits + st.GetMisses; got != st.CmdGet || st.CmdTouch != st.TouchHits+st.TouchMisses {
			t.Errorf("%s: %d gets are %d hits or misses", when, st.CmdGet, got)
		}
		s.ResetStats()
		if st := s.Stats(); st.GetHits != 0 || st.CmdSet != 0 || st.Evictions != 0 || st.Items != items {
			t.Errorf("a reset leaves %+v", st.Counters)
		}
		traffic()
	}
	if err := s.CheckInvariants(); err != nil {
		t.Error(err)
	}
}

// TestClassOf_IsMemcacheds: the sizes that memcached -vv prints.
func TestClassOf_IsMemcacheds(t *testing.T) {
	for class, chunk := range map[int]int{1: 96, 2: 120, 3: 152, 10: 752, 20: 7104, 31: 82792, 38: 394840, 39: 524288} {
		if got := int(classLimits[class]); got != chunk {
			t.Errorf("class %d has chunks of %d, want %d", class, got, chunk)
		}
		if got := ClassOf(chunk); got != class {
			t.Errorf("an item of %d bytes is of class %d, want %d", chunk, got, class)
		}
		if got := ClassOf(chunk + 1); got != min(class+1, SizeClasses-1) {
			t.Errorf("an item of %d bytes is of class %d", chunk+1, got)
		}
	}
	if got := ClassOf(MaxItemLimitBytes); got != SizeClasses-1 {
		t.Errorf("the largest item is of class %d", got)
	}
}

type renderNothing struct{}

func (renderNothing) Render(dst []byte, _ *View) []byte { return dst }

// TestStats_SayWhatWasEvicted: how long it had not been read, whether it had an expiry, whether anybody ever read it.
func TestStats_SayWhatWasEvicted(t *testing.T) {
	s := newTestStore(t, Config{MemoryBytes: 4 << 20})
	const later = testNow + 100_000
	put := func(now int64, i int, expires int64) {
		s.Do(now, &Request{Op: OpSet, Key: fmt.Appendf(nil, "k%d", i), Value: make([]byte, 1000), Expires: expires})
	}
	for i := range 2000 {
		put(testNow, i, int64(i%2)*(testNow+1_000_000))
	}
	for i := 2000; i%20 != 0 || s.Stats().Evictions < 300; i++ {
		put(later, i, 0)
	}
	st := s.Stats()
	k := &st.Classes[ClassOf(ItemBytes(5, 1000))]
	if k.EvictedIdle != 100 {
		t.Errorf("the item last evicted was idle for %d s, want 100", k.EvictedIdle)
	}
	if k.Evictions != st.Evictions || k.EvictedUnfetched != k.Evictions || k.EvictedActive != 0 {
		t.Errorf("%d evictions: %d never read, %d read lately", k.Evictions, k.EvictedUnfetched, k.EvictedActive)
	}
	if k.EvictedNonzero < k.Evictions/4 || k.EvictedNonzero > k.Evictions*3/4 {
		t.Errorf("%d of %d evictions had an expiry, want about half", k.EvictedNonzero, k.Evictions)
	}
	if k.DirectReclaims == 0 || st.DirectReclaims != k.DirectReclaims {
		t.Errorf("%d waits for memory, %d in all", k.DirectReclaims, st.DirectReclaims)
	}
}
