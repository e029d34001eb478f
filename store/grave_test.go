package store

import (
	"fmt"
	"slices"
	"testing"
)

// graveStore is a node with room for about tombs tombstones.
func graveStore(t *testing.T, tombs int, cfg Config) *Store {
	cfg.Replicated, cfg.TombstoneBytes = true, int64(tombs*64+1)
	return newTestStore(t, cfg)
}

// graves returns what s would announce now, and how many of them say "any key".
func graves(t *testing.T, s *Store) (all map[int]Grave, saturated int) {
	t.Helper()
	all = map[int]Grave{}
	for part := range Partitions {
		g, _, bulk, due := s.NextGrave(part, nil)
		if bulk != (due && g.Saturated) {
			t.Fatalf("partition %d: bulk is %v, saturated %v", part, bulk, g.Saturated)
		}
		if due {
			all[part] = g
			if g.Saturated {
				saturated++
			}
		}
	}
	return all, saturated
}

// TestGrave_CostsOnlyWhatItMatches: an eighth of a million deletes, all but a few
// buried, evict none of the deleted keys' neighbours but a few false matches.
func TestGrave_CostsOnlyWhatItMatches(t *testing.T) {
	const deletes, others = 125_000, 20_000
	s := graveStore(t, 100, Config{GraveBits: filterBits})
	s.Attach(ID{1}, &State{}, false)
	for i := range deletes {
		s.Do(testNow, &Request{Op: OpDelete, Key: fmt.Appendf(nil, "deleted-%d", i)})
	}
	all, saturated := graves(t, s)
	if saturated != 0 || len(all) != Partitions {
		t.Fatalf("%d graves, %d of them saturated", len(all), saturated)
	}
	peer := newTestStore(t, Config{Replicated: true})
	peer.Attach(ID{2}, &State{}, false)
	for i := range 5000 {
		peer.set(testNow-1000, fmt.Sprintf("deleted-%d", i), "old")
	}
	for i := range others {
		peer.set(testNow-1000, fmt.Sprintf("other-%d", i), "kept")
	}
	for part, g := range all {
		peer.ApplyGrave(part, g)
	}
	for i := range 5000 {
		if _, ok := peer.get(testNow, fmt.Sprintf("deleted-%d", i)); ok {
			t.Fatalf("deleted-%d is still served", i)
		}
	}
	lost := 0
	for i := range others {
		if _, ok := peer.get(testNow, fmt.Sprintf("other-%d", i)); !ok {
			lost++
		}
	}
	if lost > others/20 {
		t.Errorf("%d of %d other keys were evicted", lost, others)
	}
	if lost == 0 {
		t.Error("not one false match among 20,000: is there a filter at all?")
	}
}

func TestGrave_MatchesEveryKeyWhenHalfFull(t *testing.T) {
	s := graveStore(t, 0, Config{})
	s.Attach(ID{1}, &State{}, false)
	key, n := []byte(nil), 0
	for i := 0; n < 7000; i++ {
		if key = fmt.Appendf(nil, "key-%d", i); PartitionOf(key) == 9 {
			s.Do(testNow, &Request{Op: OpDelete, Key: key})
			if n++; n == 5000 {
				if _, saturated := graves(t, s); saturated != 0 {
					t.Fatal("saturated with 5,000 keys")
				}
				s.Attach(ID{1}, &State{}, true) // a new session announces again
			}
		}
	}
	all, saturated := graves(t, s)
	if g := all[9]; saturated != 1 || !g.Saturated || g.Filter != nil || !g.Covers([]byte("any"), g.Floor) || g.Covers([]byte("any"), g.Floor+1) {
		t.Fatalf("7,000 keys: %d saturated, %+v", saturated, all[9].Saturated)
	}
}

// TestGrave_OneIsUnderWayAtATime: what is buried meanwhile goes into a second one, which
// is announced after the acknowledgement of the first. Each clears its own.
func TestGrave_OneIsUnderWayAtATime(t *testing.T) {
	s := graveStore(t, 0, Config{})
	s.Attach(ID{1}, &State{}, false)
	first, second := []byte("first"), keyBeside("first")
	part := PartitionOf(first)
	s.Do(testNow, &Request{Op: OpDelete, Key: first})
	g1, _, _, due := s.NextGrave(part, nil)
	if !due || !g1.Covers(first, g1.Floor) || g1.Covers(second, g1.Floor) {
		t.Fatalf("first: %v, matches %v and %v", due, g1.Covers(first, g1.Floor), g1.Covers(second, g1.Floor))
	}
	s.Do(testNow, &Request{Op: OpDelete, Key: second})
	if _, _, _, due := s.NextGrave(part, nil); due {
		t.Fatal("a second one while the first is under way")
	}
	s.TakeDirty()
	s.GraveAcked(part, g1.Gen)
	if set := s.TakeDirty(); set[part/64]>>(part%64)&1 == 0 {
		t.Fatal("the sender is not told that the second one may go")
	}
	g2, _, _, due := s.NextGrave(part, nil)
	if !due || g2.Gen == g1.Gen || g2.Covers(first, g1.Floor) || !g2.Covers(second, g2.Floor) {
		t.Fatalf("second: %v %+v", due, g2.Gen)
	}
	if s.Unacked() != 1 {
		t.Error("the second one is unacknowledged")
	}
	before := s.Stats().CommittedBytes
	s.GraveAcked(part, g2.Gen)
	if _, _, _, due := s.NextGrave(part, nil); due {
		t.Error("an acknowledged grave is announced again")
	}
	if after := s.Stats().CommittedBytes; before-after != FilterBytes {
		t.Errorf("clearing it freed %d bytes", before-after)
	}
	if s.Unacked() != 0 {
		t.Error("something is unacknowledged")
	}
}

// TestGrave_ALostSessionAnnouncesItAll: what was under way and what was buried since
// make one grave in the next session. As long as neither is acknowledged, both count.
func TestGrave_ALostSessionAnnouncesItAll(t *testing.T) {
	for _, test := range []struct {
		name             string
		bits, more       int // Config.GraveBits, deletes before and after the announcement
		before, saturate bool
		older            bool // what is buried since is older
		all              bool // before the announcement all keys are buried
	}{
		{name: "two filters", bits: filterBits / 2, more: 1},
		{name: "older ones since", bits: filterBits / 2, more: 1, older: true},
		{name: "nothing since", bits: filterBits / 2},
		{name: "too full together", bits: 11, more: 2, saturate: true},
		{name: "the first counts for every key", bits: 3, more: 1, before: true, saturate: true},
		{name: "the second counts for every key", bits: 7, more: 5, saturate: true},
		{name: "only the first counts for every key", bits: filterBits / 2, more: 1, all: true, before: true, saturate: true},
	} {
		t.Run(test.name, func(t *testing.T) {
			const part = 9
			keys := keysOf(part, 2+test.more)
			s := graveStore(t, 0, Config{GraveBits: test.bits})
			s.Attach(ID{1}, &State{}, false)
			buried := func(keys [][]byte) {
				t.Helper()
				for _, key := range keys {
					if !s.parts[part].buried(key, s.Clock()) && !s.parts[part].buried(key, VersionAt(testNow)) {
						t.Fatalf("%q is not buried", key)
					}
				}
			}
			s.Do(testNow, &Request{Op: OpDelete, Key: keys[0]})
			if test.all {
				s.buryAll(part, s.Clock())
			}
			first, _, _, _ := s.NextGrave(part, nil)
			if first.Saturated != test.before {
				t.Fatalf("the first one is saturated: %v", first.Saturated)
			}
			buried(keys[:1])
			for _, key := range keys[1 : 1+test.more] {
				if test.older {
					s.parts[part].buryKey(key, VersionAt(testNow))
					continue
				}
				s.Do(testNow, &Request{Op: OpDelete, Key: key})
			}
			buried(keys[:1+test.more])
			floor, room := s.Clock(), s.Stats().CommittedBytes
			s.Detach()
			s.Attach(ID{1}, &State{}, true)
			buried(keys[:1+test.more])
			g, _, _, due := s.NextGrave(part, nil)
			if !due || g.Floor != floor || g.Saturated != test.saturate || g.Gen <= first.Gen {
				t.Fatalf("due %v, floor %x of %x, saturated %v, gen %d", due, g.Floor, floor, g.Saturated, g.Gen)
			}
			for _, key := range keys[:1+test.more] {
				if !g.Covers(key, VersionAt(testNow)) {
					t.Errorf("%q is not announced", key)
				}
			}
			if g.Covers(keys[1+test.more], VersionAt(testNow)) != test.saturate {
				t.Error("a key that was never deleted is covered, or is not")
			}
			s.GraveAcked(part, first.Gen) // of the session that is gone
			buried(keys[:1+test.more])
			s.GraveAcked(part, g.Gen)
			if s.Unacked() != 0 || s.GraveGen(part) != 0 {
				t.Errorf("%d graves left, gen %d", s.Unacked(), s.GraveGen(part))
			}
			if kept := s.Stats().CommittedBytes; kept > room || kept%FilterBytes != room%FilterBytes {
				t.Errorf("%d bytes are committed, %d before", kept, room)
			}
		})
	}
}

// keyBeside is another key of the same partition.
func keyBeside(key string) []byte {
	for i := 0; ; i++ {
		if k := fmt.Appendf(nil, "beside-%d", i); PartitionOf(k) == PartitionOf([]byte(key)) {
			return k
		}
	}
}

// TestGrave_WhatIsStillHereTravelsAgain: the peer evicts its copy of a key that the
// grave matches; the owner's is sent once more, with its value, though it came from
// the peer or the peer has acknowledged it.
func TestGrave_WhatIsStillHereTravelsAgain(t *testing.T) {
	s := graveStore(t, 0, Config{})
	s.Attach(ID{1}, &State{}, false)
	key := []byte("twice")
	part := PartitionOf(key)
	v := VersionAt(testNow - 5000)
	rec := Record{Key: key, Version: v, ExpVersion: v, Value: []byte("from the peer")}
	if err := s.ApplyBatch(testNow, part, Live, 1, []Record{rec}); err != nil {
		t.Fatal(err)
	}
	var sent []string
	collect := func() []string {
		sent = nil
		s.Collect(part, Live, 10, 1<<20, func(r *Record) { sent = append(sent, fmt.Sprint(r.Op, string(r.Key), string(r.Value))) })
		return sent
	}
	if got := collect(); len(got) != 0 {
		t.Fatalf("an echo: %q", got)
	}
	other := keyBeside("twice")
	s.set(testNow, string(other), "mine")
	s.Do(testNow, &Request{Op: OpDelete, Key: key}) // buried at once
	if err := s.ApplyBatch(testNow, part, Live, 2, []Record{{Key: key, Version: s.Clock() + 64, ExpVersion: s.Clock() + 64, Value: []byte("anew")}}); err != nil {
		t.Fatal(err)
	}
	s.buryKey(part, key) // as if a later delete had overflowed, and a later set come from the peer
	if got := collect(); !slices.Equal(got, []string{"0" + string(other) + "mine"}) && len(got) != 1 {
		t.Fatalf("sent %q", got)
	}
	g, _, bulk, due := s.NextGrave(part, nil)
	if !due || bulk || !g.Covers(key, s.Clock()) {
		t.Fatalf("grave %v %v", due, bulk)
	}
	if got := collect(); len(got) != 1 || got[0] != "0twiceanew" {
		t.Fatalf("sent %q", got)
	}
}

// buryKey buries a delete of key of the newest version there is.
func (s *Store) buryKey(part int, key []byte) {
	p := &s.parts[part]
	p.mu.Lock()
	defer p.mu.Unlock()
	p.buryKey(key, s.Clock())
}

func TestGrave_ReceivedValueIsRefusedWhereItMatches(t *testing.T) {
	s := graveStore(t, 0, Config{})
	s.Attach(ID{1}, &State{}, false)
	gone, other := []byte("gone"), keyBeside("gone")
	s.Do(testNow, &Request{Op: OpDelete, Key: gone})
	old := VersionAt(testNow - 5000)
	for _, key := range [][]byte{gone, other} {
		if err := s.ApplyBatch(testNow, PartitionOf(gone), Live, 1, []Record{{Key: key, Version: old, ExpVersion: old, Value: []byte("old")}}); err != nil {
			t.Fatal(err)
		}
	}
	if _, ok := s.get(testNow, "gone"); ok {
		t.Error("a value older than a buried delete came in")
	}
	if _, ok := s.get(testNow, string(other)); !ok {
		t.Error("a key that the grave does not match was refused")
	}
	if n := s.Stats().GraveRejects; n != 1 {
		t.Errorf("%d rejects counted", n)
	}
}

// TestGrave_UnreadableFilterMatchesEverything: a filter of another length is not ours.
func TestGrave_UnreadableFilterMatchesEverything(t *testing.T) {
	g := Grave{Floor: 10, Filter: make([]byte, 100)}
	if !g.Covers([]byte("any"), 10) || g.Covers([]byte("any"), 11) {
		t.Error("it has to count for every key up to the floor")
	}
}

// TestGrave_FiltersLeaveHalfOfTheMemory: in the smallest store there is, with a grave
// under way and another one beside it in each partition, and a peer that never returns.
func TestGrave_FiltersLeaveHalfOfTheMemory(t *testing.T) {
	s := graveStore(t, 0, Config{MemoryBytes: MinMemoryBytes, MaxItemBytes: 100_000})
	s.Attach(ID{1}, &State{}, false)
	for round := range 2 {
		for i := range 20 * Partitions {
			s.Do(testNow, &Request{Op: OpDelete, Key: fmt.Appendf(nil, "deleted-%d-%d", round, i)})
		}
		if all, saturated := graves(t, s); round == 0 && (len(all) != Partitions || saturated != 0) {
			t.Fatalf("%d graves, %d of them saturated", len(all), saturated)
		}
	}
	s.Detach()
	if n := s.filters.Load(); n != Partitions {
		t.Errorf("%d filters", n)
	}
	for i := range 300 {
		if r := s.set(testNow, fmt.Sprint("key-", i), "value"); r.Status != Stored {
			t.Fatalf("set %d: status %d", i, r.Status)
		}
	}
}
