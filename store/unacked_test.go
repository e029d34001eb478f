package store

import (
	"fmt"
	"testing"
)

// TestUnackedAbout_FollowsUnacked: equal while little is unacknowledged, of the same
// size when much is, and nothing once the peer has it all.
func TestUnackedAbout_FollowsUnacked(t *testing.T) {
	s := newTestStore(t, Config{Replicated: true})
	s.Attach(ID{1}, &State{}, false)
	if n := s.UnackedAbout(); n != 0 {
		t.Fatalf("an empty store counts %d", n)
	}
	key := func(i int) []byte { return fmt.Appendf(nil, "key-%d", i) }
	for i := range 3000 {
		s.set(testNow, string(key(i)), "v")
		if i%3 == 0 {
			s.Do(testNow, &Request{Op: OpDelete, Key: key(i)})
		}
	}
	if about, exact := s.UnackedAbout(), s.Unacked(); about != exact || exact != 3000 {
		t.Errorf("%d, and exactly %d", about, exact)
	}
	for i := range 3000 { // the peer's own changes count for nothing
		v := s.Clock() + 64
		k := fmt.Appendf(nil, "theirs-%d", i)
		if err := s.ApplyBatch(testNow, PartitionOf(k), Live, uint64(i+1), []Record{{Key: k, Version: v, ExpVersion: v}}); err != nil {
			t.Fatal(err)
		}
	}
	if about, exact := s.UnackedAbout(), s.Unacked(); about != exact || exact != 3000 {
		t.Errorf("with the peer's: %d, and exactly %d", about, exact)
	}
	for i := range 200_000 {
		s.set(testNow, string(key(i)), "v")
	}
	if about, exact := s.UnackedAbout(), s.Unacked(); about < exact/2 || about > exact*2 {
		t.Errorf("%d, and exactly %d", about, exact)
	}
	// A client may ask for stats in a loop, while a peer is away for hours.
	if _, steps := s.unackedAbout(); steps > unackedSteps+Partitions*unackedLeast {
		t.Errorf("%d items were looked at", steps)
	}
	for part := range Partitions {
		for more := true; more; {
			sent := s.Collect(part, Live, 1000, 1<<20, func(*Record) {})
			s.Acked(part, sent.Cursor)
			more = sent.More
		}
	}
	if about, exact := s.UnackedAbout(), s.Unacked(); about != 0 || exact != 0 {
		t.Errorf("all acknowledged: %d, and exactly %d", about, exact)
	}
}
