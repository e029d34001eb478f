package store

import (
	"bytes"
	"math/rand/v2"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"

	"twincached/internal/testkit"
)

// body is what every writer stores under a key: a reader can tell a value that
// was torn, moved wrongly, or is another key's.
func body(key []byte, n int) []byte {
	return bytes.Repeat(append(append([]byte{'<'}, key...), '>'), 1+n/(len(key)+2))
}

func intact(dst []byte, v *View) []byte {
	unit := append(append([]byte{'<'}, v.Key...), '>')
	if len(v.Value)%len(unit) != 0 || bytes.Count(v.Value, unit)*len(unit) != len(v.Value) {
		return append(dst, "broken"...)
	}
	return append(dst, "fine"...)
}

// TestConcurrent_EverybodyAtOnce: clients, the peer's changes, the sender, its
// acknowledgements, the sweep, flushes and the cleaner in a store that is always full.
func TestConcurrent_EverybodyAtOnce(t *testing.T) {
	s := newTestStore(t, Config{MemoryBytes: 4 << 20, MaxItemBytes: 1 << 18, Replicated: true, TombstoneBytes: 1 << 14})
	rounds := 60_000
	if testkit.Race {
		rounds = 15_000
	}
	s.Attach(ID{1}, &State{}, false)
	var broken atomic.Int64
	var clients, others sync.WaitGroup
	stop := make(chan struct{})
	for g := range uint64(4) {
		clients.Go(func() {
			rng := rand.New(rand.NewPCG(g, 9))
			for i := range rounds {
				now := testNow + int64(i)
				key := strconv.AppendInt([]byte("k"), int64(rng.IntN(20_000)), 10)
				size := rng.IntN(900)
				if rng.IntN(500) == 0 {
					size = rng.IntN(200_000)
				}
				switch rng.IntN(12) {
				case 10:
					s.Do(now, &Request{Op: OpMark, Key: key, Invalidate: true})
				case 11:
					if out, hit := s.Fetch(now, &Fetch{Key: key, MayWin: true, Renew: true, RenewBefore: now + 1000}, nil, Render(intact)); hit && string(out) != "fine" {
						broken.Add(1)
					}
				case 0, 1, 2, 3:
					s.Do(now, &Request{Op: OpSet, Key: key, Value: body(key, size), Expires: now + int64(rng.IntN(200_000))})
				case 4:
					s.Do(now, &Request{Op: OpDelete, Key: key})
				case 5:
					s.Do(now, &Request{Op: OpAppend, Key: key, Value: body(key, 0)})
				case 6:
					s.Do(now, &Request{Op: OpTouch, Key: key, Expires: now + 9000})
				default:
					if out, hit := s.Get(now, key, nil, intact); hit && string(out) != "fine" {
						broken.Add(1)
					}
				}
				if rng.IntN(100_000) == 0 {
					s.Flush(now)
				}
			}
		})
	}
	others.Go(func() { // the sender, and a peer that acknowledges
		for {
			select {
			case <-stop:
				return
			default:
			}
			for part := range Partitions {
				if g, _, _, due := s.NextGrave(part, nil); due {
					s.GraveAcked(part, g.Gen)
				}
				for _, lane := range []Lane{Live, Bulk} {
					if sent := s.Collect(part, lane, 16, 1<<16, func(r *Record) {
						if r.Op == RecordValue && string(intact(nil, &View{Key: r.Key, Value: r.Value})) != "fine" {
							broken.Add(1)
						}
					}); sent.Moved || sent.Done {
						s.Acked(part, sent.Cursor)
					}
				}
			}
			s.TakeDirty()
		}
	})
	others.Go(func() { // the peer's own changes, the sweep
		rng := rand.New(rand.NewPCG(77, 9))
		for i := int64(0); ; i++ {
			select {
			case <-stop:
				return
			default:
			}
			key := strconv.AppendInt([]byte("k"), int64(rng.IntN(20_000)), 10)
			v := VersionAt(testNow+i) + 1
			r := Record{Key: key, Version: v, ExpVersion: v, Op: RecordOp(rng.IntN(2))}
			if r.Op == RecordValue {
				r.Value = body(key, rng.IntN(500))
			}
			if err := s.ApplyBatch(testNow+i, PartitionOf(key), Live, uint64(i), []Record{r}); err != nil {
				t.Error(err)
			}
			if i%50 == 0 {
				s.Tick(testNow + i)
				s.ApplyGrave(PartitionOf(key), Grave{Gen: 1, Floor: v - 1<<30, Saturated: true})
				s.Stats()
			}
		}
	})
	clients.Wait()
	close(stop)
	others.Wait()
	if n := broken.Load(); n != 0 {
		t.Errorf("%d values were broken", n)
	}
	st := s.Stats()
	if st.Evictions == 0 || st.Reclaims == 0 || st.Received == 0 {
		t.Errorf("not everything happened: %+v", st.Counters)
	}
}

// TestFlush_NothingIsMadeFromWhatItFlushed: an append at the same time comes before
// the flush and is flushed, or after it and finds nothing, whoever asked for the flush.
func TestFlush_NothingIsMadeFromWhatItFlushed(t *testing.T) {
	for name, flush := range map[string]func(s *Store, now int64){
		"ours":       func(s *Store, now int64) { s.Flush(now) },
		"the peer's": func(s *Store, now int64) { s.ApplyFlush(VersionAt(now), 0) },
	} {
		t.Run(name, func(t *testing.T) {
			s := newTestStore(t, Config{Replicated: true})
			for now := testNow + 1000; now < testNow+3_000_000; now += 1000 {
				s.set(testNow, "k", "before")
				started := make(chan struct{})
				var wg sync.WaitGroup
				wg.Go(func() {
					for i := range 1000 {
						if r := s.Do(testNow, &Request{Op: OpAppend, Key: []byte("k"), Value: []byte("x")}); r.Status != Stored {
							return
						}
						if i == 2 {
							close(started)
						}
					}
				})
				<-started
				flush(s, now)
				wg.Wait()
				if v, hit := s.get(now, "k"); hit {
					t.Fatalf("%.20q... of %d bytes has outlived the flush", v, len(v))
				}
			}
		})
	}
}
