package memproto

import (
	"bytes"
	"encoding/base64"
	"encoding/binary"
	"math/rand/v2"
	"sync"
	"sync/atomic"

	"twincached/store"
)

// SampleEvery is how many requests there are to each one that is timed, and whose keys
// are counted for "stats hotkeys". Which ones is left to chance: else a client that asks
// for the same few keys in turn would be seen with one of them.
const SampleEvery = 256

// maxSampledKeys bounds the keys of one retrieval that are counted, each for as many as
// were left out beside it.
const maxSampledKeys = 16

// samples is what the sampled requests left. Nobody waits for its lock: a request that
// finds it taken is not counted. The other requests touch none of it.
type samples struct {
	_     [64]byte // what other requests read is on other cache lines
	times timings
	// bigFloor: a value has to be larger than so many bytes to be one of the largest.
	bigFloor atomic.Int64

	mu  sync.Mutex
	hot sketch  // guarded by mu
	big bigKeys // guarded by mu
	_   [64]byte
}

// gap is how many requests it is to the next sampled one, itself included. Each request
// has the same chance, also on a conn that makes one request and goes.
func gap() int32 { return 1 + int32(min(rand.ExpFloat64(), 64)*(SampleEvery-0.5)) }

// sampled is next for the request whose turn it is to be looked at. What has not arrived
// whole, and what is no request of a client that may make some, passes the turn on.
func (c *Conn) sampled(rest []byte) (n, need int) {
	c.untilSample = 0
	if c.swallow > 0 || c.dump != nil || c.stranger || c.get.wrong {
		return c.next(rest)
	}
	part, touch := c.get.on, c.get.touch
	before, start := len(c.out), c.srv.nanos()
	n, need = c.next(rest)
	if n == 0 || c.coming != nil {
		return n, need
	}
	var q sampledRequest
	if part {
		q.kind = kindGet
		if touch {
			q.kind = kindGAT
		}
		q.keys = withoutEnd(rest[:n])
	} else {
		c.identify(&q, rest, n)
	}
	if q.kind.retrieves() && !c.binary && len(bytes.Trim(q.keys, " ")) == 0 && c.get.on {
		return n, need // the keys of a long line are still to come
	}
	c.note(&q, start, n+len(c.out)-before)
	return n, need
}

// sampledArrival is arrived for a request whose turn it is.
func (c *Conn) sampledArrival(rest []byte) (n int, ok bool) {
	head, moved, before := c.coming.head, c.coming.draft, len(c.out)
	size := 0
	if moved != nil {
		size = len(moved.Value())
	}
	start := c.srv.nanos()
	if n, ok = c.arrived(rest); !ok {
		return n, ok
	}
	var q sampledRequest
	c.identify(&q, head, len(head))
	c.note(&q, start, size+len(c.out)-before)
	return n, ok
}

// note counts a request that is done. movedBytes is how much came and went with it: its
// value is no larger.
func (c *Conn) note(q *sampledRequest, start int64, movedBytes int) {
	c.untilSample = gap()
	s := &c.srv.samples
	if took := c.srv.nanos() - start; c.srv.Nanos != nil {
		s.times.add(q.kind, max(took, 0))
	}
	if v := c.pin.Value(); v != nil {
		movedBytes += len(v)
	}
	if len(q.keys) == 0 || q.kind == kindOther {
		return
	}
	large := s.large(movedBytes)
	if q.single {
		s.count(c.now, q.keys, 1, !q.kind.retrieves())
		if large {
			c.noteSize(q.keys)
		}
		return
	}
	every, left := 1, 0
	if words := 1 + bytes.Count(q.keys, []byte{' '}); words > maxSampledKeys {
		every = (words + maxSampledKeys - 1) / maxSampledKeys
		left = rand.IntN(every)
	}
	for key, at := cutWord(q.keys); len(key) > 0; key, at = cutWord(q.keys) {
		q.keys = q.keys[at:]
		if left--; left >= 0 {
			continue
		}
		left = every - 1
		s.count(c.now, key, float64(every), false)
		if large {
			c.noteSize(key)
		}
	}
}

// count adds a key to the hot ones.
func (s *samples) count(nowMillis int64, key []byte, weight float64, write bool) {
	if len(key) > store.MaxKeyBytes || !s.mu.TryLock() {
		return
	}
	if s.hot.decay(nowMillis) {
		s.bigFloor.Store(s.big.forget(nowMillis))
	}
	s.hot.add(key, weight, write)
	s.mu.Unlock()
}

// noteSize looks how large the value is that stands under the key now.
func (c *Conn) noteSize(key []byte) {
	if len(key) > store.MaxKeyBytes {
		return
	}
	c.fetch = store.Fetch{Key: key, Peek: true, Look: &c.look}
	c.srv.Store.Fetch(c.now, &c.fetch, nil, renderNothing)
	c.fetch = store.Fetch{}
	s := &c.srv.samples
	if !s.large(c.look.ValueBytes) || !s.mu.TryLock() {
		return
	}
	s.bigFloor.Store(s.big.add(c.now, key, c.look.ValueBytes))
	s.mu.Unlock()
}

// large tells whether a value may be one of the largest.
func (s *samples) large(valueBytes int) bool {
	return valueBytes >= bigLeastBytes && int64(valueBytes) > s.bigFloor.Load()
}

// renderNothing is the store.Render of who wants to know the size only.
var renderNothing = store.Render(func(dst []byte, _ *store.View) []byte { return dst })

func (s *samples) reset() {
	s.times.reset()
	s.mu.Lock()
	defer s.mu.Unlock()
	s.hot, s.big = sketch{}, bigKeys{}
	s.bigFloor.Store(0)
}

// sampledRequest is what a request was.
type sampledRequest struct {
	kind   commandKind
	keys   []byte // with spaces between them; single: one key, of any bytes
	single bool
}

// retrieves tells whether commands of the kind only read, or read and touch.
func (k commandKind) retrieves() bool { return k == kindGet || k == kindGAT || k == kindMG }

// identify finds out what the request at the start of rest was, of which n bytes are done.
func (c *Conn) identify(q *sampledRequest, rest []byte, n int) {
	q.kind = kindOther
	if c.binary {
		q.packet(rest)
		return
	}
	line := withoutEnd(rest[:n])
	name, at := cutWord(line)
	if isMeta(line) {
		c.identifyMeta(q, line)
		return
	}
	switch string(name) {
	case "get", "gets":
		q.kind, q.keys = kindGet, line[at:]
	case "gat", "gats":
		_, skip := cutWord(line[at:])
		q.kind, q.keys = kindGAT, line[at+skip:]
	case "set", "add", "replace", "append", "prepend", "cas":
		q.one(kindSet, line[at:])
	case "delete":
		q.one(kindDelete, line[at:])
	case "incr", "decr":
		q.one(kindIncr, line[at:])
	case "touch":
		q.one(kindTouch, line[at:])
	}
}

// withoutEnd is the first line of b without its end, or all of b where it has none.
func withoutEnd(b []byte) []byte {
	if i := bytes.IndexByte(b, '\n'); i >= 0 {
		return bytes.TrimSuffix(b[:i], []byte{'\r'})
	}
	return b
}

// one is a text command whose first word is its key.
func (q *sampledRequest) one(kind commandKind, arguments []byte) {
	q.kind, q.single = kind, true
	q.keys, _ = cutWord(arguments)
}

// identifyMeta is identify for a line of the meta protocol.
func (c *Conn) identifyMeta(q *sampledRequest, line []byte) {
	switch line[1] {
	case 'g':
		q.kind = kindMG
	case 's':
		q.kind = kindMS
	case 'd':
		q.kind = kindMD
	case 'a':
		q.kind = kindMA
	default:
		return
	}
	key, at := cutWord(line[2:])
	q.keys, q.single = key, true
	flags := line[2+at:]
	for word, end := cutWord(flags); len(word) > 0; word, end = cutWord(flags) {
		flags = flags[end:]
		if word[0] == 'b' {
			q.keys = c.decodeKey(key)
			return
		}
	}
}

// decodeKey is a key in base64 as the store knows it; nil: it is none.
func (c *Conn) decodeKey(key []byte) []byte {
	if c.meta == nil || len(key) > base64.StdEncoding.EncodedLen(store.MaxKeyBytes) {
		return nil
	}
	n, err := base64.StdEncoding.Decode(c.meta.room[:], key)
	if err != nil {
		return nil
	}
	return c.meta.room[:n]
}

// packet is a request of the binary protocol.
func (q *sampledRequest) packet(rest []byte) {
	op, _ := loudForm(rest[1])
	switch op {
	case opGet, opGetK:
		q.kind = kindGet
	case opGAT, opGATK:
		q.kind = kindGAT
	case opSet, opAdd, opReplace, opAppend, opPrepend:
		q.kind = kindSet
	case opDelete:
		q.kind = kindDelete
	case opIncrement, opDecrement:
		q.kind = kindIncr
	case opTouch:
		q.kind = kindTouch
	default:
		return
	}
	at := binaryHeadBytes + int(rest[4])
	q.keys, q.single = rest[at:at+int(binary.BigEndian.Uint16(rest[2:]))], true
}
