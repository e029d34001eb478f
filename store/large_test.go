package store

import (
	"bytes"
	"runtime"
	"testing"
	"time"
)

// pattern is n bytes that differ from one seed to the next.
func pattern(n int, seed byte) []byte {
	b := make([]byte, n)
	for i := range b {
		b[i] = byte(i>>8) ^ byte(i) ^ seed
	}
	return b
}

func (s *Store) committed() int64 {
	s.arena.mu.Lock()
	defer s.arena.mu.Unlock()
	return s.arena.committed
}

// large makes a store for values of 8 MiB.
func large(t testing.TB, cfg Config) *Store {
	cfg.MemoryBytes, cfg.MaxItemBytes, cfg.Replicated = 64<<20, 16<<20, true
	return newTestStore(t, cfg)
}

func (s *Store) lent(t testing.TB, key string) (*Loan, Sent) {
	t.Helper()
	part := PartitionOf([]byte(key))
	s.Attach(ID{1}, &State{}, false)
	sent := s.Collect(part, Bulk, 100, 1<<20, func(*Record) {})
	if sent.Loan == nil || string(sent.Loan.Key) != key {
		t.Fatalf("the value is not lent: %+v", sent)
	}
	return sent.Loan, sent
}

func (l *Loan) all() (b []byte, ok bool) {
	ok = l.Read(0, 1<<30, func(p []byte) { b = append(b, p...) })
	return b, ok
}

// TestLarge_IsCopiedBeforeAnyLock: with its partition locked, the whole value gets into
// memory, and only then its writer waits.
func TestLarge_IsCopiedBeforeAnyLock(t *testing.T) {
	s := large(t, Config{})
	v := pattern(8<<20, 1)
	p, _ := s.partition([]byte("k"))
	before := s.committed()
	p.mu.Lock()
	done := make(chan Result)
	go func() { done <- s.Do(testNow, &Request{Op: OpSet, Key: []byte("k"), Value: v}) }()
	for deadline := time.Now().Add(30 * time.Second); s.committed()-before < int64(len(v)); runtime.Gosched() {
		if time.Now().After(deadline) {
			t.Fatal("the value waits for the lock of its partition")
		}
	}
	p.mu.Unlock()
	if res := <-done; res.Status != Stored || res.Number != uint64(len(v)) {
		t.Fatalf("%+v", res)
	}
	if got, _ := s.get(testNow, "k"); got != string(v) {
		t.Fatal("another value is there")
	}
}

func TestLarge_MemoryCountsAsItIsFilled(t *testing.T) {
	s := large(t, Config{})
	before := s.committed()
	d := s.NewDraft(1, 8<<20)
	if got := s.committed(); got != before {
		t.Fatalf("%d bytes for an empty draft", got-before)
	}
	d.Fill(testNow, pattern(1<<20, 0))
	if got := s.committed() - before; got < 1<<20 || got > 1<<20+2*pageBytes {
		t.Fatalf("%d bytes for 1 MiB", got)
	}
	d.Fill(testNow, pattern(1<<20, 0))
	d.Drop()
	d.Drop()
	s.Tick(testNow)
	if got := s.committed(); got != before {
		t.Fatalf("%d bytes are left", got-before)
	}
}

// TestLarge_MemoryIsGivenBackUnderNoLock: a delete does not do it. Tick does, or who needs it.
func TestLarge_MemoryIsGivenBackUnderNoLock(t *testing.T) {
	s := large(t, Config{NoEviction: true})
	empty, v := s.committed(), string(pattern(15<<20, 3))
	for range 3 { // of 64
		for _, k := range []string{"a", "b", "c"} {
			if res := s.set(testNow, k, v); res.Status != Stored {
				t.Fatalf("%s: %+v", k, res)
			}
		}
		full := s.committed()
		for _, k := range []string{"a", "b", "c"} {
			s.Do(testNow, &Request{Op: OpDelete, Key: []byte(k)})
		}
		if s.committed() < full {
			t.Fatal("a delete gave large memory back itself")
		}
	}
	s.Tick(testNow)
	if left := s.committed() - empty; left > 2<<20 {
		t.Fatalf("%d bytes are left", left)
	}
}

func TestLoan_OutlivesItsItem(t *testing.T) {
	v := pattern(8<<20, 1)
	for name, change := range map[string]func(s *Store){
		"replaced":         func(s *Store) { s.set(testNow, "k", string(pattern(8<<20, 2))) },
		"prepended to":     func(s *Store) { s.Do(testNow, &Request{Op: OpPrepend, Key: []byte("k"), Value: []byte("x")}) },
		"replaced, small":  func(s *Store) { s.set(testNow, "k", "v") },
		"replaced by peer": func(s *Store) { s.applied(t, "k", pattern(8<<20, 2)) },
		"deleted":          func(s *Store) { s.Do(testNow, &Request{Op: OpDelete, Key: []byte("k")}) },
		"flushed":          func(s *Store) { s.Flush(testNow); s.get(testNow, "k") },
	} {
		t.Run(name, func(t *testing.T) {
			s := large(t, Config{})
			empty := s.committed()
			s.set(testNow, "k", string(v))
			l, _ := s.lent(t, "k")
			change(s)
			s.Tick(testNow)
			if got, ok := l.all(); !ok || !bytes.Equal(got, v) {
				t.Fatalf("the loan has changed (%d bytes, %v)", len(got), ok)
			}
			l.Close()
			if _, ok := l.all(); ok {
				t.Fatal("it can be read after Close")
			}
			s.Do(testNow, &Request{Op: OpDelete, Key: []byte("k")})
			s.Tick(testNow)
			if left := s.committed() - empty; left > 2<<20 {
				t.Fatalf("%d bytes are left", left)
			}
		})
	}
}

// applied gives the store a value in pieces from the peer, newer than all.
func (s *Store) applied(t testing.TB, key string, v []byte) {
	t.Helper()
	part := PartitionOf([]byte(key))
	r := Record{Key: []byte(key), Version: VersionAt(testNow + 1000), ExpVersion: VersionAt(testNow + 1000), Flags: 7}
	in, err := s.Incoming(part, r.Key, r.Version, len(v))
	if err != nil {
		t.Fatal(err)
	}
	for at := 0; at < len(v); at += 60_000 {
		if err := in.Add(testNow, r.Key, r.Version, len(v), at, v[at:min(at+60_000, len(v))]); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.ApplyIncoming(testNow, part, Live, 1, &r, in); err != nil {
		t.Fatal(err)
	}
	in.Drop()
}

// TestLoan_IsRevokedWhereMemoryIsShort: no client is refused because its peer is slow.
func TestLoan_IsRevokedWhereMemoryIsShort(t *testing.T) {
	for _, evict := range []bool{true, false} {
		s := newTestStore(t, Config{MemoryBytes: 40 << 20, MaxItemBytes: 20 << 20, Replicated: true, NoEviction: !evict})
		s.set(testNow, "k", string(pattern(14<<20, 1)))
		l, _ := s.lent(t, "k")
		for i := range 4 {
			if res := s.set(testNow, "k", string(pattern(14<<20, byte(i)))); res.Status != Stored {
				t.Fatalf("eviction %v, set %d: status %d", evict, i, res.Status)
			}
		}
		if _, ok := l.all(); ok {
			t.Error("it still has its memory")
		}
		l.Close()
	}
}

// TestLoan_TakenBackOnceWhereAClientReadsItToo: its memory does not come before that client
// is done, so who needs memory is refused, and does not wait for the session.
func TestLoan_TakenBackOnceWhereAClientReadsItToo(t *testing.T) {
	s := newTestStore(t, Config{MemoryBytes: 40 << 20, MaxItemBytes: 20 << 20, Replicated: true, NoEviction: true})
	s.set(testNow, "k", string(pattern(14<<20, 1)))
	l, _ := s.lent(t, "k")
	v := s.pinned(t, "k")
	s.Do(testNow, &Request{Op: OpDelete, Key: []byte("k")})
	done := make(chan Status)
	go func() {
		s.set(testNow, "k2", string(pattern(14<<20, 2)))
		done <- s.set(testNow, "k3", string(pattern(14<<20, 3))).Status
	}()
	select {
	case got := <-done:
		if got != NoMemory {
			t.Errorf("status %d", got)
		}
	case <-time.After(30 * time.Second):
		t.Error("a writer waits for memory that somebody reads")
		v.Release() // and lets it go on
		<-done
	}
	if _, ok := l.all(); ok {
		t.Error("it is lent still")
	}
	v.Release()
	l.Close()
}

func TestLoan_OneAtATime(t *testing.T) {
	s := large(t, Config{})
	s.set(testNow, "k", string(pattern(2<<20, 1)))
	other := "k2"
	for n := 0; PartitionOf([]byte(other)) == PartitionOf([]byte("k")); n++ {
		other += "x"
	}
	s.set(testNow, other, string(pattern(2<<20, 2)))
	l, _ := s.lent(t, "k")
	part := PartitionOf([]byte(other))
	if sent := s.Collect(part, Bulk, 10, 1<<20, func(*Record) {}); !sent.Wait || sent.Moved || !sent.More || sent.Done {
		t.Fatalf("a second one: %+v", sent)
	}
	l.Close()
	sent := s.Collect(part, Bulk, 10, 1<<20, func(*Record) {})
	if sent.Loan == nil || !sent.Moved || !sent.Done {
		t.Fatalf("after the first was closed: %+v", sent)
	}
	sent.Loan.Close()
}

func TestIncoming_BecomesAnItem(t *testing.T) {
	s := large(t, Config{})
	s.set(testNow, "k", "older")
	v := pattern(3<<20, 9)
	s.applied(t, "k", v)
	if got, ok := s.get(testNow, "k"); !ok || got != string(v) {
		t.Fatal("another value is there")
	}
	s.applied(t, "k", v) // once more, after a cut: nothing changes, and nothing is copied
	if got, ok := s.get(testNow, "k"); !ok || got != string(v) {
		t.Fatal("another value is there after a repetition")
	}
}

// TestIncoming_WithoutRoomDropsTheOlder as a value in one piece does.
func TestIncoming_WithoutRoomDropsTheOlder(t *testing.T) {
	s := newTestStore(t, Config{MemoryBytes: 16 << 20, MaxItemBytes: 8 << 20, Replicated: true, NoEviction: true})
	s.set(testNow, "k", "older")
	for _, k := range []string{"a", "b"} {
		s.set(testNow, k, string(pattern(6<<20, 1)))
	}
	before := s.committed()
	s.applied(t, "k", pattern(7<<20, 2))
	if _, ok := s.get(testNow, "k"); ok {
		t.Error("the older value is served")
	}
	s.Tick(testNow)
	if got := s.Stats().ApplyNoMemory; got != 1 || s.committed() > before {
		t.Errorf("counted %d times, %d bytes left", got, s.committed()-before)
	}
	s.applied(t, "k2", pattern(9<<20, 2))
	if got := s.Stats().ApplyTooLarge; got != 1 {
		t.Errorf("too large: counted %d times", got)
	}
}

func TestIncoming_PiecesThatDoNotFit(t *testing.T) {
	s := large(t, Config{})
	part := PartitionOf([]byte("k"))
	if _, err := s.Incoming(part^1, []byte("k"), 1, 10); err == nil {
		t.Error("a key of another partition")
	}
	in, _ := s.Incoming(part, []byte("k"), 9, 10)
	defer in.Drop()
	for name, err := range map[string]error{
		"another key":     in.Add(testNow, []byte("q"), 9, 10, 0, []byte("x")),
		"another version": in.Add(testNow, []byte("k"), 8, 10, 0, []byte("x")),
		"another size":    in.Add(testNow, []byte("k"), 9, 11, 0, []byte("x")),
		"a gap":           in.Add(testNow, []byte("k"), 9, 10, 1, []byte("x")),
		"too long":        in.Add(testNow, []byte("k"), 9, 10, 0, []byte("elevenbytes")),
		"not complete":    s.ApplyIncoming(testNow, part, Live, 1, &Record{Key: []byte("k"), Version: 9}, in),
		"none":            s.ApplyIncoming(testNow, part, Live, 1, &Record{Key: []byte("k"), Version: 9}, nil),
	} {
		if err == nil {
			t.Errorf("%s: accepted", name)
		}
	}
}

func TestRunMap_SetsWholeWords(t *testing.T) {
	for _, at := range []int{0, 1, 63, 64, 100} {
		for _, n := range []int{1, 2, 63, 64, 65, 200} {
			m := newRunMap(0, 512*pageBytes)
			m.set(at, n, true)
			for p := range 512 {
				if used := m.words[p/64]>>(p%64)&1 != 0; used != (p >= at && p < at+n) {
					t.Fatalf("%d pages at %d: page %d is %v", n, at, p, used)
				}
			}
			if m.set(at, n, false); m.seek(0, 512, 0) != 512 {
				t.Fatalf("%d pages at %d are not free again", n, at)
			}
		}
	}
}
