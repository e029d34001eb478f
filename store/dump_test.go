package store

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"strings"
	"sync"
	"testing"
)

func renderKey(dst []byte, v *View) []byte { return append(append(dst, v.Key...), '\n') }

// dumpAll runs a dump in pieces of pieceBytes and counts how often each key was shown. between runs after each piece.
func dumpAll(t *testing.T, s *Store, nowMillis int64, classes ClassSet, pieceBytes int, between func()) map[string]int {
	t.Helper()
	shown := map[string]int{}
	var at DumpCursor
	for done := false; !done; {
		var out []byte
		out, done = s.Dump(nowMillis, &at, classes, nil, pieceBytes, renderKey)
		if len(out) > pieceBytes+(MaxKeyBytes+1) {
			t.Fatalf("%d bytes in a piece of %d", len(out), pieceBytes)
		}
		for k := range bytes.Lines(out) {
			shown[string(bytes.TrimSuffix(k, []byte{'\n'}))]++
		}
		if between != nil {
			between()
		}
	}
	return shown
}

func TestDump_ShowsWhatIsThereAndNothingElse(t *testing.T) {
	s := newTestStore(t, Config{Replicated: true})
	want := map[string]int{}
	for i := range 3000 {
		key := fmt.Sprintf("key%d", i)
		r := Request{Op: OpSet, Key: []byte(key), Value: []byte("v")}
		switch i % 4 {
		case 0:
			r.Expires = testNow + 10 // gone when the dump looks
		case 1:
			r.Expires = testNow + 1_000_000
		}
		s.Do(testNow, &r)
		if i%4 == 2 {
			s.Do(testNow, &Request{Op: OpDelete, Key: []byte(key)}) // a tombstone now
			continue
		}
		if i%4 != 0 {
			want[key] = 1
		}
	}
	before := s.Stats().Counters
	for _, piece := range []int{1, 100, 5000, 1 << 20} {
		shown := dumpAll(t, s, testNow+10, 0, piece, nil)
		if len(shown) != len(want) {
			t.Errorf("pieces of %d: %d keys shown, want %d", piece, len(shown), len(want))
		}
		for k, n := range shown {
			if want[k] != n {
				t.Errorf("pieces of %d: %s is shown %d times, want %d", piece, k, n, want[k])
			}
		}
	}
	if after := s.Stats().Counters; after != before {
		t.Errorf("a dump counts: %+v, before it %+v", after, before)
	}
	s.Flush(testNow + 11)
	if shown := dumpAll(t, s, testNow+11, 0, 1000, nil); len(shown) != 0 {
		t.Errorf("%d flushed items are shown", len(shown))
	}
}

func TestDump_OfAClass(t *testing.T) {
	s := newTestStore(t, Config{})
	classes := map[string]int{}
	for i := range 2000 {
		key, value := fmt.Sprintf("k%d", i), strings.Repeat("v", i*i%9000)
		s.Do(testNow, &Request{Op: OpSet, Key: []byte(key), Value: []byte(value)})
		classes[key] = ClassOf(ItemBytes(len(key), len(value)))
	}
	total := 0
	for class := 1; class < SizeClasses; class++ {
		for key, n := range dumpAll(t, s, testNow, 1<<class, 500, nil) {
			if n != 1 || classes[key] != class {
				t.Errorf("class %d: %s, of class %d, is shown %d times", class, key, classes[key], n)
			}
			total++
		}
	}
	if n := len(dumpAll(t, s, testNow, 1<<5|1<<12, 500, nil)); n != len(dumpAll(t, s, testNow, 1<<5, 500, nil))+len(dumpAll(t, s, testNow, 1<<12, 500, nil)) {
		t.Errorf("%d items in two classes", n)
	}
	if total != len(classes) {
		t.Errorf("%d items in all classes, want %d", total, len(classes))
	}
}

// TestDump_SurvivesEveryChange: what is there all the time is shown once, while everything around it comes, goes, moves and
// makes the indexes grow and shrink.
func TestDump_SurvivesEveryChange(t *testing.T) {
	s := newTestStore(t, Config{MemoryBytes: 8 << 20})
	const stay = 2000
	r := rand.New(rand.NewPCG(7, 7))
	key := func(i int) []byte { return fmt.Appendf(nil, "stay%d", i) }
	for i := range stay {
		s.Do(testNow, &Request{Op: OpSet, Key: key(i), Value: []byte("v")})
	}
	churned := 0
	churn := func() {
		grow := churned/20%2 == 0
		for range 1000 {
			c := Request{Op: OpSet, Key: fmt.Appendf(nil, "come%d", r.IntN(30_000)), Value: make([]byte, r.IntN(60))}
			if !grow {
				c.Op = OpDelete
			}
			s.Do(testNow, &c)
		}
		for range 50 { // in place, or moved
			s.Do(testNow, &Request{Op: OpSet, Key: key(r.IntN(stay)), Value: make([]byte, r.IntN(300))})
		}
		churned++
	}
	shown := dumpAll(t, s, testNow, 0, 2000, churn)
	if churned < 30 {
		t.Fatalf("only %d pieces: nothing was tested", churned)
	}
	for i := range stay {
		if n := shown[string(key(i))]; n != 1 {
			t.Errorf("%s is shown %d times", key(i), n)
		}
	}
	if st := s.Stats(); st.Evictions != 0 {
		t.Fatalf("%d evictions: the items did not stay", st.Evictions)
	}
}

// TestDump_BesideWriters: a dump and writers at once, each item of the writers held by one of them.
func TestDump_BesideWriters(t *testing.T) {
	s := newTestStore(t, Config{MemoryBytes: 16 << 20})
	const stay = 3000
	for i := range stay {
		s.Do(testNow, &Request{Op: OpSet, Key: fmt.Appendf(nil, "stay%d", i), Value: []byte("v")})
	}
	var wg sync.WaitGroup
	for w := range 3 {
		wg.Go(func() {
			r := rand.New(rand.NewPCG(uint64(w), 1))
			for i := range 30_000 {
				op := OpSet
				if i/5000%2 == 1 {
					op = OpDelete
				}
				s.Do(testNow, &Request{Op: op, Key: fmt.Appendf(nil, "w%d-%d", w, i%5000), Value: make([]byte, r.IntN(200))})
				s.Do(testNow, &Request{Op: OpSet, Key: fmt.Appendf(nil, "stay%d", r.IntN(stay)), Value: make([]byte, r.IntN(200))})
			}
		})
	}
	for range 5 {
		shown := dumpAll(t, s, testNow, 0, 4096, nil)
		for i := range stay {
			if n := shown[fmt.Sprintf("stay%d", i)]; n != 1 {
				t.Errorf("stay%d is shown %d times", i, n)
			}
		}
	}
	wg.Wait()
	if err := s.CheckInvariants(); err != nil {
		t.Error(err)
	}
}

func TestCrawl_PassesEverythingOnce(t *testing.T) {
	s := newTestStore(t, Config{})
	for i := range 5000 {
		s.Do(testNow, &Request{Op: OpSet, Key: fmt.Appendf(nil, "k%d", i), Value: []byte("v"), Expires: testNow + int64(i%2)*1000})
	}
	s.Do(testNow, &Request{Op: OpSet, Key: []byte("old"), Value: []byte("v")})
	s.Crawl()
	if !s.Crawling() {
		t.Error("a crawl that was asked for is over at once")
	}
	for range 10 {
		s.Tick(testNow + 60_000)
	}
	st := s.Stats()
	if s.Crawling() || st.CrawlerReclaimed != 2500 || st.CrawlerChecked < 2501 {
		t.Errorf("crawling %v, %d reclaimed of %d", s.Crawling(), st.CrawlerReclaimed, st.CrawlerChecked)
	}
	if k := st.Classes[1]; k.OldestMillis != testNow/1000*1000 {
		t.Errorf("the oldest access was at %d, want %d", k.OldestMillis, testNow)
	}
}

// TestDump_ACallIsBounded: also where nothing of what it looks at is to be shown.
func TestDump_ACallIsBounded(t *testing.T) {
	s := newTestStore(t, Config{MemoryBytes: 32 << 20})
	value := bytes.Repeat([]byte{'x'}, 500)
	for i := range 40_000 {
		r := Request{Op: OpSet, Key: fmt.Appendf(nil, "key%d", i)}
		if i < 4000 {
			r.Value, r.Expires = value, testNow+10
		}
		s.Do(testNow, &r)
	}
	calls := 0
	shown := dumpAll(t, s, testNow+10, 1<<ClassOf(ItemBytes(7, len(value))), 1<<20, func() { calls++ })
	if len(shown) != 0 {
		t.Errorf("%d keys shown, which have expired", len(shown))
	}
	if calls < 40_000/(dumpVisits+dumpChunk) {
		t.Errorf("40,000 items were looked at in %d calls", calls)
	}
}
