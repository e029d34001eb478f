package session

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"twincached/internal/wire"
	"twincached/store"
)

// body is the first frame of what f writes.
func body(t testing.TB, f func(w *wire.Writer)) []byte {
	t.Helper()
	w := wire.NewWriter()
	f(w)
	b, n, err := wire.Split(w.Bytes(), 1<<20)
	if err != nil || n == 0 {
		t.Fatal(n, err)
	}
	return b
}

// TestSession_HelloThatDoesNotFit: each mismatch has its code and says what is
// wrong; the BYE is the only thing the stranger gets.
func TestSession_HelloThatDoesNotFit(t *testing.T) {
	tests := []struct {
		name   string
		change func(m *pair, h *wire.Hello)
		code   wire.ByeCode
		text   string
	}{
		{"newer protocol", func(_ *pair, h *wire.Hello) { h.ProtoMin, h.ProtoMax = 7, 9 }, wire.ByeProto, "7 to 9 there"},
		{"partition count", func(_ *pair, h *wire.Hello) { h.Partitions = 64 }, wire.ByeProto, "partition count 256 here, 64 there"},
		{"this node", func(m *pair, h *wire.Hello) { h.Inc = m.n[1].cfg.Inc }, wire.ByeSelf, "this node"},
		{"cluster", func(_ *pair, h *wire.Hello) { h.Cluster = "other" }, wire.ByeCluster, "cluster"},
		{"clock", func(_ *pair, h *wire.Hello) { h.SteadyMillis += clockRefuseMillis + 1 }, wire.ByeClock, "ahead"},
		{"pin", func(m *pair, h *wire.Hello) { m.n[1].cfg.PinPeerID = store.ID{9} }, wire.ByePeerTaken, "pinned"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			m := newQuietPair(t)
			m.n[0].cfg.Cluster, m.n[1].cfg.Cluster = "classified", "classified"
			m.set(1, 0, []byte("what a clock would outdate"))
			s := newSession(m.n[1].Core, false, [32]byte{}, &Scratch{})
			s.OnConnect(m.now)
			h := m.n[0].cfg.hello(m.now, [32]byte{1})
			tt.change(m, &h)
			var end *End
			if err := s.OnFrame(m.now, body(t, func(w *wire.Writer) { w.Hello(&h) })); !errors.As(err, &end) || end.Code != tt.code || !strings.Contains(end.Text, tt.text) {
				t.Fatalf("got %v", err)
			}
			w := wire.NewWriter()
			s.Pump(m.now, w)
			var b wire.Body
			frame, n, err := wire.Split(w.Bytes(), wire.MaxHandshakeBytes)
			if err == nil {
				err = new(wire.Decoder).Decode(frame, &b)
			}
			if err != nil || n != w.Len() || b.Type != wire.TBye || b.Bye.Code != tt.code {
				t.Fatalf("it was told %+v, %v", b.Bye, err)
			}
			if id := m.n[1].cfg.NodeID; strings.Contains(b.Bye.Text, "classified") || strings.Contains(b.Bye.Text, fmt.Sprintf("%x", id)) {
				t.Errorf("a stranger learns %q", b.Bye.Text)
			}
			s.OnLoss(m.now)
		})
	}
}

// TestSession_NothingBeforeTheProof: no frame but HELLO, then AUTH, and a right one.
func TestSession_NothingBeforeTheProof(t *testing.T) {
	batch := func(w *wire.Writer) {
		w.BeginBatch(1, 7, store.Live)
		w.Record(&store.Record{Key: pairKey(0), Version: 1 << 40, ExpVersion: 1 << 40})
		w.EndBatch(1)
	}
	frames := map[string]func(w *wire.Writer){
		"BATCH": batch,
		"FLUSH": func(w *wire.Writer) { w.Flush(wire.Flush{N: 1, Flush: 1 << 62}) },
		"STATE": func(w *wire.Writer) { w.State(&wire.State{State: store.State{Clock: 1 << 62}}) },
		"AUTH":  func(w *wire.Writer) { w.Auth(&wire.Auth{}) },
		"ACK":   func(w *wire.Writer) { w.Ack(wire.Ack{}) },
	}
	for name, f := range frames {
		for _, helloFirst := range []bool{false, true} {
			m := newQuietPair(t)
			n := m.n[1]
			s := newSession(n.Core, false, [32]byte{}, &Scratch{})
			s.OnConnect(m.now)
			if helloFirst {
				h := m.n[0].cfg.hello(m.now, [32]byte{1})
				if err := s.OnFrame(m.now, body(t, func(w *wire.Writer) { w.Hello(&h) })); err != nil {
					t.Fatal(err)
				}
				s.Pump(m.now, wire.NewWriter())
			}
			before := n.st.State().Clock
			if err := s.OnFrame(m.now, body(t, f)); err == nil {
				t.Errorf("%s was taken, after HELLO: %v", name, helloFirst)
			}
			if n.st.State().Clock != before || len(n.items()) != 0 {
				t.Errorf("%s changed the store", name)
			}
			if s.FrameLimit() != wire.MaxHandshakeBytes && s.Phase() != PhaseEnded {
				t.Error("the limit of frames was lifted")
			}
			s.OnLoss(m.now)
		}
	}
}

// TestSession_PoisonedVersionsAreRefused: a peer whose versions are a year ahead
// would drag this node's clock there.
func TestSession_PoisonedVersionsAreRefused(t *testing.T) {
	m := newQuietPair(t)
	m.n[0].st.Observe(uint64(m.now+365*24*60*60*1000) << 19)
	m.set(0, 0, []byte("a year ahead"))
	m.set(1, 1, []byte("would be behind for ever"))
	m.connect()
	var end *End
	for i := 0; i < 100 && end == nil; i++ {
		m.pump(0)
		m.pump(1)
		for side := range m.n {
			n := m.n[side]
			for len(m.net[side]) > 0 && end == nil {
				frame, size, err := wire.Split(m.net[side], n.s.FrameLimit())
				if err != nil || size == 0 {
					t.Fatal(size, err)
				}
				err = n.s.OnFrame(m.now, frame)
				if err == nil && n.s.WantsAdmission() {
					err = n.s.Admit(m.now, Ready)
				}
				errors.As(err, &end)
				m.net[side] = m.net[side][size:]
			}
		}
	}
	if end == nil || end.Code != wire.ByeClock {
		t.Fatalf("ended with %v", end)
	}
	if got := store.VersionMillis(m.n[1].st.State().Clock); got > m.now+1000 {
		t.Fatalf("the clock was dragged to %d", got)
	}
	m.n[0].s.OnLoss(m.now)
	m.n[1].s.OnLoss(m.now)
}

// FuzzSession_AnyFramesOfAPeer: whatever an authenticated peer says, the session
// ends or goes on; it does not panic, and the store stays whole.
func FuzzSession_AnyFramesOfAPeer(f *testing.F) {
	seed := func(g func(w *wire.Writer)) { f.Add(body(f, g), body(f, g)) }
	seed(func(w *wire.Writer) { w.Bulk(wire.Bulk{N: 1, Part: 7, T: 1 << 60, Count: 1 << 60}) })
	seed(func(w *wire.Writer) { w.Done(wire.Done{N: 2, Part: 7}) })
	seed(func(w *wire.Writer) { w.Flush(wire.Flush{N: 1, Flush: 1 << 62}) })
	seed(func(w *wire.Writer) { w.Grave(wire.Grave{N: 1, Part: 7, Gen: 1, Floor: 1 << 62, Saturated: true}) })
	seed(func(w *wire.Writer) { w.Ack(wire.Ack{N: 1}) })
	seed(func(w *wire.Writer) { w.Ping(wire.Ping{ID: 1, T0: wire.MaxMillis}) })
	seed(func(w *wire.Writer) { w.Status(wire.Status{Text: []byte("{}")}) })
	seed(func(w *wire.Writer) { w.Pong(wire.Pong{ID: 1, T0: testStart, T1: wire.MaxMillis}) })
	seed(func(w *wire.Writer) {
		w.BeginBatch(1, 7, store.Bulk)
		w.Record(&store.Record{Key: pairKey(0), Version: 1 << 61, ExpVersion: 1 << 62, Value: []byte("v")})
		w.EndBatch(1 << 62)
	})
	f.Fuzz(func(t *testing.T, first, second []byte) {
		m := newQuietPair(t)
		m.set(0, 0, []byte("a"))
		m.set(1, 1, []byte("b"))
		m.heal()
		s := m.n[1].s
		if s.OnFrame(m.now, first) == nil && s.OnFrame(m.now, second) == nil {
			s.OnIdle(m.now)
			m.n[1].w.Reset()
			s.Pump(m.now, m.n[1].w)
		}
		m.lose(1)
		m.lose(0)
	})
}
