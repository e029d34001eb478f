package wire

import (
	"fmt"
	"math"

	"github.com/vmihailenco/msgpack/v5"

	"twincached/store"
)

// Decoder takes bodies apart. The zero value is ready. It is not for concurrent
// use; make one per connection. After its first use only strings (HELLO, BYE)
// and a longer list of records than ever before cost an allocation.
type Decoder struct {
	Unpacks bool // a PACKED is decoded into the frame in it; for a peer that is authenticated. What such a frame points into is valid until the next Decode

	unpacker unpacker

	src   *source
	mp    *msgpack.Decoder
	frame Type  // of the body at hand, for errors
	given int   // fields that it has
	err   error // the first of the body at hand
}

// Decode decodes one frame body into b. Every length inside is checked against
// the bytes that remain before anything is allocated. Errors wrap ErrMalformed
// or ErrUnknownType, and what b then holds is undefined. Whether a frame makes
// sense at this moment of a session is the caller's to judge.
func (d *Decoder) Decode(body []byte, b *Body) error {
	err := d.decode(body, b)
	if err == nil && b.Type == TPacked && d.Unpacks {
		return d.unpack(&b.Packed, b)
	}
	return err
}

// decode does that without unpacking.
func (d *Decoder) decode(body []byte, b *Body) error {
	elements := d.open(body)
	defer d.release()
	b.Type, b.Unknown = d.frame, false
	if d.err != nil {
		return d.err
	}
	known := d.fields(b)
	switch {
	case d.err != nil:
		return d.err
	case known == 0 && b.Type < FirstSkippable:
		return fmt.Errorf("%w: %v", ErrUnknownType, b.Type)
	case known == 0:
		b.Unknown = true
		return nil
	}
	return d.close(elements, known)
}

// open begins a body: it returns how many elements that has, and has read the type.
func (d *Decoder) open(body []byte) (elements int) {
	if d.mp == nil {
		d.src = &source{}
		d.mp = msgpack.NewDecoder(d.src)
	}
	d.src.b, d.src.pos, d.frame, d.err = body, 0, 0, nil
	elements = d.array("frame", 1)
	d.given = elements - 1
	d.frame = Type(d.uint("type", math.MaxUint8))
	return elements
}

// close ends a body of which known fields have been read.
func (d *Decoder) close(elements, known int) error {
	if elements-1 < known {
		d.fail("frame", "too few elements")
	}
	d.skip(elements - 1 - known)
	if d.err == nil && d.src.left() > 0 {
		d.fail("frame", "bytes behind its end")
	}
	return d.err
}

// release lets go of the body, which the caller owns.
func (d *Decoder) release() { d.src.b = nil }

// fields reads the fields of one frame and returns how many this version knows;
// 0 = it does not know the type.
func (d *Decoder) fields(b *Body) int {
	switch b.Type {
	case THello:
		return d.hello(&b.Hello)
	case TAuth:
		b.Auth = Auth{MAC: [32]byte(d.fixed("mac", 32))}
		return 1
	case TState:
		return d.state(&b.State)
	case TBatch:
		return d.batch(&b.Batch)
	case TBulk:
		b.Bulk = Bulk{N: d.any64("n"), Part: d.part(), T: d.any64("t"), Count: d.any64("count")}
		return 4
	case TDone:
		b.Done = Done{N: d.any64("n"), Part: d.part()}
		return 2
	case TFlush:
		b.Flush = Flush{N: d.any64("n"), Flush: d.version("flush"), Cancelled: d.version("cancelled")}
		return 3
	case TFlushAt:
		b.FlushAt = FlushAt{N: d.any64("n"), Pending: d.pending()}
		return 3
	case TAck:
		b.Ack = Ack{N: d.any64("n")}
		return 1
	case TPing:
		b.Ping = Ping{ID: d.any64("id"), T0: d.millis("t0"), Backlog: d.any64("backlog"), BulkLeft: d.any64("bulk_left")}
		return 4
	case TPong:
		b.Pong = Pong{ID: d.any64("id"), T0: d.millis("t0"), T1: d.millis("t1"), T2: d.millis("t2")}
		return 4
	case TBarrier:
		b.Barrier = Barrier{N: d.any64("n")}
		return 1
	case TBye:
		b.Bye = Bye{Code: ByeCode(d.uint("code", math.MaxUint8)), Text: d.text("text", MaxByeTextBytes)}
		return 2
	case TGrave:
		return d.grave(&b.Grave)
	case TPiece:
		return d.piece(&b.Piece)
	case TMany:
		return d.many(&b.Many)
	case TPacked:
		return d.packed(&b.Packed)
	case TRefused:
		return d.refused(&b.Refused)
	case TStatus:
		b.Status = Status{Text: d.bytes("text", 1, MaxStatusBytes)}
		return 1
	}
	return 0
}

// part reads a partition's number.
func (d *Decoder) part() int { return int(d.uint("part", store.Partitions-1)) }

// pending reads the two fields of a delayed flush.
func (d *Decoder) pending() store.PendingFlush {
	return store.PendingFlush{Version: d.version("pending version"), AtMillis: d.millis("at_ms")}
}

// fixed reads a bin of exactly n bytes. After an error it returns n zero bytes,
// so that the caller may turn it into an array without asking.
func (d *Decoder) fixed(field string, n int) []byte {
	if p := d.bytes(field, n, n); d.err == nil {
		return p
	}
	return make([]byte, n)
}

func (d *Decoder) hello(h *Hello) int {
	*h = Hello{
		ProtoMin:     uint32(d.uint("proto_min", math.MaxUint32)),
		ProtoMax:     uint32(d.uint("proto_max", math.MaxUint32)),
		Features:     d.any64("features"),
		Cluster:      d.text("cluster", MaxClusterBytes),
		NodeID:       store.ID(d.fixed("node_id", 16)),
		Inc:          store.ID(d.fixed("inc", 16)),
		Nonce:        [32]byte(d.fixed("nonce", 32)),
		Slot:         uint8(d.uint("slot", MaxSlot)),
		Partitions:   uint32(d.uint("partitions", math.MaxUint32)),
		MaxItem:      d.any64("max_item"),
		SteadyMillis: d.millis("steady_ms"),
		Software:     d.text("software", MaxSoftwareBytes),
	}
	if d.err == nil {
		if err := h.Validate(); err != nil {
			d.err = fmt.Errorf("%w: %w", ErrMalformed, err)
		}
	}
	if d.given == 12 { // of a release before these were appended
		return 12
	}
	if d.given >= 14 {
		h.Memory, h.NoEviction = d.any64("memory"), d.bool("no_eviction")
	}
	return 14
}

func (d *Decoder) state(s *State) int {
	s.Clock = d.version("hlc")
	s.Born = d.version("born")
	s.Flush = d.version("flush")
	extra := d.array("pending", 2) - 2
	s.Pending = d.pending()
	d.skip(extra)
	s.NodeState = uint8(d.uint("node_state", math.MaxUint8))
	s.Items = d.any64("items")
	s.LastPeer = store.ID(d.fixed("last_peer_inc", 16))
	s.ForInc = store.ID(d.fixed("for_inc", 16))
	if n := d.array("curs", store.Partitions); n != store.Partitions && d.err == nil {
		d.fail("curs", "too many elements")
	}
	for i := range s.Cursors {
		s.Cursors[i] = d.cursor()
	}
	s.HeirOf = store.Line{}
	if d.given < 10 { // no heir, or of a release before there were any
		return 9
	}
	s.HeirOf = d.line("heir_of", 1)
	return 10
}

// line reads ids, so many at least. Those for which a Line has no room are left out.
func (d *Decoder) line(field string, least int) (l store.Line) {
	ids := d.bytes(field, 16*least, maxLineBytes)
	if len(ids)%16 != 0 {
		d.fail(field, "not of whole ids")
		return l
	}
	for i := 0; i < len(l) && len(ids) > 0; i++ {
		l[i], ids = store.ID(ids), ids[16:]
	}
	return l
}

// maxLineBytes is what a later release may send of a line.
const maxLineBytes = 16 * 64

func (d *Decoder) cursor() store.Cursor {
	extra := d.array("cursor", 3) - 3
	c := store.Cursor{A: d.any64("a"), T: d.any64("t"), B: d.any64("b")}
	d.skip(extra)
	return c
}

func (d *Decoder) refused(r *Refused) int {
	*r = Refused{Part: d.part(), Key: d.bytes("key", 1, store.MaxKeyBytes), Version: d.version("ver"), Why: store.Refusal(d.uint("why", math.MaxUint8))}
	return 4
}

func (d *Decoder) piece(p *Piece) int {
	*p = Piece{
		N: d.any64("n"), Part: d.part(), Lane: d.lane(), Key: d.bytes("key", 1, store.MaxKeyBytes), Version: d.version("ver"),
		Bytes: int(d.uint("bytes", store.MaxItemLimitBytes)), At: int(d.uint("at", store.MaxItemLimitBytes)), Data: d.bytes("data", 1, MaxPieceBytes),
	}
	if d.err == nil && p.At+len(p.Data) > p.Bytes {
		d.fail("data", "longer than the value")
	}
	return 8
}

// lane reads which lane something belongs to.
func (d *Decoder) lane() store.Lane { return store.Lane(d.uint("kind", uint64(store.Bulk))) }

func (d *Decoder) grave(g *Grave) int {
	*g = Grave{
		N: d.any64("n"), Part: d.part(), Gen: d.any64("gen"), Floor: d.version("floor"),
		Saturated: d.bool("saturated"), Filter: d.bytes("filter", 0, MaxFilterBytes),
	}
	if !g.Saturated && len(g.Filter) == 0 {
		d.fail("filter", "empty though not saturated")
	}
	return 6
}
