package session

import (
	"errors"
	"fmt"
	"math"
	"reflect"
	"testing"

	"twincached/internal/wire"
	"twincached/store"
)

const hour = int64(3_600_000)

// simVersion is a version of a time relative to the start of a simulation.
func simVersion(millis int64) uint64 { return uint64(testStart+millis) << 19 }

// versionFrames are frames of every kind that carries versions, each with v in one place,
// as the first numbered frame after n.
func versionFrames(n, v uint64) map[string]func(w *wire.Writer) {
	ok := simVersion(0)
	batch := func(r store.Record) func(w *wire.Writer) {
		return func(w *wire.Writer) {
			w.BeginBatch(n+1, 7, store.Live)
			w.Record(&store.Record{Key: pairKey(1), Version: ok, ExpVersion: ok, Value: []byte("right, before it")})
			r.Key = pairKey(0)
			w.Record(&r)
			w.EndBatch(900)
		}
	}
	return map[string]func(w *wire.Writer){
		"BATCH ver":         batch(store.Record{Version: v, ExpVersion: v, Value: []byte("v")}),
		"BATCH ver of TOMB": batch(store.Record{Op: store.RecordTombstone, Version: v}),
		"PIECE ver": func(w *wire.Writer) {
			w.Piece(&wire.Piece{N: n + 1, Part: 7, Key: pairKey(0), Version: v, Bytes: 9, Data: []byte("v")})
		},
		"BATCH expver":         batch(store.Record{Version: ok, ExpVersion: v, Value: []byte("v")}),
		"BATCH expver of TOMB": batch(store.Record{Op: store.RecordTombstone, Version: ok, ExpVersion: v}),
		"BATCH TOUCH":          batch(store.Record{Op: store.RecordTouch, Version: ok, ExpVersion: v, Expires: testStart + 1}),
		"MANY ver": func(w *wire.Writer) {
			right := store.Record{Key: pairKey(1), Version: ok, ExpVersion: ok, Value: []byte("right, before it")}
			writeMany(w, n+1, store.Live, []store.Batch{{Part: 7, To: 900, Records: []store.Record{right, {Key: pairKey(0), Version: v, ExpVersion: v, Value: []byte("v")}}}})
		},
		"FLUSH flush": func(w *wire.Writer) { w.Flush(wire.Flush{N: n + 1, Flush: v}) },
		"FLUSH pver":  func(w *wire.Writer) { w.Flush(wire.Flush{N: n + 1, Flush: ok, Cancelled: v}) },
		"FLUSH_AT": func(w *wire.Writer) {
			w.FlushAt(wire.FlushAt{N: n + 1, Pending: store.PendingFlush{Version: v, AtMillis: testStart + hour}})
		},
		"GRAVE": func(w *wire.Writer) { w.Grave(wire.Grave{N: n + 1, Part: 7, Gen: 1, Floor: v, Saturated: true}) },
	}
}

// tooFarVersions are what no frame may carry.
var tooFarVersions = []uint64{
	simVersion(24*hour + 1000), simVersion(400 * 365 * 24 * hour), uint64(store.MaxClockMillis+1) << 19,
	1<<63 - 64, 1<<63 - 1, // these make bit 63 when one is added
}

// TestFailure_VersionsFarAhead: one record with the last version there is kept a node from
// ever writing again. Whatever frame brings such a version, it has no effect at all, and
// the node goes on as if nothing had come.
func TestFailure_VersionsFarAhead(t *testing.T) {
	for _, v := range tooFarVersions {
		for name := range versionFrames(0, v) {
			t.Run(fmt.Sprintf("%s %#x", name, v), func(t *testing.T) {
				m := newQuietPair(t)
				m.set(1, 0, []byte("mine"))
				m.heal()
				n := m.n[1]
				before, items, received := *n.st.State(), n.items(), n.s.rx.n
				var end *End
				err := n.s.OnFrame(m.now, body(t, versionFrames(n.s.rx.n, v)[name]))
				if !errors.As(err, &end) || end.Code != wire.ByeBadFrame || end.FromPeer {
					t.Fatalf("got %v", err)
				}
				if after := *n.st.State(); after != before || n.s.rx.n != received {
					t.Errorf("clock %#x is %#x, %d items are %d, flush %#x is %#x", before.Clock, after.Clock, before.Items, after.Items, before.Flush, after.Flush)
				}
				if after := n.items(); !reflect.DeepEqual(after, items) {
					t.Errorf("items were %v, are %v", items, after)
				}
				r := n.st.Do(m.now, &store.Request{Op: store.OpSet, Key: pairKey(0), Value: []byte("later")})
				if r.Status != store.Stored || r.Version>>63 != 0 || store.VersionMillis(r.Version) > m.now+1000 {
					t.Errorf("a set gets status %d and version %#x", r.Status, r.Version)
				}
			})
		}
	}
}

// TestSession_VersionsOfADayAheadAreTaken: the bound is where the clocks may be, not below.
func TestSession_VersionsOfADayAheadAreTaken(t *testing.T) {
	v := simVersion(24*hour - 1000)
	for name := range versionFrames(0, v) {
		m := newQuietPair(t)
		m.heal()
		n := m.n[1]
		if err := n.s.OnFrame(m.now, body(t, versionFrames(n.s.rx.n, v)[name])); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if name != "FLUSH pver" && n.st.Clock() < v { // pver names a flush, it is not one
			t.Errorf("%s: not observed", name)
		}
	}
}

// TestSession_BoundGoesOnWithTheVersionsThatWereMet: a pair whose versions are ahead of
// its clocks, because one of these was wrong once, goes on from there, and the bound
// with it.
func TestSession_BoundGoesOnWithTheVersionsThatWereMet(t *testing.T) {
	for who, ahead := range [][]int{{0, 1}, {0}, {1}} {
		t.Run(fmt.Sprint(who), func(t *testing.T) { boundGoesOn(t, ahead) })
	}
}

// boundGoesOn is for nodes whose versions are ahead. One that is not has never held anything.
func boundGoesOn(t *testing.T, ahead []int) {
	m := newQuietPair(t)
	for _, i := range ahead {
		m.n[i].st.Observe(simVersion(1000 * hour)) // as a state directory says
		m.set(i, i, []byte("v"))                   // else it would begin anew
	}
	m.heal()
	m.set(0, 1, []byte("w"))
	m.settle()
	m.set(1, 0, []byte("w"))
	m.settle()
	m.check()
	n := m.n[1]
	w := func(v uint64) []byte { return body(t, versionFrames(n.s.rx.n, v)["BATCH ver"]) }
	if err := n.s.OnFrame(m.now, w(simVersion(1023*hour))); err != nil {
		t.Errorf("23 hours ahead of the versions: %v", err)
	}
	if err := n.s.OnFrame(m.now, w(simVersion(1025*hour))); err == nil {
		t.Error("25 hours ahead of them is taken")
	}
}

// TestSession_StateFarAheadIsRefused: STATE's clock gets the reason, its other versions
// are a bad frame; neither has an effect.
func TestSession_StateFarAheadIsRefused(t *testing.T) {
	for _, v := range tooFarVersions {
		for name, c := range map[string]struct {
			change func(*wire.State)
			code   wire.ByeCode
		}{
			"hlc":     {func(st *wire.State) { st.Clock = v }, wire.ByeClock},
			"born":    {func(st *wire.State) { st.Born = v }, wire.ByeBadFrame},
			"flush":   {func(st *wire.State) { st.Flush = v }, wire.ByeBadFrame},
			"pending": {func(st *wire.State) { st.Pending = store.PendingFlush{Version: v, AtMillis: 1} }, wire.ByeBadFrame},
		} {
			m := newQuietPair(t)
			m.set(0, 0, []byte("mine"))
			m.connect()
			n := m.n[0] // it elects, and then waits for the other's STATE
			for range 10_000 {
				m.pump(0)
				m.pump(1)
				if m.deliver(1, 1<<10); n.s.phase == PhaseState {
					break
				}
				m.deliver(0, 1)
			}
			if n.s.phase != PhaseState {
				t.Fatalf("phase %v", n.s.phase)
			}
			before := *n.st.State()
			st := wire.State{State: store.State{Clock: simVersion(0), Born: simVersion(0)}}
			c.change(&st)
			var end *End
			err := n.s.OnFrame(m.now, body(t, func(w *wire.Writer) { w.State(&st) }))
			if !errors.As(err, &end) || end.Code != c.code {
				t.Errorf("%s %#x: %v", name, v, err)
			}
			if after := *n.st.State(); after != before {
				t.Errorf("%s %#x: clock %#x, flush %#x", name, v, after.Clock, after.Flush)
			}
		}
	}
}

// TestSession_BoundOfExtremeClocks: the arithmetic holds at both ends of time.
func TestSession_BoundOfExtremeClocks(t *testing.T) {
	for _, now := range []int64{0, testStart, store.MaxClockMillis, wire.MaxMillis} {
		for _, v := range []uint64{0, simVersion(0), math.MaxInt64} {
			var s Session
			s.boundVersions(now, v, 0)
			if l := s.latest(now); l < 0 || l > store.MaxClockMillis {
				t.Errorf("now %d, version %#x: up to %d", now, v, l)
			}
		}
	}
}
