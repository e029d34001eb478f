package session

import (
	"bytes"
	"encoding/binary"
	"runtime"
	"testing"

	"twincached/internal/wire"
	"twincached/store"
)

// fuzzSlack is what a session may allocate whatever it hears: its buffers, and the
// walk over the whole store that a peer may ask for.
const fuzzSlack = 1 << 20

// allocated is the bytes that f allocates.
func allocated(f func()) uint64 {
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	f()
	runtime.ReadMemStats(&after)
	return after.TotalAlloc - before.TotalAlloc
}

// chunks cuts stream into bodies: two bytes of length, then the body.
func chunks(stream []byte) (bodies [][]byte) {
	for len(stream) > 2 && len(bodies) < 64 {
		n := min(1+int(binary.BigEndian.Uint16(stream)), len(stream)-2)
		bodies = append(bodies, stream[2:2+n])
		stream = stream[2+n:]
	}
	return bodies
}

// chunk is what chunks reads.
func chunk(body []byte) []byte {
	return append(binary.BigEndian.AppendUint16(nil, uint16(len(body)-1)), body...)
}

// renumber gives each body that is a numbered frame the number that is due, so
// that a fuzzer comes further than to the first of them. Its encoding may change:
// one that only Decode understands has a fuzz test of its own.
func renumber(bodies [][]byte, n uint64) {
	var d wire.Decoder
	w := wire.NewWriter()
	for i, p := range bodies {
		var b wire.Body
		if d.Decode(p, &b) != nil || b.Unknown || frameNumber(&b) == 0 {
			continue
		}
		n++
		w.Reset()
		switch b.Type {
		case wire.TBatch:
			w.BeginBatch(n, b.Batch.Part, b.Batch.Lane)
			for j := range b.Batch.Records {
				w.Record(&b.Batch.Records[j])
			}
			w.EndBatch(b.Batch.To)
		case wire.TMany:
			writeMany(w, n, b.Many.Lane, b.Many.Batches)
		case wire.TBulk:
			b.Bulk.N = n
			w.Bulk(b.Bulk)
		case wire.TDone:
			b.Done.N = n
			w.Done(b.Done)
		case wire.TFlush:
			b.Flush.N = n
			w.Flush(b.Flush)
		case wire.TFlushAt:
			b.FlushAt.N = n
			w.FlushAt(b.FlushAt)
		case wire.TBarrier:
			w.Barrier(wire.Barrier{N: n})
		case wire.TGrave:
			b.Grave.N = n
			w.Grave(b.Grave)
		case wire.TPiece:
			b.Piece.N = n
			w.Piece(&b.Piece)
		}
		bodies[i] = bytes.Clone(w.Bytes()[wire.HeadBytes:])
	}
}

// feed passes bytes to a session as a socket would, cut where cuts say, with a look
// at the clock and a Pump between the pieces. It returns why the session ended, and
// how far it had come.
func feed(s *Session, now *int64, stream, cuts []byte) (top Phase, err error) {
	var buf []byte
	w := wire.NewWriter()
	for i := 0; len(stream) > 0; i++ {
		n := len(stream)
		if len(cuts) > 0 {
			n = min(n, 1+int(cuts[i%len(cuts)])*int(cuts[i%len(cuts)]))
		}
		buf = append(buf, stream[:n]...)
		stream = stream[n:]
		*now += int64(n % 7)
		s.OnRead(*now)
		for {
			body, size, err := wire.Split(buf, s.FrameLimit())
			if err != nil {
				return top, s.fail(wire.ByeBadFrame, err.Error())
			}
			if size == 0 {
				break
			}
			if err := s.OnFrame(*now, body); err != nil {
				return top, err
			}
			top = max(top, s.Phase())
			buf = buf[size:]
			if s.Phase() < PhaseCatchup { // the two sides take turns
				w.Reset()
				s.Pump(*now, w)
			}
			if s.WantsAdmission() {
				if err := s.Admit(*now, Ready); err != nil {
					return top, err
				}
			}
		}
		s.OnIdle(*now)
		w.Reset()
		for j := 0; j < 8 && s.Pump(*now, w); j++ {
		}
		if err := s.Tick(*now); err != nil {
			return top, err
		}
	}
	return top, nil
}

// dataFrames are bodies of every frame that may follow a handshake.
func dataFrames(t testing.TB) (bodies [][]byte) {
	for _, f := range []func(w *wire.Writer){
		func(w *wire.Writer) { w.Bulk(wire.Bulk{N: 1, Part: 7, T: 5, Count: 3}) },
		func(w *wire.Writer) {
			w.BeginBatch(1, 7, store.Bulk)
			w.Record(&store.Record{Key: pairKey(0), Version: simVersion(1), ExpVersion: simVersion(1), Value: []byte("v"), Flags: 3, Expires: testStart + 5})
			w.Record(&store.Record{Key: pairKey(0), Version: simVersion(3), ExpVersion: simVersion(3), Op: store.RecordTombstone})
			w.EndBatch(5)
		},
		func(w *wire.Writer) {
			w.BeginBatch(1, 7, store.Live)
			w.Record(&store.Record{Key: pairKey(0), Version: simVersion(3), ExpVersion: simVersion(3) + 64, Op: store.RecordTouch, Marks: store.MarkWon})
			w.EndBatch(9)
		},
		func(w *wire.Writer) { // of another partition
			w.BeginBatch(1, 8, store.Live)
			w.Record(&store.Record{Key: pairKey(0), Version: simVersion(4), ExpVersion: simVersion(4), Value: []byte("astray")})
			w.EndBatch(9)
		},
		func(w *wire.Writer) {
			writeMany(w, 1, store.Live, []store.Batch{{Part: 9, To: 4}, {Part: 7, To: 11, Records: []store.Record{
				{Key: pairKey(0), Version: simVersion(5), ExpVersion: simVersion(5), Value: []byte("many")}}}})
		},
		func(w *wire.Writer) { // the second is of another partition
			writeMany(w, 1, store.Bulk, []store.Batch{{Part: 7, To: 3}, {Part: 8, To: 9, Records: []store.Record{
				{Key: pairKey(0), Version: simVersion(6), ExpVersion: simVersion(6), Value: []byte("astray")}}}})
		},
		func(w *wire.Writer) { w.Done(wire.Done{N: 1, Part: 7}) },
		func(w *wire.Writer) { w.Flush(wire.Flush{N: 1, Flush: simVersion(-hour), Cancelled: 1 << 57}) },
		func(w *wire.Writer) {
			w.FlushAt(wire.FlushAt{N: 1, Pending: store.PendingFlush{Version: simVersion(5), AtMillis: testStart + 1}})
		},
		func(w *wire.Writer) {
			w.Grave(wire.Grave{N: 1, Part: 7, Gen: 1, Floor: simVersion(-1), Saturated: true})
		},
		func(w *wire.Writer) {
			w.Grave(wire.Grave{N: 1, Part: 64, Gen: 1, Floor: simVersion(6), Filter: []byte{1}})
		},
		func(w *wire.Writer) { w.Ack(wire.Ack{N: 3}) },
		func(w *wire.Writer) { w.Ping(wire.Ping{ID: 1, T0: testStart}) },
		func(w *wire.Writer) { w.Pong(wire.Pong{ID: 1, T0: testStart, T1: testStart, T2: testStart}) },
		func(w *wire.Writer) { w.Barrier(wire.Barrier{N: 1}) },
		func(w *wire.Writer) { w.Bye(wire.Bye{Code: wire.ByePlanned, Text: "so long"}) },
		func(w *wire.Writer) { w.State(&wire.State{State: store.State{Clock: simVersion(7)}}) },
	} {
		bodies = append(bodies, body(t, f))
	}
	for _, v := range []uint64{simVersion(23 * hour), simVersion(25 * hour), 1<<63 - 64, 1<<63 - 1} {
		for _, f := range versionFrames(0, v) {
			bodies = append(bodies, body(t, f))
		}
	}
	return append(bodies, []byte{0x92, 0x40, 0xc1}) // a hint of a later version
}

// FuzzSession: behind a true handshake comes anything, in pieces of any size. The
// session ends with an error or goes on; the store stays whole, and memory follows
// what came, not what it says.
//
// how: bit 0 puts a head before each chunk of the stream, so that the checksum is
// right; bit 1 numbers the frames as they are due.
func FuzzSession(f *testing.F) {
	all := []byte{}
	for i, b := range dataFrames(f) {
		all = append(all, chunk(b)...)
		f.Add(chunk(b), []byte{}, byte(3))
		f.Add(frame(b), []byte{byte(i)}, byte(0))
	}
	f.Add(all, []byte{1, 9, 3}, byte(3))
	f.Add(all, []byte{2}, byte(1))
	f.Add([]byte{0xff, 0xff, 0xff, 0xff, 0, 0, 0, 0}, []byte{1}, byte(0))
	f.Add([]byte{0, 0x10, 0, 0, 0, 0, 0, 0}, []byte{1}, byte(0)) // 1 MiB, which an authenticated peer may send
	f.Fuzz(func(t *testing.T, stream, cuts []byte, how byte) {
		m := newQuietPair(t)
		m.set(0, 0, []byte("a"))
		m.set(1, 1, []byte("b"))
		m.heal()
		n := m.n[1]
		if how&1 != 0 {
			bodies := chunks(stream)
			if how&2 != 0 {
				renumber(bodies, n.s.rx.n)
			}
			stream = nil
			for _, b := range bodies {
				stream = append(stream, frame(b)...)
			}
		}
		var err error
		bytes := allocated(func() { _, err = feed(n.s, &m.now, stream, cuts) })
		if most := uint64(fuzzSlack + 64*len(stream)); bytes > most {
			t.Errorf("%d bytes allocated for %d", bytes, len(stream))
		}
		if (err != nil) != (n.s.Phase() == PhaseEnded) {
			t.Errorf("error %v in phase %v", err, n.s.Phase())
		}
		if clock := n.st.Clock(); store.VersionMillis(clock) > m.now+clockRefuseMillis {
			t.Errorf("the clock is at %#x", clock)
		}
		if s := n.s.tx; s.flights.bytes > n.cfg.Limits.WindowBytes+wire.MaxFrameBytes(n.st.MaxItemBytes()) {
			t.Errorf("%d bytes under way", s.flights.bytes)
		}
		m.lose(1)
		m.lose(0)
	})
}

// strangersStore serves all runs of FuzzSession_Stranger: none may change it.
func strangersStore(t testing.TB) *pair {
	m := newQuietPair(t)
	m.set(1, 1, []byte("treasure"))
	return m
}

// FuzzSession_Stranger: whoever does not know the secret gets nowhere, as either
// end: no frame but HELLO counts, nothing in the store moves, and no frame above
// the handshake's limit is read.
func FuzzSession_Stranger(f *testing.F) {
	m := strangersStore(f)
	hello := m.n[0].cfg.hello(m.now, [32]byte{1})
	hi := body(f, func(w *wire.Writer) { w.Hello(&hello) })
	auth := body(f, func(w *wire.Writer) { w.Auth(&wire.Auth{}) })
	for i, b := range dataFrames(f) {
		f.Add(append(chunk(hi), chunk(b)...), []byte{byte(i)}, byte(i))
		f.Add(append(append(chunk(hi), chunk(auth)...), chunk(b)...), []byte{}, byte(i))
	}
	f.Add([]byte("\x16\x03\x01\x02\x00\x01\x00"), []byte{}, byte(2))
	f.Add([]byte("stats\r\n"), []byte{0}, byte(2))
	n := m.n[1]
	before, items := *n.st.State(), n.items()
	f.Fuzz(func(t *testing.T, stream, cuts []byte, how byte) {
		if how&2 == 0 {
			bodies := chunks(stream)
			stream = nil
			for _, b := range bodies {
				stream = append(stream, frame(b)...)
			}
		}
		s := newSession(n.Core, how&1 != 0, [32]byte{9}, &Scratch{})
		now := m.now
		s.OnConnect(now)
		var err error
		var top Phase
		bytes := allocated(func() { top, err = feed(s, &now, stream, cuts) })
		if most := uint64(128<<10 + 64*len(stream)); bytes > most {
			t.Errorf("%d bytes allocated for %d", bytes, len(stream))
		}
		if top >= PhaseAuthed || s.Phase() != PhaseEnded && s.FrameLimit() != wire.MaxHandshakeBytes {
			t.Errorf("came to phase %d, frames of %d bytes, %v", top, s.FrameLimit(), err)
		}
		s.OnLoss(now)
		if after := *n.st.State(); after != before || len(n.items()) != len(items) {
			t.Errorf("the store has moved: clock %d, was %d; %d items, were %d; cursors differ %v",
				after.Clock, before.Clock, after.Items, before.Items, after.Cursors != before.Cursors)
		}
	})
}
