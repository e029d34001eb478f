package session

import (
	"errors"
	"strings"
	"testing"

	"twincached/internal/wire"
	"twincached/store"
)

const years = 365 * 24 * hour

// ends runs a link until one node says why it is over.
func (d *duo) ends() *End {
	d.t.Helper()
	d.link()
	for range 1000 {
		d.now++
		for i := range d.n {
			d.send(i)
		}
		for _, n := range d.n {
			for {
				body, size, err := wire.Split(n.inbox, n.s.FrameLimit())
				if err != nil || size == 0 {
					break
				}
				var end *End
				if err := n.s.OnFrame(n.now(), body); errors.As(err, &end) {
					d.cut()
					return end
				}
				n.inbox = n.inbox[size:]
				if n.s.WantsAdmission() {
					if err := n.s.Admit(n.now(), Ready); errors.As(err, &end) {
						d.cut()
						return end
					}
				}
			}
		}
		if d.n[0].s.Quiet() && d.n[1].s.Quiet() {
			return nil
		}
	}
	d.t.Fatal("neither linked nor ended")
	return nil
}

// live checks that values stored on either node, for a minute by its clock, live for a
// minute on both.
func (d *duo) live(minute string) {
	d.t.Helper()
	for i, n := range d.n {
		n.do(store.OpSet, minute+n.name, "v", n.now()+60_000)
		d.set(i, "for ever of "+n.name, minute)
		d.rest()
	}
	d.now += 55_000
	for _, n := range d.n {
		d.wants(minute+n.name, "v", "v")
		d.wants("for ever of "+n.name, minute, minute)
	}
	d.now += 10_000
	for _, n := range d.n {
		d.wants(minute+n.name, "", "")
	}
}

// TestFailure_ClockOfAStartIsYearsAhead: a node was started with a clock years ahead, and
// the pair went on from its versions. Each node in turn is restarted with the right clock:
// it joins, gets everything, and counts on.
func TestFailure_ClockOfAStartIsYearsAhead(t *testing.T) {
	for first := range 2 {
		d := newDuo(t)
		d.n[first].st.Close()
		d.start(first, 30*years)
		d.set(first, "old", "of the wrong clock")
		if end := d.ends(); end != nil {
			t.Fatalf("the empty node does not join: %v", end)
		}
		d.heal() // and again, now that both hold something
		d.live("apart")
		for round, i := range []int{first, 1 - first, first, 1 - first} {
			d.cut()
			d.n[i].st.Close()
			d.start(i, 0)
			if end := d.ends(); end != nil {
				t.Fatalf("restart %d, node %s: %v", round, d.n[i].name, end)
			}
			d.heal()
			d.wants("old", "of the wrong clock", "of the wrong clock")
			d.live("right")
			if got := d.del(i, "old"); got != store.Deleted {
				t.Errorf("delete: status %d", got)
			}
			d.rest()
			d.wants("old", "", "")
			d.set(1-i, "old", "of the wrong clock")
			d.rest()
			d.same()
		}
	}
}

// TestFailure_WhoHoldsItemsRefusesAClockYearsAhead: what it holds would lose against
// whatever the other one brings.
func TestFailure_WhoHoldsItemsRefusesAClockYearsAhead(t *testing.T) {
	for name, touch := range map[string]func(d *duo){
		"an item":   func(d *duo) { d.set(0, "k", "v") },
		"a delete":  func(d *duo) { d.del(0, "k") },
		"a flush":   func(d *duo) { d.n[0].st.Flush(d.now) },
		"one later": func(d *duo) { d.n[0].st.FlushAt(d.now, d.now+1000) },
	} {
		d := newDuo(t)
		d.n[1].st.Close()
		d.start(1, 30*years)
		d.set(1, "k", "newer than anything")
		touch(d)
		before := *d.n[0].st.State()
		if end := d.ends(); end == nil || end.Code != wire.ByeClock {
			t.Errorf("%s: %v", name, end)
		}
		if after := *d.n[0].st.State(); after != before {
			t.Errorf("%s: clock %#x is %#x", name, before.Clock, after.Clock)
		}
	}
}

// TestSession_VersionsAheadButNotTheClock: only the versions are far ahead. The same.
func TestSession_VersionsAheadButNotTheClock(t *testing.T) {
	for _, held := range []bool{false, true} {
		d := newDuo(t)
		d.n[1].st.Observe(uint64(d.now+30*years) << 19)
		d.set(1, "k", "newer than anything")
		if held {
			d.set(0, "k", "v")
		}
		end := d.ends()
		if held != (end != nil && end.Code == wire.ByeClock) {
			t.Errorf("node a holds something: %v: %v", held, end)
		}
		if !held {
			d.wants("k", "newer than anything", "newer than anything")
			if news := d.n[0].s.clockNews; len(news) != 1 || !strings.Contains(news[0], "this node held nothing and goes on from there") {
				t.Errorf("said %q", news)
			}
		}
	}
}

// TestFailure_StateDirOfAWrongClock: the bound that a node kept is years ahead, of a time
// when its clock was wrong, and its peer's versions are not. It begins anew, at its clock.
func TestFailure_StateDirOfAWrongClock(t *testing.T) {
	d := newDuo(t)
	d.set(0, "k", "v")
	d.n[1].st.Observe(uint64(d.now+30*years) << 19)
	if end := d.ends(); end != nil {
		t.Fatal(end)
	}
	d.live("right")
	for _, n := range d.n {
		if ahead := store.VersionMillis(n.st.Clock()) - n.now(); ahead > 1000 {
			t.Errorf("node %s: versions are %d ms ahead", n.name, ahead)
		}
	}
	d.set(1, "k", "w")
	d.rest()
	d.wants("k", "w", "w")
}

// TestSession_PeerAgreesWithTheWall: a node whose machine stood still for days does not
// follow its wall. Its peer, restarted, has that very time: they link, and no expiry moves.
func TestSession_PeerAgreesWithTheWall(t *testing.T) {
	for _, behind := range []int64{2 * 24 * hour, 40 * 24 * hour} {
		d := newDuo(t)
		d.set(0, "k", "v")
		d.n[1].st.Close()
		d.start(1, behind)
		if end := d.ends(); end == nil || end.Code != wire.ByeClock {
			t.Fatalf("without its wall: %v", end)
		}
		d.n[0].cfg.WallAhead = func() int64 { return behind - 5 }
		if end := d.ends(); end != nil {
			t.Fatalf("with it: %v", end)
		}
		d.heal()
		d.wants("k", "v", "v")
		d.live("apart")
	}
}

// TestFailure_PeersClockJumpsByDays: the peer's clock goes ahead by days while they are
// linked. That is shown, and no expiry follows.
func TestFailure_PeersClockJumpsByDays(t *testing.T) {
	for _, jump := range []int64{3 * 24 * hour, -3 * 24 * hour} {
		d := newDuo(t)
		d.heal()
		d.pass(3000)
		d.n[1].skew += jump
		d.pass(3000)
		s := d.n[0].s
		if !s.clockRefused || !s.skewed || s.Events()&EventClockRefused == 0 || !near(s.clock.measured(), jump) {
			t.Errorf("jump of %d ms: seen %d, astray %v", jump, s.clock.measured(), s.clockRefused)
		}
		if s.lead != 0 {
			t.Errorf("jump of %d ms: expiries follow by %d", jump, s.lead)
		}
		d.n[1].skew -= jump
		d.pass(3000)
		if got := s.clock.measured(); !near(got, 0) {
			t.Errorf("right again: seen %d", got)
		}
	}
}
