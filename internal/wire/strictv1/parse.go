package strictv1

import (
	"errors"
	"math"

	"github.com/cespare/xxhash/v2"
	"github.com/klauspost/compress/zstd"
)

// The types of version 1, and those that a feature or a hint has added.
const (
	hello, auth, state, batch, bulk, done, flush, flushAt = 1, 2, 3, 4, 5, 6, 7, 8
	ack, ping, pong, barrier, bye, grave, piece, many     = 9, 10, 11, 12, 13, 14, 15, 16
	packed, refused, status                               = 17, 64, 65
)

// The ops of an item.
const value, tomb, touch, pieced = 0, 1, 2, 4

// frame is one frame, as far as the rules of a connection need it.
type frame struct {
	typ      int
	features uint64      // of HELLO
	maxItem  uint64      // of HELLO
	inc      string      // of HELLO; of STATE: for_inc
	heirOf   string      // of STATE
	curs     [][3]uint64 // of STATE
	n        uint64      // number; of ACK: what it acknowledges; of PING and PONG: id
	t0       uint64      // of PING and PONG
	part     int
	lane     int
	batches  []frame // of MANY
	packed   bool    // it came in a PACKED
	to       uint64  // of BATCH; of BULK: t; of GRAVE: gen
	items    int
	pieced   bool   // one of the items came in pieces
	key      string // of that item, and of PIECE
	ver      uint64 // the same
	bytes    uint64 // of PIECE: the whole value
	at, end  uint64 // of PIECE
}

// numbered says that the frame has a number of its own.
func (f *frame) numbered() bool {
	switch f.typ {
	case batch, bulk, done, flush, flushAt, barrier, grave, piece, many:
		return true
	}
	return false
}

// fields is how many elements a frame has behind its type, the fewest and the most.
var fields = map[int][2]int{
	hello: {12, 14}, auth: {1, 1}, state: {9, 10}, batch: {5, 5}, bulk: {4, 4}, done: {2, 2}, flush: {3, 3}, flushAt: {3, 3},
	ack: {1, 1}, ping: {4, 4}, pong: {4, 4}, barrier: {1, 1}, bye: {2, 2}, grave: {6, 6}, piece: {8, 8}, many: {3, 3}, packed: {2, 2}, refused: {4, 4}, status: {1, 1},
}

// parse reads the body of one frame.
func parse(body []byte) (f frame, err error) {
	r := &reader{b: body}
	elements := r.array("frame", 1, 15)
	f.typ = int(r.uint("type", 255, false))
	limits, known := fields[f.typ]
	switch {
	case r.err != nil:
		return f, r.err
	case !known:
		r.fail("type %d is none of version 1", f.typ)
	case elements-1 < limits[0] || elements-1 > limits[1] || f.typ == hello && elements-1 == 13:
		r.fail("%d elements behind type %d", elements-1, f.typ)
	}
	if r.err == nil {
		f.read(r, elements-1)
	}
	if r.err == nil && len(r.b) > 0 {
		return f, errors.New("bytes behind the frame")
	}
	return f, r.err
}

// read reads the fields.
func (f *frame) read(r *reader, elements int) {
	switch f.typ {
	case hello:
		f.hello(r, elements)
	case auth:
		r.bin("mac", 32, 32)
	case state:
		f.state(r, elements)
	case batch:
		f.n, f.part, f.lane = r.any("n"), r.part(), int(r.uint("kind", 1, false))
		f.batch(r)
	case many:
		f.many(r)
	case packed:
		f.unpack(r)
	case bulk:
		f.n, f.part, f.to = r.any("n"), r.part(), r.any("t")
		r.any("count")
	case done:
		f.n, f.part = r.any("n"), r.part()
	case flush:
		f.n = r.any("n")
		r.version("flush")
		r.version("pver")
	case flushAt:
		f.n = r.any("n")
		r.version("pver")
		r.millis("at_ms")
	case ack, barrier:
		f.n = r.any("n")
	case ping:
		f.n, f.t0 = r.any("id"), r.millis("t0")
		r.any("backlog")
		r.any("bulk_left")
	case pong:
		f.n, f.t0 = r.any("id"), r.millis("t0")
		if t1, t2 := r.millis("t1"), r.millis("t2"); t2 < t1 {
			r.fail("PONG left %d ms before PING came", t1-t2)
		}
	case bye:
		r.uint("code", 255, false)
		r.str("text", 512)
	case grave:
		f.n, f.part, f.to = r.any("n"), r.part(), r.any("gen")
		r.version("floor")
		if all, filter := r.bool("saturated"), r.bin("filter", 0, 4096); !all && len(filter) == 0 {
			r.fail("a filter that is empty, and the grave is not saturated")
		}
	case piece:
		f.piece(r)
	case refused:
		part, key := r.part(), r.bin("key", 1, 250)
		f.belongs(r, part, key)
		r.version("ver")
		r.uint("why", 255, false)
	case status:
		r.bin("text", 1, 65_536)
	}
}

func (f *frame) hello(r *reader, elements int) {
	least, most := r.uint("proto_min", math.MaxUint32, false), r.uint("proto_max", math.MaxUint32, false)
	if least != 1 || most < 1 {
		r.fail("versions %d to %d: 1 is not among them", least, most)
	}
	f.features = r.any("features")
	r.str("cluster", 255)
	id := r.bin("node_id", 16, 16)
	f.inc = string(r.bin("inc", 16, 16))
	if zero := string(make([]byte, 16)); string(id) == zero || f.inc == zero {
		r.fail("node_id or inc is zero")
	}
	r.bin("nonce", 32, 32)
	r.uint("slot", 63, false)
	if n := r.uint("partitions", math.MaxUint32, false); n != 256 {
		r.fail("%d partitions", n)
	}
	f.maxItem = r.any("max_item")
	r.millis("steady_ms")
	r.str("software", 255)
	if elements == 14 {
		r.any("memory")
		r.bool("no_eviction")
	}
}

func (f *frame) state(r *reader, elements int) {
	r.version("hlc")
	r.version("born")
	r.version("flush")
	r.array("pending", 2, 2)
	r.version("pending version")
	r.millis("pending time")
	r.uint("node_state", 255, false)
	r.any("items")
	r.bin("last_peer_inc", 16, 16)
	f.inc = string(r.bin("for_inc", 16, 16))
	f.curs = make([][3]uint64, r.array("curs", 256, 256))
	for i := range f.curs {
		r.array("cursor", 3, 3)
		c := [3]uint64{r.any("a"), r.any("t"), r.any("b")}
		if f.curs[i] = c; c[0] > c[1] || c[1] > c[2] {
			r.fail("cursor %v of partition %d", c, i)
		}
	}
	if elements == 10 {
		if f.heirOf = string(r.bin("heir_of", 16, 128)); len(f.heirOf)%16 != 0 {
			r.fail("heir_of of %d bytes", len(f.heirOf))
		}
	}
}

// many reads the batches of several partitions. None of them has an item that came in pieces.
func (f *frame) many(r *reader) {
	f.n, f.lane = r.any("n"), int(r.uint("kind", 1, false))
	f.batches = make([]frame, r.array("batches", 1, 256))
	seen := map[int]bool{}
	for i := range f.batches {
		r.array("batch", 3, 3)
		b := &f.batches[i]
		b.part, b.lane = r.part(), f.lane
		b.batch(r)
		if f.items += b.items; f.items > 1024 {
			r.fail("%d items", f.items)
		}
		if b.pieced {
			r.fail("an item in pieces is not alone in its frame")
		}
		if seen[b.part] {
			r.fail("partition %d twice", b.part)
		}
		seen[b.part] = true
	}
}

// batch reads where a lane goes, and the items.
func (f *frame) batch(r *reader) {
	f.to = r.uint("to", math.MaxUint64, true)
	f.items = r.array("items", 0, 1024)
	for range f.items {
		elements := r.array("item", 7, 8)
		key := r.bin("key", 1, 250)
		f.belongs(r, f.part, key)
		op := r.uint("op", pieced, false)
		ver := r.version("ver")
		r.version("expver")
		r.millis("exp")
		r.uint("flags", math.MaxUint32, false)
		switch {
		case op == value:
			r.bin("value", 0, math.MaxInt32)
		case op == 3:
			r.fail("op 3 is reserved")
		default:
			r.null("value")
		}
		if op == pieced {
			f.pieced, f.key, f.ver = true, string(key), ver
		}
		if op == touch && f.lane == 1 {
			r.fail("TOUCH in the bulk lane")
		}
		if elements == 8 {
			if marks := r.any("marks"); marks == 0 || marks > 3 {
				r.fail("marks %d", marks)
			}
		}
		if r.err != nil {
			return
		}
	}
}

func (f *frame) piece(r *reader) {
	f.n, f.part, f.lane = r.any("n"), r.part(), int(r.uint("kind", 1, false))
	key := r.bin("key", 1, 250)
	f.belongs(r, f.part, key)
	f.key, f.ver = string(key), r.version("ver")
	f.bytes, f.at = r.uint("bytes", 1<<30, false), r.uint("at", 1<<30, false)
	if f.end = f.at + uint64(len(r.bin("data", 1, 262_144))); f.end > f.bytes {
		r.fail("a piece that ends at %d of %d bytes", f.end, f.bytes)
	}
}

// belongs says that a key is one of the partition.
func (f *frame) belongs(r *reader, part int, key []byte) {
	if own := int(xxhash.Sum64(key) >> 56); r.err == nil && own != part {
		r.fail("a key of partition %d in partition %d", own, part)
	}
}

// unpack reads the frame in a PACKED, in place of it.
func (f *frame) unpack(r *reader) {
	n, data := r.uint("bytes", 1<<20, false), r.bin("data", 1, 1<<20)
	if r.err != nil {
		return
	}
	dec, err := zstd.NewReader(nil, zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxMemory(1<<20))
	if err != nil {
		r.fail("%v", err)
		return
	}
	defer dec.Close()
	body, err := dec.DecodeAll(data, nil)
	if err != nil || uint64(len(body)) != n {
		r.fail("%d bytes are named, and unpack gives %d: %v", n, len(body), err)
		return
	}
	inner, err := parse(body)
	switch {
	case err != nil:
		r.fail("in PACKED: %v", err)
	case inner.packed || inner.typ != batch && inner.typ != many && inner.typ != piece:
		r.fail("type %d in PACKED", inner.typ)
	}
	*f = inner
	f.packed = true
}
