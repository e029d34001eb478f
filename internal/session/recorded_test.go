package session

import (
	"encoding/hex"
	"flag"
	"fmt"
	"os"
	"strings"
	"testing"

	"twincached/internal/wire"
	"twincached/store"
)

// What a node of protocol version 1 said, as bytes that are never written again:
// see the head of the file.
const recordedSession = "../../testdata/wire/session_v1/peer.hex"

var record = flag.Bool("record", false, "write the recording of a session if there is none; one that exists is never touched")

// The recording's time, and versions of that time: the peer's have slot 5.
const recordedAt = int64(1_700_000_000_000)

// recordedFlush is its watermark in the end.
const recordedFlush = uint64(recordedAt-32_000)<<19 | 5

// recordedNumbered is how many numbered frames it has.
const recordedNumbered = 13

func recordedVersion(k uint64) uint64 { return uint64(recordedAt)<<19 + k<<6 | 5 }

// readRecording returns the frames of the recording, heads included.
func readRecording(t testing.TB) (frames [][]byte) {
	t.Helper()
	text, err := os.ReadFile(recordedSession)
	if err != nil {
		t.Fatal(err)
	}
	var digits strings.Builder
	for line := range strings.Lines(string(text)) {
		line, _, _ = strings.Cut(line, "#")
		digits.WriteString(strings.Join(strings.Fields(line), ""))
	}
	raw, err := hex.DecodeString(digits.String())
	if err != nil {
		t.Fatal(err)
	}
	for len(raw) > 0 {
		_, n, err := wire.Split(raw, wire.MaxFrameBytes(1<<20))
		if err != nil || n == 0 {
			t.Fatalf("frame %d of the recording: %d %v", len(frames), n, err)
		}
		frames = append(frames, raw[:n])
		raw = raw[n:]
	}
	return frames
}

// listener is the node that reads the recording.
type listener struct {
	t         *testing.T
	n         *pairNode
	dialled   bool
	now       int64
	hello     []byte // its own HELLO, as it was written
	peerHello []byte // the recorded HELLO
	acked     uint64
	byes      int
}

// say lets the node write, and notes what it said.
func (l *listener) say() {
	l.n.w.Reset()
	l.n.s.Pump(l.now, l.n.w)
	for p := l.n.w.Bytes(); len(p) > 0; {
		body, n, err := wire.Split(p, 1<<20)
		var b wire.Body
		if err == nil {
			err = new(wire.Decoder).Decode(body, &b)
		}
		if err != nil || n == 0 {
			l.t.Fatal(n, err)
		}
		switch b.Type {
		case wire.THello:
			l.hello = append([]byte(nil), body...)
		case wire.TAck:
			l.acked = b.Ack.N
		case wire.TBye:
			l.byes++
		}
		p = p[n:]
	}
}

// read passes in one recorded frame. The proof depends on what both sides said in
// HELLO, so it is the only frame that is made anew.
func (l *listener) read(frame []byte) error {
	body := frame[wire.HeadBytes:]
	switch wire.Type(body[1]) {
	case wire.THello:
		l.peerHello = body
	case wire.TAuth:
		first, second := l.peerHello, l.hello
		if l.dialled {
			first, second = second, first
		}
		w := wire.NewWriter()
		w.Auth(&wire.Auth{MAC: wire.AuthMAC(l.n.cfg.Secret, !l.dialled, first, second)})
		body = w.Bytes()[wire.HeadBytes:]
	}
	err := l.n.s.OnFrame(l.now, body)
	if err == nil && l.n.s.WantsAdmission() {
		err = l.n.s.Admit(l.now, Ready)
	}
	l.n.s.OnIdle(l.now)
	return err
}

// newListener is a node with items of its own.
func newListener(t *testing.T, id byte, dialled bool) *listener {
	st, err := store.New(store.Config{MemoryBytes: 4 << 20, Replicated: true, Slot: 3}, recordedAt-60_000)
	if err != nil {
		t.Fatal(err)
	}
	n := &pairNode{st: st, w: wire.NewWriter()}
	l := &listener{t: t, n: n, dialled: dialled, now: recordedAt}
	n.Core = newCore(t, l.now, Config{Cluster: "recorded", NodeID: store.ID{id, 1}, Inc: store.ID{id, 2}, Store: st})
	for _, own := range []struct {
		key string
		ago int64
	}{
		{"mine:flushed by STATE", 40_000}, {"mine:flushed by FLUSH", 33_000},
		{"mine:deleted:46", 30_000}, {"mine:graved:61", 30_000}, {"mine:saturated:464", 30_000}, {"mine:kept:289", 10_000},
	} {
		st.Do(recordedAt-own.ago, &store.Request{Op: store.OpSet, Key: []byte(own.key), Value: []byte("mine")})
	}
	n.s = newSession(n.Core, dialled, [32]byte{7}, &Scratch{})
	n.s.OnConnect(l.now)
	return l
}

// TestRecorded_SessionOfVersion1: what a node of version 1 once said, from HELLO
// to BYE, is understood as it was meant. This holds for every release that speaks
// version 1.
func TestRecorded_SessionOfVersion1(t *testing.T) {
	if *record {
		writeRecording(t)
	}
	frames := readRecording(t)
	for _, dialled := range []bool{false, true} {
		for _, id := range []byte{0x01, 0xf0} { // it elects, it follows; the peer's id begins with 0x10
			t.Run(fmt.Sprintf("dialled=%v,id=%#x", dialled, id), func(t *testing.T) {
				l := newListener(t, id, dialled)
				defer l.n.st.Close()
				kinds := map[wire.Type]int{}
				for i, frame := range frames {
					l.say()
					kinds[wire.Type(frame[wire.HeadBytes+1])]++
					err := l.read(frame)
					if last := i == len(frames)-1; (err != nil) != last {
						t.Fatalf("frame %d, %x: %v", i, frame[:min(len(frame), 40)], err)
					}
					if i == len(frames)-2 {
						l.now += ackMillis
						l.say() // the last ACK
						l.checkSession()
					}
				}
				for typ := wire.THello; typ <= wire.TGrave; typ++ {
					if kinds[typ] == 0 {
						t.Errorf("the recording has no %v", typ)
					}
				}
				if e := l.n.s.end; e.Code != wire.ByePlanned || !e.FromPeer || e.Text != "this node stops" {
					t.Errorf("ended with %v", e)
				}
				l.n.s.OnLoss(l.now)
				l.checkItems()
				if err := l.n.st.CheckInvariants(); err != nil {
					t.Error(err)
				}
			})
		}
	}
}

// checkSession looks at the session when all frames but BYE have been read.
func (l *listener) checkSession() {
	s, st := l.n.s, l.n.st.State()
	if !s.BarrierReceived() || l.acked != recordedNumbered || l.byes != 0 || s.proto != 1 {
		l.t.Errorf("barrier %v, acknowledged %d of %d, %d BYEs, version %d", s.BarrierReceived(), l.acked, recordedNumbered, l.byes, s.proto)
	}
	if s.rx.backlog != 3 || s.rx.bulkLeft != 2 {
		l.t.Errorf("of PING: backlog %d, bulk left %d", s.rx.backlog, s.rx.bulkLeft)
	}
	if rtt, ahead, ok := s.clock.best(); !ok || rtt != 0 || ahead != 0 || s.clock.num != 1 && !l.dialled {
		l.t.Errorf("of PONG: %d %d %v", rtt, ahead, ok)
	}
	if s.tx.flights.frames.num != 0 && s.tx.flights.oldest().n <= 1 {
		l.t.Error("of ACK: nothing was taken off")
	}
	if c := st.Cursors[7]; c != (store.Cursor{A: 13, T: 13, B: 13}) {
		l.t.Errorf("cursor %+v", c)
	}
	if p, want := st.Pending, (store.PendingFlush{Version: recordedVersion(30), AtMillis: recordedAt + 7_200_000}); p != want || st.Flush != recordedFlush {
		l.t.Errorf("flush %d, pending %+v", st.Flush, p)
	}
	if st.Clock < recordedVersion(100) || st.LastPeer != (store.ID{0x20, 0x21}) {
		l.t.Errorf("clock %d, last peer %x", st.Clock, st.LastPeer)
	}
}

// recordedItems are what is alive in the end.
var recordedItems = map[string]heldItem{
	"plain:42":        {store.Record{Version: recordedVersion(1), ExpVersion: recordedVersion(1)}, "v1"},
	"flags:131":       {store.Record{Version: recordedVersion(2), ExpVersion: recordedVersion(2), Flags: 0xdeadbeef, Expires: recordedAt + 60_000}, "with flags and an end"},
	"touched:46":      {store.Record{Version: recordedVersion(3), ExpVersion: recordedVersion(13), Expires: recordedAt + 90_000, Marks: store.MarkWon}, "touched later"},
	"live:40":         {store.Record{Version: recordedVersion(10), ExpVersion: recordedVersion(10)}, "live"},
	"stale:365":       {store.Record{Version: recordedVersion(12), ExpVersion: recordedVersion(12), Marks: store.MarkStale}, "old"},
	"empty:310":       {store.Record{Version: recordedVersion(14), ExpVersion: recordedVersion(14)}, ""},
	"bin\x00\xff:142": {store.Record{Version: recordedVersion(4), ExpVersion: recordedVersion(4)}, "\x00\r\n"},
	"after:117":       {store.Record{Version: recordedVersion(15), ExpVersion: recordedVersion(15)}, "after the BARRIER"},
	"mine:kept:289":   {store.Record{Version: 0}, "mine"},
}

func (l *listener) checkItems() {
	held := l.n.items()
	for key, want := range recordedItems {
		got := held[key]
		if want.Version == 0 {
			got.Version, got.ExpVersion = 0, 0
		}
		if got.Op != store.RecordValue || fmt.Sprint(got) != fmt.Sprint(want) {
			l.t.Errorf("%q is\n%+v, want\n%+v", key, got, want)
		}
		delete(held, key)
	}
	for key, h := range held {
		if h.Op == store.RecordValue {
			l.t.Errorf("%q lives: %q", key, h.value)
		}
	}
}
