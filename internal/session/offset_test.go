package session

import (
	"math"
	"testing"

	"twincached/internal/wire"
	"twincached/store"
)

const (
	minute = int64(60_000)
	ttl    = minute
)

// skews are how far node 0's and node 1's clocks are ahead of the truth.
var skews = [][2]int64{{0, 0}, {-10 * minute, 10 * minute}, {10 * minute, -10 * minute}, {0, 2 * minute}, {150, 0}}

// newSkewedPair is a quiet pair whose clocks differ, not linked yet.
func newSkewedPair(t testing.TB, skew [2]int64) *pair {
	m := newPair(t)
	m.skew = skew
	for i, n := range m.n {
		n.st.Close()
		m.n[i] = m.newNode(i)
		m.n[i].cfg.Limits = Limits{}
		m.n[i].cfg.Limits.fill()
	}
	t.Cleanup(m.close)
	return m
}

func (m *pair) setFor(i, k int, ttl int64) {
	r := m.n[i].st.Do(m.at(i), &store.Request{Op: store.OpSet, Key: pairKey(k), Value: []byte("v"), Expires: m.at(i) + ttl})
	if r.Status != store.Stored {
		m.t.Fatalf("set: status %d", r.Status)
	}
	m.learn(i, k, fact{r.Version, r.Version, false})
}

// expiresIn says how long a key has to live, by the clock of node i; a key that
// is not there fails the test.
func (m *pair) expiresIn(i, k int) int64 {
	m.t.Helper()
	h, ok := m.n[i].items()[string(pairKey(k))]
	if !ok || h.Op != store.RecordValue {
		m.t.Fatalf("node %d lacks %s", i, pairKey(k))
	}
	if h.Expires == 0 {
		return 0
	}
	return h.Expires - m.at(i)
}

func near(got, want int64) bool { return max(got-want, want-got) <= deadbandMillis }

// TestSession_ExpiryIsTheReceiversTime: an item lives as long on either node, by
// its own clock, however it came there.
func TestSession_ExpiryIsTheReceiversTime(t *testing.T) {
	for _, skew := range skews {
		m := newSkewedPair(t, skew)
		for i := range m.n { // known to the first session's copy
			m.setFor(i, i, ttl)
		}
		m.set(0, 2, []byte("never expires"))
		m.connect()
		m.settle()
		for i := range m.n {
			m.setFor(i, 10+i, ttl) // live
			m.set(i, 20+i, []byte("touched later"))
		}
		m.settle()
		for i := range m.n {
			m.n[i].st.Do(m.at(i), &store.Request{Op: store.OpTouch, Key: pairKey(20 + i), Expires: m.at(i) + ttl})
			v := m.n[i].st.State().Clock
			m.learn(i, 20+i, fact{m.n[i].items()[string(pairKey(20+i))].Version, v, false})
		}
		m.settle()
		for i := range m.n {
			for _, k := range []int{0, 1, 10, 11, 20, 21} {
				if got := m.expiresIn(i, k); !near(got, ttl) {
					t.Errorf("clocks %v: key %d on node %d expires in %d ms", skew, k, i, got)
				}
			}
			if m.expiresIn(i, 2) != 0 {
				t.Errorf("clocks %v: what never expires does on node %d", skew, i)
			}
		}
		m.check()
		m.now += ttl - 2*deadbandMillis
		m.hit(20, true)
		m.now += 4 * deadbandMillis
		m.hit(20, false)
	}
}

// hit says whether both nodes answer for a key.
func (m *pair) hit(k int, want bool) {
	m.t.Helper()
	for i, n := range m.n {
		if _, ok := n.st.Get(m.at(i), pairKey(k), nil, func(b []byte, _ *store.View) []byte { return b }); ok != want {
			m.t.Errorf("clocks %v: node %d: hit %v", m.skew, i, ok)
		}
	}
}

// TestSession_JoinerGetsExpiriesOfItsOwnClock: items go to and fro over restarts,
// and keep their end.
func TestSession_JoinerGetsExpiriesOfItsOwnClock(t *testing.T) {
	for _, skew := range skews {
		m := newSkewedPair(t, skew)
		for k := range 10 {
			m.setFor(0, k, ttl)
		}
		begin := m.now
		m.connect()
		m.settle()
		for round := range 6 { // each node in turn comes back empty
			i := round % 2
			m.lose(0)
			m.lose(1)
			m.n[i].st.Close()
			m.n[i] = m.newNode(i)
			m.connect()
			m.settle()
		}
		for i := range m.n {
			for k := range 10 {
				if got, want := m.expiresIn(i, k), ttl-(m.now-begin); !near(got, want) {
					t.Errorf("clocks %v: key %d on node %d expires in %d ms, want %d", skew, k, i, got, want)
				}
			}
		}
	}
}

// TestSession_DeadbandLeavesExpiriesAlone: clocks that are kept in step within
// 100 ms count as equal.
func TestSession_DeadbandLeavesExpiriesAlone(t *testing.T) {
	for lead, shifted := range map[int64]bool{0: false, 60: false, -60: false, deadbandMillis: false, deadbandMillis + 20: true, -deadbandMillis - 20: true} {
		m := newSkewedPair(t, [2]int64{lead, 0})
		m.connect()
		m.settle()
		m.setFor(0, 1, ttl)
		m.settle()
		x, y := m.n[0].items()[string(pairKey(1))], m.n[1].items()[string(pairKey(1))]
		if (x.Expires != y.Expires) != shifted {
			t.Errorf("lead of %d ms: %d and %d", lead, x.Expires, y.Expires)
		}
	}
}

// TestSession_DelayedFlushIsDueAtOneMoment: each node has it at a time of its own
// clock; they do not tell each other of it for ever, and both carry it out.
func TestSession_DelayedFlushIsDueAtOneMoment(t *testing.T) {
	for _, skew := range skews {
		for try := range 4 {
			taker, away := try%2, try/2 == 1
			m := newSkewedPair(t, skew)
			m.set(0, 1, []byte("a"))
			m.connect()
			m.settle()
			if away { // only STATE tells the peer
				m.lose(0)
				m.lose(1)
			}
			due := m.now + 10_000
			m.n[taker].st.FlushAt(m.at(taker), m.at(taker)+10_000)
			if !away {
				m.settle()
			}
			for range 3 { // STATE carries it too, and the clocks are compared anew
				m.connect()
				m.settle()
			}
			frames := [2]uint64{m.n[0].s.tx.n, m.n[1].s.tx.n}
			for range 20 {
				m.now++
				for i := range m.n {
					m.pump(i)
					m.deliver(i, 1<<20)
				}
			}
			if now := [2]uint64{m.n[0].s.tx.n, m.n[1].s.tx.n}; now != frames {
				t.Errorf("clocks %v: numbered frames went from %d to %d at rest", skew, frames, now)
			}
			for i, n := range m.n {
				if _, _, p := n.st.FlushState(); p.Version == 0 || !near(p.AtMillis-m.at(i), due-m.now) {
					t.Errorf("clocks %v: node %d flushes in %d ms", skew, i, p.AtMillis-m.at(i))
				}
			}
			m.hit(1, true)
			m.now += 10_000 + deadbandMillis
			for i, n := range m.n {
				n.st.Tick(m.at(i))
			}
			m.hit(1, false)
			m.settle()
			m.check()
		}
	}
}

// TestSession_DataBeforeThePongIsConverted: the two HELLOs tell enough. The PONGs
// are lost here, and still no item is off by the lead.
func TestSession_DataBeforeThePongIsConverted(t *testing.T) {
	for dialler := range 2 {
		m := newSkewedPair(t, [2]int64{10 * minute, 0})
		m.setFor(0, 1, ttl)
		m.setFor(1, 2, ttl)
		set := m.now
		for m.connect(); m.n[dialler].s.dialled != true; m.connect() {
		}
		for len(m.n[0].items()) < 2 || len(m.n[1].items()) < 2 {
			m.now += 3
			for i, n := range m.n {
				m.pump(i)
				m.deliver(i, 1<<20)
				if n.s != nil {
					n.s.rx.pongDue = false // nobody answers
				}
			}
		}
		for i, n := range m.n {
			if n.s.clock.num != 0 && !n.s.dialled {
				t.Fatal("the called node has measured already: the test tests nothing")
			}
			for _, k := range []int{1, 2} {
				if got := m.expiresIn(i, k) + m.now - set; !near(got, ttl) {
					t.Errorf("node %d, dialled %v: key %d was to expire in %d ms", i, n.s.dialled, k, got)
				}
			}
		}
	}
}

// TestSession_HelloThatWaitedIsNoMeasure: a node that was stopped finds a HELLO that
// is seconds old. What it takes for the caller's lead is wrong by that much, and no
// item may be: data comes behind the answer to its first PING.
func TestSession_HelloThatWaitedIsNoMeasure(t *testing.T) {
	for dialler := range 2 {
		m := newSkewedPair(t, [2]int64{})
		m.setFor(0, 1, ttl)
		m.setFor(1, 2, ttl)
		set := m.now
		for m.connect(); m.n[dialler].s.dialled != true; m.connect() {
		}
		m.pump(dialler)
		m.now += 2000
		m.settle()
		for i := range m.n {
			for _, k := range []int{1, 2} {
				if got := m.expiresIn(i, k) + m.now - set; !near(got, ttl) {
					t.Errorf("node %d, called by %d: key %d was to expire in %d ms", i, dialler, k, got)
				}
			}
		}
	}
}

func TestOffset_SamplesThatCannotBeAreLeftOut(t *testing.T) {
	const far = wire.MaxMillis
	for name, s := range map[string][4]int64{
		"an answer before the question": {1000, 1000, 1000, 990},
		"left before it came":           {1000, 5000, 4000, 1010},
		"longer there than in all":      {1000, 2000, 9000, 1010},
		"the end of time":               {1000, far, far, 1010},
		"the beginning of time":         {testStart, 0, 0, testStart + 10},
		"from here to eternity":         {1000, 0, far, 1010},
		"all the way":                   {0, 0, far, far},
	} {
		var o offset
		o.sample(1000, 1700, 1700, 1100)
		o.sample(s[0], s[1], s[2], s[3])
		o.suppose(s[1] - s[3])
		if name == "all the way" {
			o.sample(1000, 1700, 1700, 1100)
		}
		if _, ahead, ok := o.best(); !ok || ahead > clockRefuseMillis || ahead < -clockRefuseMillis {
			t.Errorf("%s: %d is believed", name, ahead)
		}
		if l := o.lead(); name != "all the way" && l != 650 {
			t.Errorf("%s: lead %d", name, l)
		}
	}
}

// TestOffset_FollowsAClockThatJumps: a sample that the earlier ones cannot explain
// outdates them, however short their round trip was.
func TestOffset_FollowsAClockThatJumps(t *testing.T) {
	var o offset
	o.sample(1000, 1001, 1001, 1002)
	o.sample(2000, 62_005, 62_005, 2010)
	if rtt, ahead, _ := o.best(); rtt != 10 || ahead != minute {
		t.Fatalf("rtt %d, ahead %d", rtt, ahead)
	}
	o.sample(3000, 63_900, 63_900, 4000) // slow, and within its error
	if rtt, ahead, _ := o.best(); rtt != 10 || ahead != minute {
		t.Fatalf("rtt %d, ahead %d", rtt, ahead)
	}
}

// TestOffset_FollowsASmallJump: one that is just larger than both errors together.
func TestOffset_FollowsASmallJump(t *testing.T) {
	for jump, follows := range map[int64]bool{100 + roundMillis: false, 101 + roundMillis: true, -100 - roundMillis: false, -101 - roundMillis: true} {
		var o offset
		o.sample(1000, 1050, 1050, 1100)
		o.sample(2000, 2050+jump, 2050+jump, 2100)
		if _, ahead, _ := o.best(); (ahead == jump) != follows {
			t.Errorf("a jump of %d: %d ahead", jump, ahead)
		}
	}
}

// TestOffset_ASlowLinkIsNoWrongClock: what a copy delays by a second on one way says nothing
// about the clocks, and a short round trip says much.
func TestOffset_ASlowLinkIsNoWrongClock(t *testing.T) {
	var o offset
	o.sample(1000, 2228, 2228, 2228)
	if _, ahead, _ := o.best(); ahead != 614 || o.apart() > 0 {
		t.Errorf("%d ahead, they differ by %d at least", ahead, o.apart())
	}
	o.sample(3000, 3605, 3605, 3010)
	if o.apart() != 595 {
		t.Errorf("they differ by %d at least", o.apart())
	}
	o.sample(3000, 2405, 2405, 3010)
	if o.apart() != 595 {
		t.Errorf("behind: they differ by %d at least", o.apart())
	}
}

// TestOffset_GuessOfTheHandshakeGivesWayToAnySample: nobody knows how wrong it is.
func TestOffset_GuessOfTheHandshakeGivesWayToAnySample(t *testing.T) {
	var o offset
	o.suppose(900)
	if _, _, ok := o.best(); ok || o.lead() != 900 {
		t.Fatalf("measured %v, lead %d", ok, o.lead())
	}
	o.sample(1000, 6000, 6000, 5000)
	if o.lead() != 3000 {
		t.Fatalf("lead %d", o.lead())
	}
}

// TestSession_TimesOfThePeerStayInRange: whatever lead is believed, a time stays a
// time, and never stays never.
func TestSession_TimesOfThePeerStayInRange(t *testing.T) {
	for _, lead := range []int64{0, 101, -101, clockRefuseMillis, -clockRefuseMillis} {
		s := Session{lead: lead}
		for _, at := range []int64{0, 1, 2, clockRefuseMillis, testStart, wire.MaxMillis - 1, wire.MaxMillis} {
			got := s.ours(at)
			if (got == 0) != (at == 0) || got < 0 || got > wire.MaxMillis {
				t.Errorf("%d with a lead of %d becomes %d", at, lead, got)
			}
			if want := at - lead; at != 0 && want >= 1 && want <= wire.MaxMillis && got != want {
				t.Errorf("%d with a lead of %d becomes %d", at, lead, got)
			}
		}
	}
}

// TestSession_LyingPongsDoNotMoveExpiries: a peer that answers with absurd times is
// not believed, and the session goes on.
func TestSession_LyingPongsDoNotMoveExpiries(t *testing.T) {
	m := newSkewedPair(t, [2]int64{})
	m.connect()
	m.settle()
	s := m.n[1].s
	for _, lie := range [][2]int64{{0, 0}, {wire.MaxMillis, wire.MaxMillis}, {0, wire.MaxMillis}, {wire.MaxMillis, 0}, {testStart * 2, testStart * 2}} {
		m.now += pingMillis
		m.n[1].w.Reset()
		s.Pump(m.at(1), m.n[1].w)
		pong := wire.Pong{ID: s.tx.pingID, T0: s.tx.pingAt, T1: lie[0], T2: lie[1]}
		if err := s.OnFrame(m.at(1), body(t, func(w *wire.Writer) { w.Pong(pong) })); err != nil {
			t.Fatal(err)
		}
		if s.lead != 0 {
			t.Errorf("PONG with %v: lead %d", lie, s.lead)
		}
	}
	for _, at := range []int64{1, testStart + ttl, math.MaxInt64} {
		m.n[0].st.Do(m.at(0), &store.Request{Op: store.OpSet, Key: pairKey(3), Value: []byte("v"), Expires: at})
		m.settle()
	}
	if x, y := m.n[0].items()[string(pairKey(3))], m.n[1].items()[string(pairKey(3))]; y.Expires != x.Expires || y.Expires < testStart {
		t.Errorf("expires at %d and %d", x.Expires, y.Expires)
	}
}
