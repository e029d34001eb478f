package session

import (
	"bytes"
	"errors"
	"testing"

	"twincached/internal/testkit"
	"twincached/internal/wire"
	"twincached/store"
)

// TestSession_BrokenFramesEndIt: whatever a peer says out of place is an error of
// its own and changes no data.
func TestSession_BrokenFramesEndIt(t *testing.T) {
	tests := map[string]func(w *wire.Writer, tx *sender){
		"a number left out":    func(w *wire.Writer, tx *sender) { w.Barrier(wire.Barrier{N: tx.n + 2}) },
		"a number twice":       func(w *wire.Writer, tx *sender) { w.Barrier(wire.Barrier{N: tx.n}) },
		"an ACK of the future": func(w *wire.Writer, tx *sender) { w.Ack(wire.Ack{N: 1 << 40}) },
		"HELLO again": func(w *wire.Writer, tx *sender) {
			w.Hello(&wire.Hello{ProtoMin: 1, ProtoMax: 1, NodeID: store.ID{1}, Inc: store.ID{1}})
		},
		"STATE again": func(w *wire.Writer, tx *sender) { w.State(&wire.State{}) },
		"a key of another partition": func(w *wire.Writer, tx *sender) {
			w.BeginBatch(tx.n+1, 8, store.Live)
			w.Record(&store.Record{Key: pairKey(0), Version: 1 << 40, ExpVersion: 1 << 40})
			w.EndBatch(1)
		},
		"a key of another partition, in the second batch": func(w *wire.Writer, tx *sender) {
			right := store.Record{Key: pairKey(0), Version: 1 << 40, ExpVersion: 1 << 40}
			writeMany(w, tx.n+1, store.Live, []store.Batch{{Part: store.PartitionOf(pairKey(0)), To: 1, Records: []store.Record{right}}, {Part: 8, To: 1, Records: []store.Record{right}}})
		},
		"an item in pieces, in a MANY": func(w *wire.Writer, tx *sender) {
			writeMany(w, tx.n+1, store.Live, []store.Batch{{Part: store.PartitionOf(pairKey(0)), To: 1, Records: []store.Record{{Key: pairKey(0), Op: store.RecordPieced, Version: 1 << 40, ExpVersion: 1 << 40}}}})
		},
	}
	for name, f := range tests {
		t.Run(name, func(t *testing.T) {
			m := newQuietPair(t)
			m.heal()
			w := wire.NewWriter()
			f(w, m.n[0].s.tx)
			n := m.n[1]
			body, _, err := wire.Split(w.Bytes(), n.s.FrameLimit())
			if err != nil {
				t.Fatal(err)
			}
			var end *End
			if err := n.s.OnFrame(m.now, body); !errors.As(err, &end) || end.Code != wire.ByeBadFrame || end.FromPeer {
				t.Fatalf("got %v", err)
			}
			n.w.Reset()
			n.s.Pump(m.now, n.w)
			body, _, _ = wire.Split(n.w.Bytes(), n.s.FrameLimit())
			if err := m.n[0].s.OnFrame(m.now, body); !errors.As(err, &end) || !end.FromPeer || end.Code != wire.ByeBadFrame {
				t.Fatalf("the peer was told %v", err)
			}
			if len(n.items()) != 0 {
				t.Fatal("applied")
			}
		})
	}
}

func TestSession_UnknownSkippableFrameIsSkipped(t *testing.T) {
	m := newQuietPair(t)
	m.heal()
	if err := m.n[1].s.OnFrame(m.now, []byte{0x92, 0x7f, 0x01}); err != nil {
		t.Fatal(err)
	}
	m.finish()
}

func TestSession_SilenceEndsIt(t *testing.T) {
	m := newQuietPair(t)
	m.heal()
	s := m.n[0].s
	m.now += 3_600_000 // this process was stopped for an hour: it has heard nothing, but not for an hour
	if err := s.Tick(m.now); err != nil {
		t.Fatalf("its own stop counts as the peer's silence: %v", err)
	}
	s.OnRead(m.now)
	for ticks := int64(1); ; ticks++ {
		m.now += TickMillis
		err := s.Tick(m.now)
		if silent := ticks * TickMillis; (err != nil) != (silent >= silenceMillis) {
			t.Fatalf("after %d ms: %v", silent, err)
		}
		if err != nil {
			break
		}
	}
}

func TestSession_HandshakeTakesNoLongerThan3s(t *testing.T) {
	m := newQuietPair(t)
	m.connect()
	if err := m.n[0].s.Tick(m.now + HelloMillis - 1); err != nil {
		t.Fatal(err)
	}
	if err := m.n[0].s.Tick(m.now + HelloMillis); err == nil {
		t.Fatal("goes on")
	}
}

func TestSession_PingsAfterAWhileOfSilence(t *testing.T) {
	m := newQuietPair(t)
	m.heal()
	s, before := m.n[0].s, m.n[0].s.tx.pingID
	m.now = s.lastSend + pingMillis - 1
	m.pump(0)
	if s.tx.pingID != before {
		t.Fatal("too early")
	}
	m.now++
	m.pump(0)
	if s.tx.pingID != before+1 {
		t.Fatal("no PING")
	}
	if rtt, _, ok := s.clock.best(); !ok || rtt < 0 {
		t.Fatalf("round trip %d, %v", rtt, ok)
	}
}

func TestOffset_BelievesTheShortestRoundTrip(t *testing.T) {
	var o offset
	if _, _, ok := o.best(); ok {
		t.Fatal("measured before the first sample")
	}
	o.sample(1000, 1700, 1700, 1400) // slow one way
	o.sample(2000, 2601, 2602, 2003)
	o.sample(3000, 3900, 3900, 3800)
	if rtt, ahead, ok := o.best(); !ok || rtt != 2 || ahead != 600 {
		t.Fatalf("rtt %d, ahead %d", rtt, ahead)
	}
}

// TestSession_StreamingAllocatesNothing holds the hot path: one item over the
// link, applied and acknowledged.
func TestSession_StreamingAllocatesNothing(t *testing.T) {
	if testkit.Race {
		t.Skip("the race detector allocates")
	}
	m := newQuietPair(t)
	m.heal()
	a, b := m.n[0], m.n[1]
	key, value := pairKey(3), bytes.Repeat([]byte("v"), 100)
	r := store.Request{Op: store.OpSet, Key: key, Value: value}
	pass := func(from, to *pairNode) {
		from.w.Reset()
		from.s.Pump(m.now, from.w)
		for p := from.w.Bytes(); len(p) > 0; {
			body, n, err := wire.Split(p, to.s.FrameLimit())
			if err != nil || n == 0 {
				t.Fatal(n, err)
			}
			if err := to.s.OnFrame(m.now, body); err != nil {
				t.Fatal(err)
			}
			p = p[n:]
		}
		to.s.OnIdle(m.now)
	}
	once := func() {
		a.st.Do(m.now, &r)
		pass(a, b)
		pass(b, a)
	}
	once()
	if n := testing.AllocsPerRun(500, once); n != 0 {
		t.Errorf("%v allocations an item", n)
	}
	m.learn(0, 3, fact{a.st.State().Clock, a.st.State().Clock, false})
	m.finish()
}
