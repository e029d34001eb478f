package store

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	"twincached/internal/testkit"
)

// states returns records of one key that two nodes could have made, ties included.
func states(rng *rand.Rand, key string, n int) []Record {
	recs := make([]Record, n)
	for i := range recs {
		v := VersionAt(testNow) + 64*uint64(1+rng.IntN(4))
		r := Record{Key: []byte(key), Version: v, ExpVersion: v}
		switch rng.IntN(4) {
		case 0:
			r.Op = RecordTombstone
		case 1:
			r.ExpVersion += 64 * uint64(1+rng.IntN(3)) // touched
			r.Expires = testNow + 1000*int64(r.ExpVersion-r.Version)
			fallthrough
		default:
			r.Value = fmt.Appendf(nil, "value %d", v+uint64(rng.IntN(2)))
		}
		recs[i] = r
	}
	return recs
}

// TestMerge_IsAJoin applies the same states in any order, in any batches and more
// than once: the result is one.
func TestMerge_IsAJoin(t *testing.T) {
	for seed := uint64(0); seed < 60; seed += testkit.Step {
		rng := rand.New(rand.NewPCG(seed, 3))
		recs := states(rng, "key", 6)
		part := PartitionOf([]byte("key"))
		var want string
		for order := range 8 {
			s := newTestStore(t, Config{MemoryBytes: MinMemoryBytes, MaxItemBytes: 1 << 20, Replicated: true})
			given := slices.Clone(recs)
			if order > 0 {
				given = append(given, recs[:rng.IntN(6)]...) // again: idempotent
				rng.Shuffle(len(given), func(i, j int) { given[i], given[j] = given[j], given[i] })
			}
			s.Attach(ID{1}, &State{}, false)
			for len(given) > 0 {
				n := 1 + rng.IntN(len(given))
				if err := s.ApplyBatch(testNow, part, Live, 1, given[:n]); err != nil {
					t.Fatal(err)
				}
				given = given[n:]
			}
			// A receiver keeps no tombstone: its maker does, and sends it again after
			// whatever older state may still be on its way.
			for _, r := range recs {
				if r.Op == RecordTombstone {
					_ = s.ApplyBatch(testNow, part, Live, 1, []Record{r})
				}
			}
			got, _ := s.Get(testNow, []byte("key"), nil, renderAll)
			if order == 0 {
				want = string(got)
			} else if string(got) != want {
				t.Fatalf("seed %d: order %d ends with %q, the first with %q; states %+v", seed, order, got, want, recs)
			}
		}
	}
}

func TestMerge_OlderVersionLoses(t *testing.T) {
	s := newTestStore(t, Config{Replicated: true})
	s.Attach(ID{1}, &State{}, false)
	r := s.set(testNow, "key", "mine")
	part := PartitionOf([]byte("key"))
	apply := func(v uint64, value string) {
		t.Helper()
		if err := s.ApplyBatch(testNow, part, Live, 1, []Record{{Key: []byte("key"), Version: v, ExpVersion: v, Value: []byte(value)}}); err != nil {
			t.Fatal(err)
		}
	}
	apply(r.Version-1, "older")
	if v, _ := s.get(testNow, "key"); v != "mine" {
		t.Errorf("an older version won: %q", v)
	}
	apply(r.Version+1<<30, "newer")
	if v, _ := s.get(testNow, "key"); v != "newer" {
		t.Errorf("a newer version lost: %q", v)
	}
	if r2 := s.set(testNow, "key", "again"); r2.Version <= r.Version+1<<30 {
		t.Error("the clock did not observe what was applied")
	}
	if st := s.Stats(); st.ConflictsWon != 1 || st.ConflictsLost != 1 {
		t.Errorf("conflicts are counted as %d won, %d lost", st.ConflictsWon, st.ConflictsLost)
	}
}

func TestApplyBatch_RefusesForeignKeysAndDropsWhatItCannotStore(t *testing.T) {
	s := newTestStore(t, Config{Replicated: true, MaxItemBytes: 2000})
	s.Attach(ID{1}, &State{}, false)
	key := []byte("key")
	part := PartitionOf(key)
	if err := s.ApplyBatch(testNow, (part+1)%Partitions, Live, 1, []Record{{Key: key, Version: 1, ExpVersion: 1}}); err == nil {
		t.Error("a key of another partition was taken")
	}
	s.set(testNow, "key", "mine")
	v := s.clock.hlc.Load() + 64
	if err := s.ApplyBatch(testNow, part, Live, 1, []Record{{Key: key, Version: v, ExpVersion: v, Value: make([]byte, 5000)}}); err != nil {
		t.Fatal(err)
	}
	if got, hit := s.get(testNow, "key"); hit {
		t.Errorf("the older copy of an item above the limit is served: %q", got)
	}
	if s.Stats().ApplyTooLarge != 1 {
		t.Error("not counted")
	}
}

func TestLocalKeys_StayAndAreNotTaken(t *testing.T) {
	s := newTestStore(t, Config{Replicated: true, LocalKeys: []string{"*.lock", "tmp:?:*", "sess[0-9]*"}})
	s.Attach(ID{1}, &State{}, false)
	for _, k := range []string{"sid.lock", "tmp:1:x", "sess7:ann", "shared"} {
		s.set(testNow, k, "v")
	}
	sent := 0
	for part := range Partitions {
		s.Collect(part, Live, 100, 1<<20, func(r *Record) {
			sent++
			if string(r.Key) != "shared" {
				t.Errorf("%s left the node", r.Key)
			}
		})
	}
	if sent != 1 || s.Stats().LocalItems != 3 {
		t.Errorf("%d items sent, %d are local", sent, s.Stats().LocalItems)
	}
	key := []byte("sid.lock")
	v := s.clock.hlc.Load() + 64
	_ = s.ApplyBatch(testNow, PartitionOf(key), Live, 1, []Record{{Key: key, Version: v, ExpVersion: v, Value: []byte("theirs")}})
	if got, _ := s.get(testNow, "sid.lock"); got != "v" {
		t.Errorf("the peer's lock came over ours: %q", got)
	}
	s.Do(testNow, &Request{Op: OpDelete, Key: key})
	if s.Stats().Tombstones != 0 {
		t.Error("a local delete left a tombstone")
	}
}

// TestAttach_NoItemIsTakenForTheNewPeers: an item from an earlier peer goes to each that
// comes after it, however many there were in between, and whether or not the sweep has
// come round since. What the peer of now has sent is not sent back to it.
func TestAttach_NoItemIsTakenForTheNewPeers(t *testing.T) {
	for name, ticks := range map[string]int{"no sweep": 0, "a part of one": 1, "most of one": 2, "more than a whole one": 4} {
		t.Run(name, func(t *testing.T) {
			s := newTestStore(t, Config{Replicated: true})
			const items = 3 * sweepItems
			from := map[string]byte{}
			for peer := byte(1); peer < 10; peer++ {
				s.Attach(ID{peer}, &State{}, false)
				kept := 0 // ids of earlier peers
				s.walkAll(func(p *partition, h handle) {
					if p.s.arena.at(h).source() != 0 {
						kept++
					}
				})
				if walked := kept == 0 && peer > 1; walked != (ticks < 3 && peer%3 == 1 && peer > 1) {
					t.Errorf("peer %d: walked over everything: %v", peer, walked)
				}
				got := map[string]bool{}
				for part := range Partitions {
					for more := true; more; {
						more = s.Collect(part, Bulk, 1000, 1<<20, func(r *Record) { got[string(r.Key)] = true }).More
					}
				}
				if len(got) != len(from) {
					t.Fatalf("peer %d gets %d of %d items", peer, len(got), len(from))
				}
				for i := range items {
					key := fmt.Sprint(i)
					if i%9 != int(peer)%9 && from[key] != 0 { // some of each peer live on
						continue
					}
					v := s.Clock() + 64
					rec := Record{Key: []byte(key), Version: v, ExpVersion: v, Value: []byte("v")}
					if err := s.ApplyBatch(testNow, PartitionOf(rec.Key), Live, s.parts[PartitionOf(rec.Key)].peer.recv.B+1, []Record{rec}); err != nil {
						t.Fatal(err)
					}
					from[key] = peer
				}
				for part := range Partitions {
					for more := true; more; {
						more = s.Collect(part, Live, 1000, 1<<20, func(r *Record) {
							if from[string(r.Key)] == peer {
								t.Fatalf("peer %d gets %s back", peer, r.Key)
							}
						}).More
					}
				}
				for range ticks {
					s.Tick(testNow)
				}
			}
		})
	}
}

// TestAttach_AnIDIsFreeBehindAWholeRound: where the sweep stands in the middle of a partition as
// a peer goes, the items that it has passed there carry that peer's id until it comes back.
func TestAttach_AnIDIsFreeBehindAWholeRound(t *testing.T) {
	const part, items = 0, sweepItems + sweepChunk
	s := newTestStore(t, Config{Replicated: true})
	s.Attach(ID{1}, &State{}, false)
	for _, key := range keysOf(part, items) {
		v := s.Clock() + 64
		s.apply(t, Record{Key: key, Version: v, ExpVersion: v, Value: []byte("v")})
	}
	s.Tick(testNow) // to the middle
	s.Attach(ID{2}, &State{}, false)
	s.Tick(testNow) // to the beginning
	s.Attach(ID{3}, &State{}, false)
	if _, bulk := s.lanes(part); len(bulk) != items {
		t.Errorf("the third peer gets %d of the %d items of the first", len(bulk), items)
	}
}

// TestApplyBatch_AKeyOfAnotherPartitionBehindOthers: nothing of the batch counts.
func TestApplyBatch_AKeyOfAnotherPartitionBehindOthers(t *testing.T) {
	s := newTestStore(t, Config{Replicated: true})
	s.Attach(ID{1}, &State{}, false)
	key, other := []byte("key"), []byte("other")
	part := PartitionOf(key)
	if PartitionOf(other) == part {
		t.Fatal("they share one")
	}
	v := s.Clock() + 64
	recs := []Record{{Key: key, Version: v, ExpVersion: v}, {Key: key, Version: v + 64, ExpVersion: v + 64}, {Key: other, Version: v, ExpVersion: v}}
	if err := s.ApplyBatch(testNow, part, Live, 9, recs); err == nil {
		t.Error("it was taken")
	}
	if st := s.Stats(); st.Items != 0 || s.State().Cursors[part] != (Cursor{}) {
		t.Errorf("%d items of it are here", st.Items)
	}
}

// TestMerge_OversizeOfTheSameVersion: what cannot be stored takes the place of what is
// here also where only the expiry, or the value, is greater.
func TestMerge_OversizeOfTheSameVersion(t *testing.T) {
	for name, later := range map[string]uint64{"expiry": 64, "value": 0} {
		s := newTestStore(t, Config{Replicated: true, MaxItemBytes: 2000})
		s.Attach(ID{1}, &State{}, false)
		v := s.set(testNow, "key", "\x00").Version
		s.apply(t, Record{Key: []byte("key"), Version: v, ExpVersion: v + later, Value: make([]byte, 5000)})
		if _, hit := s.get(testNow, "key"); hit {
			t.Errorf("%s: this node goes on with the lesser state, the peer has the greater", name)
		}
	}
}

// TestLocalKeys_OneThatChangesStays: a local key is local in whatever memory it stands,
// and after a delete.
func TestLocalKeys_OneThatChangesStays(t *testing.T) {
	s := newTestStore(t, Config{Replicated: true, LocalKeys: []string{"*.lock"}})
	s.Attach(ID{1}, &State{}, false)
	key := []byte("sid.lock")
	part := PartitionOf(key)
	for i, change := range []Request{
		{Op: OpSet, Value: []byte("v")}, {Op: OpSet, Value: make([]byte, 300)}, {Op: OpAppend, Value: make([]byte, 3000)},
		{Op: OpTouch, Expires: testNow + 10_000}, {Op: OpMark, Invalidate: true}, {Op: OpSet, Value: make([]byte, 200_000)},
		{Op: OpDelete}, {Op: OpIncr, Create: true, Initial: 9}, {Op: OpIncr, Delta: 1}, {Op: OpSet, Value: []byte("w")},
	} {
		change.Key = key
		s.Do(testNow+int64(i), &change)
		s.Collect(part, Live, 100, 1<<30, func(r *Record) { t.Errorf("change %d: it leaves the node: %+v", i, r.Op) })
		if s.Unacked() != 0 || s.Stats().Tombstones != 0 {
			t.Errorf("change %d: it is kept for the peer", i)
		}
	}
}

// TestMerge_TouchOfAnUnknownVersionDropsTheOlder: no schedule of two nodes of this version
// needs it, but another program may be the peer.
func TestMerge_TouchOfAnUnknownVersionDropsTheOlder(t *testing.T) {
	s := newTestStore(t, Config{MemoryBytes: MinMemoryBytes, Replicated: true})
	s.Attach(ID{1}, &State{}, false)
	key := []byte("key")
	older := s.Do(testNow, &Request{Op: OpSet, Key: key, Value: []byte("older")}).Version
	touch := Record{Key: key, Op: RecordTouch, Version: older + 64, ExpVersion: older + 128}
	if err := s.ApplyBatch(testNow, PartitionOf(key), Live, 1, []Record{touch}); err != nil {
		t.Fatal(err)
	}
	if _, _, ok := s.Inspect(key); ok {
		t.Error("a value is served that is older than the one that was touched")
	}
}
