package session

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"strings"
	"testing"

	"twincached/internal/wire"
)

// later makes of what a node says what one of a later release may say: elements
// behind those of every frame, hints between the frames, protocol versions and
// features in HELLO.
type later struct {
	m      *pair
	from   int // the node of the later release
	frames map[wire.Type]int
}

func (l *later) wrap(from int, frames []byte) (out []byte) {
	if from != l.from {
		return frames
	}
	for len(frames) > 0 {
		body, n, err := wire.Split(frames, 1<<20)
		if err != nil || n == 0 {
			l.m.t.Fatal(n, err)
		}
		frames = frames[n:]
		l.frames[wire.Type(body[1])]++
		if wire.Type(body[1]) == wire.THello {
			body = l.hello(body)
		}
		out = appendFrame(out, longer(body))
		if wire.Type(body[1]) == wire.THello {
			l.m.n[from].s.hs.myHello = longer(body) // what it said counts for the proof
		}
		out = appendFrame(out, []byte{0x93, 0x42, 0xc0, 0xa1, 'x'})                                     // [0x42, nil, "x"]
		out = appendFrame(out, []byte{0x92, 0xcc, 0xff, 0x81, 0xa1, 'k', 0x92, 0x01, 0xc4, 0x01, 0x00}) // [0xff, {"k": [1, bin]}]
	}
	return out
}

// hello announces versions 1 to 3, and features nobody knows.
func (l *later) hello(body []byte) []byte {
	var b wire.Body
	if err := new(wire.Decoder).Decode(body, &b); err != nil {
		l.m.t.Fatal(err)
	}
	b.Hello.ProtoMin, b.Hello.ProtoMax, b.Hello.Features = 1, 3, 0xf000_0000_0000_00ff
	b.Hello.Memory = 1 << 30
	w := wire.NewWriter()
	w.Hello(&b.Hello)
	return w.Bytes()[wire.HeadBytes:]
}

// longer appends elements that no version has yet: every kind there is.
func longer(body []byte) []byte {
	extra := []byte{0xc0, 0xc3, 0x07, 0xa1, 'x', 0xc4, 0x01, 0xff, 0x92, 0x01, 0x91, 0xc0, 0x81, 0x01, 0x02} // 7 elements
	fields := int(body[0] & 0x0f)
	if body[0] != 0x90|byte(fields) {
		panic(fmt.Sprintf("a frame that begins with %#x", body[0]))
	}
	if wire.Type(body[1]) == wire.TState && fields == 10 { // heir_of, which may be left out, has its place before them
		extra, fields = append(append([]byte{0xc4, 16}, make([]byte, 16)...), extra...), fields+1
	}
	out := []byte{0xdc, 0, byte(fields + 7)}
	return append(append(out, body[1:]...), extra...)
}

func appendFrame(out, body []byte) []byte {
	out = binary.BigEndian.AppendUint32(out, uint32(len(body)))
	out = binary.BigEndian.AppendUint32(out, crc32.Checksum(body, crc32.MakeTable(crc32.Castagnoli)))
	return append(out, body...)
}

// TestVersions_ALaterReleaseSpeaksVersion1: the peer knows versions 1 to 3, and
// more than this one in every frame. The session speaks version 1, whoever dialled
// and whoever elects, and both ends hold the same.
func TestVersions_ALaterReleaseSpeaksVersion1(t *testing.T) {
	for try := range 8 {
		m := newQuietPair(t)
		l := &later{m: m, from: try % 2, frames: map[wire.Type]int{}}
		m.wrap = l.wrap
		for k := range 30 {
			m.set(k%2, k, []byte("copied"))
		}
		m.connect() // who dials is drawn
		m.settle()
		for k := range 10 {
			m.set(k%2, k, []byte("live"))
			m.del((k+1)%2, 20+k)
		}
		m.settle()
		m.n[l.from].st.FlushAt(m.now, m.now+1<<40)
		m.settle()
		m.n[l.from].st.Flush(m.now)
		m.now += probeMillis
		m.settle()
		m.check()
		for i, n := range m.n {
			if n.s.proto != 1 {
				t.Errorf("node %d speaks version %d", i, n.s.proto)
			}
		}
		if s := m.n[1-l.from].s; s.peer.ProtoMax != 3 || s.peer.Features == 0 {
			t.Fatal("the HELLO is not a later one: the test tests nothing")
		}
		for _, f := range []wire.Type{wire.THello, wire.TAuth, wire.TState, wire.TMany, wire.TBulk, wire.TDone, wire.TFlush, wire.TFlushAt, wire.TAck, wire.TPing, wire.TPong, wire.TBarrier} {
			if l.frames[f] == 0 {
				t.Errorf("no %v was sent", f)
			}
		}
	}
}

// TestVersions_NoneInCommon: both ranges are named, on whichever side is read.
func TestVersions_NoneInCommon(t *testing.T) {
	m := newQuietPair(t)
	for _, dialled := range []bool{false, true} {
		s := newSession(m.n[1].Core, dialled, [32]byte{}, &Scratch{})
		s.OnConnect(m.now)
		s.Pump(m.now, wire.NewWriter())
		h := m.n[0].cfg.hello(m.now, [32]byte{1})
		h.ProtoMin, h.ProtoMax = 2, 3
		var end *End
		err := s.OnFrame(m.now, body(t, func(w *wire.Writer) { w.Hello(&h) }))
		if !errors.As(err, &end) || end.Code != wire.ByeProto || !strings.Contains(end.Text, "protocol versions 1 to 1 here, 2 to 3 there") {
			t.Errorf("dialled %v: %v", dialled, err)
		}
		s.OnLoss(m.now)
	}
}

// TestVersions_ARangeThatIsNone: proto_min above proto_max breaks the contract.
func TestVersions_ARangeThatIsNone(t *testing.T) {
	m := newQuietPair(t)
	for _, r := range [][2]uint32{{2, 1}, {0, 1}, {3, 2}} {
		s := newSession(m.n[1].Core, false, [32]byte{}, &Scratch{})
		s.OnConnect(m.now)
		h := m.n[0].cfg.hello(m.now, [32]byte{1})
		h.ProtoMin, h.ProtoMax = r[0], r[1]
		var end *End
		if err := s.OnFrame(m.now, body(t, func(w *wire.Writer) { w.Hello(&h) })); !errors.As(err, &end) || end.Code != wire.ByeBadFrame {
			t.Errorf("%d to %d: %v", r[0], r[1], err)
		}
		s.OnLoss(m.now)
	}
}

// TestVersions_UnknownTypes: in every phase a hint is skipped, and what may not be
// lost ends the session.
func TestVersions_UnknownTypes(t *testing.T) {
	for _, typ := range []byte{0, 16, 0x3f, 0x42, 0x43, 0x7f, 0x80, 0xff} {
		frame := []byte{0x92, 0xcc, typ, 0x01}
		for phase, s := range sessionsOfAllPhases(t) {
			before := s.Phase()
			err := s.OnFrame(testStart, frame)
			var end *End
			switch skip := typ >= byte(wire.FirstSkippable); {
			case skip && (err != nil || s.Phase() != before):
				t.Errorf("type %#x in phase %s: %v", typ, phase, err)
			case !skip && (!errors.As(err, &end) || end.Code != wire.ByeBadFrame):
				t.Errorf("type %#x in phase %s: %v", typ, phase, err)
			}
		}
	}
}

// sessionsOfAllPhases are sessions of both nodes, by the phase they wait in.
func sessionsOfAllPhases(t *testing.T) map[string]*Session {
	all := map[string]*Session{}
	for i := range 2 {
		for phase := PhaseHello; phase <= PhaseStream; phase++ {
			m := newQuietPair(t)
			m.connect()
			for m.n[i].s.Phase() < phase {
				for j := range 2 {
					m.pump(j)
					m.deliver(j, 64)
				}
			}
			if m.n[i].s.Phase() == phase {
				all[fmt.Sprintf("%d of node %d", phase, i)] = m.n[i].s
			}
		}
	}
	if len(all) < 8 {
		t.Fatalf("only %d phases: %v", len(all), all)
	}
	return all
}
