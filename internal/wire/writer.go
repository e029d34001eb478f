package wire

import (
	"encoding/binary"
	"hash/crc32"
	"strings"

	"github.com/vmihailenco/msgpack/v5"

	"twincached/store"
)

// buffer is where the encoder writes: the least that msgpack asks for.
type buffer struct{ b []byte }

// Write appends p; it cannot fail.
func (o *buffer) Write(p []byte) (int, error) { o.b = append(o.b, p...); return len(p), nil }

// WriteByte appends c; it cannot fail.
func (o *buffer) WriteByte(c byte) error { o.b = append(o.b, c); return nil }

// Writer appends whole frames to one growing buffer that it owns. It is not for
// concurrent use. After the buffer has grown to its working size no method
// allocates.
type Writer struct {
	out   buffer
	enc   *msgpack.Encoder
	start int // of the frame that is being written
	batch batch
	many  many
	image imageItems

	packer packer
}

// NewWriter makes an empty Writer.
func NewWriter() *Writer {
	w := &Writer{}
	w.enc = msgpack.NewEncoder(&w.out)
	return w
}

// Bytes is every finished frame since the last Reset. It is valid until the next
// call of any other method.
func (w *Writer) Bytes() []byte { return w.out.b }

// Len is len(Bytes()); inside a batch it counts the part that is written.
func (w *Writer) Len() int { return len(w.out.b) }

// Reset forgets the bytes and keeps the memory.
func (w *Writer) Reset() {
	w.out.b = w.out.b[:0]
	w.batch.open, w.many.open = false, false
}

// begin opens a frame of type t with fields elements after the type.
func (w *Writer) begin(t Type, fields int) {
	if w.batch.open || w.many.open {
		panic("wire: frame begun inside a batch")
	}
	w.start = len(w.out.b)
	w.out.b = append(w.out.b, make([]byte, HeadBytes)...)
	_ = w.enc.EncodeArrayLen(fields + 1)
	w.uint(uint64(t))
}

// end fills in the head of the frame that begin opened.
func (w *Writer) end() {
	frame := w.out.b[w.start:]
	binary.BigEndian.PutUint32(frame, uint32(len(frame)-HeadBytes))
	binary.BigEndian.PutUint32(frame[4:], crc32.Checksum(frame[HeadBytes:], castagnoli))
}

// The encoder's errors are those of buffer, which has none.
func (w *Writer) uint(v uint64)   { _ = w.enc.EncodeUint(v) }
func (w *Writer) int(v int64)     { _ = w.enc.EncodeInt(v) }
func (w *Writer) string(s string) { _ = w.enc.EncodeString(s) }

// bytes writes b as bin, nil as empty bin.
func (w *Writer) bytes(b []byte) {
	_ = w.enc.EncodeBytesLen(len(b))
	w.out.b = append(w.out.b, b...)
}

// Hello appends a HELLO. The caller has checked it with Hello.Validate.
func (w *Writer) Hello(h *Hello) {
	fields := 12
	if h.Memory != 0 {
		fields = 14
	}
	w.begin(THello, fields)
	w.uint(uint64(h.ProtoMin))
	w.uint(uint64(h.ProtoMax))
	w.uint(h.Features)
	w.string(h.Cluster)
	w.bytes(h.NodeID[:])
	w.bytes(h.Inc[:])
	w.bytes(h.Nonce[:])
	w.uint(uint64(h.Slot))
	w.uint(uint64(h.Partitions))
	w.uint(h.MaxItem)
	w.int(h.SteadyMillis)
	w.string(h.Software)
	if h.Memory != 0 {
		w.uint(h.Memory)
		_ = w.enc.EncodeBool(h.NoEviction)
	}
	w.end()
}

// Auth appends an AUTH.
func (w *Writer) Auth(a *Auth) {
	w.begin(TAuth, 1)
	w.bytes(a.MAC[:])
	w.end()
}

// State appends a STATE.
func (w *Writer) State(s *State) {
	fields := 9
	if s.HeirOf != (store.Line{}) {
		fields = 10
	}
	w.begin(TState, fields)
	w.uint(s.Clock)
	w.uint(s.Born)
	w.uint(s.Flush)
	_ = w.enc.EncodeArrayLen(2)
	w.uint(s.Pending.Version)
	w.int(clampMillis(s.Pending.AtMillis))
	w.uint(uint64(s.NodeState))
	w.uint(s.Items)
	w.bytes(s.LastPeer[:])
	w.bytes(s.ForInc[:])
	_ = w.enc.EncodeArrayLen(store.Partitions)
	for i := range s.Cursors {
		c := &s.Cursors[i]
		_ = w.enc.EncodeArrayLen(3)
		w.uint(c.A)
		w.uint(c.T)
		w.uint(c.B)
	}
	if fields == 10 {
		w.line(&s.HeirOf)
	}
	w.end()
}

// line appends the ids of a line, one behind the other.
func (w *Writer) line(l *store.Line) {
	var ids [len(l) * 16]byte
	n := 0
	for ; n < len(l) && l[n] != (store.ID{}); n++ {
		copy(ids[16*n:], l[n][:])
	}
	w.bytes(ids[:16*n])
}

// Bulk appends a BULK.
func (w *Writer) Bulk(f Bulk) {
	w.begin(TBulk, 4)
	w.uint(f.N)
	w.uint(uint64(f.Part))
	w.uint(f.T)
	w.uint(f.Count)
	w.end()
}

// Done appends a DONE.
func (w *Writer) Done(f Done) {
	w.begin(TDone, 2)
	w.uint(f.N)
	w.uint(uint64(f.Part))
	w.end()
}

// Flush appends a FLUSH.
func (w *Writer) Flush(f Flush) {
	w.begin(TFlush, 3)
	w.uint(f.N)
	w.uint(f.Flush)
	w.uint(f.Cancelled)
	w.end()
}

// FlushAt appends a FLUSH_AT.
func (w *Writer) FlushAt(f FlushAt) {
	w.begin(TFlushAt, 3)
	w.uint(f.N)
	w.uint(f.Pending.Version)
	w.int(clampMillis(f.Pending.AtMillis))
	w.end()
}

// Ack appends an ACK.
func (w *Writer) Ack(f Ack) {
	w.begin(TAck, 1)
	w.uint(f.N)
	w.end()
}

// Ping appends a PING.
func (w *Writer) Ping(f Ping) {
	w.begin(TPing, 4)
	w.uint(f.ID)
	w.int(f.T0)
	w.uint(f.Backlog)
	w.uint(f.BulkLeft)
	w.end()
}

// Pong appends a PONG.
func (w *Writer) Pong(f Pong) {
	w.begin(TPong, 4)
	w.uint(f.ID)
	w.int(f.T0)
	w.int(f.T1)
	w.int(f.T2)
	w.end()
}

// Barrier appends a BARRIER.
func (w *Writer) Barrier(f Barrier) {
	w.begin(TBarrier, 1)
	w.uint(f.N)
	w.end()
}

// Bye appends a BYE. A text above MaxByeTextBytes is cut, control characters
// become blanks.
func (w *Writer) Bye(f Bye) {
	w.begin(TBye, 2)
	w.uint(uint64(f.Code))
	w.string(cutText(cleanText(f.Text), MaxByeTextBytes))
	w.end()
}

// Grave appends a GRAVE. Its filter is copied.
func (w *Writer) Grave(f Grave) {
	w.begin(TGrave, 6)
	w.uint(f.N)
	w.uint(uint64(f.Part))
	w.uint(f.Gen)
	w.uint(f.Floor)
	_ = w.enc.EncodeBool(f.Saturated)
	w.bytes(f.Filter)
	w.end()
}

// Piece appends a PIECE. Its data are copied.
func (w *Writer) Piece(f *Piece) {
	w.begin(TPiece, 8)
	w.uint(f.N)
	w.uint(uint64(f.Part))
	w.uint(uint64(f.Lane))
	w.bytes(f.Key)
	w.uint(f.Version)
	w.uint(uint64(f.Bytes))
	w.uint(uint64(f.At))
	w.bytes(f.Data)
	w.end()
}

// Refused appends a REFUSED.
func (w *Writer) Refused(f *Refused) {
	w.begin(TRefused, 4)
	w.uint(uint64(f.Part))
	w.bytes(f.Key)
	w.uint(f.Version)
	w.uint(uint64(f.Why))
	w.end()
}

// Status appends a STATUS. Its text is copied.
func (w *Writer) Status(f Status) {
	if n := len(f.Text); n == 0 || n > MaxStatusBytes {
		panic("wire: status of impossible length")
	}
	w.begin(TStatus, 1)
	w.bytes(f.Text)
	w.end()
}

// cleanText is s with a blank for each character that printable refuses.
func cleanText(s string) string {
	if printable(s) {
		return s
	}
	return strings.Map(func(r rune) rune {
		if printable(string(r)) {
			return r
		}
		return ' '
	}, s)
}

// cutText is s without what is over limit bytes, and without the half of a
// character that a cut leaves at the end.
func cutText(s string, limit int) string {
	if len(s) <= limit {
		return s
	}
	cut := limit
	for cut > limit-4 && s[cut]&0xc0 == 0x80 {
		cut--
	}
	return s[:cut]
}
