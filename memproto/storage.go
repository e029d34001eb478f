package memproto

import (
	"math"

	"twincached/store"
)

// maxValueBytes is the longest value that a command line may announce.
const maxValueBytes = math.MaxInt32 - 2

// storageLine is a checked storage command line, before its value.
type storageLine struct {
	op         store.Op
	key        []byte
	flags      uint32
	exptime    int64 // seconds, as the client gave it
	valueBytes int
	cas        uint64
	quiet      bool
}

// storage answers set, add, replace, append, prepend and cas.
func (c *Conn) storage(op store.Op, t *tokens, rest []byte, lineBytes int) (n, need int) {
	size, ok := parseLength(t.word[4])
	if t.n < 5 || !ok {
		// Nobody knows how long the value is, or that there is one: what
		// follows is the next command line, as in memcached.
		c.reply(replyBadFormat, false)
		return lineBytes, 0
	}
	l := storageLine{op: op, key: t.word[1], valueBytes: size, quiet: t.quiet()}
	if !l.parse(t) {
		// The value is refused with its line. It must not be read as commands.
		c.reply(replyBadFormat, l.quiet)
		c.swallow = int64(size) + 2
		return lineBytes, 0
	}
	return c.store(&l, rest, lineBytes)
}

// parse checks the key and reads the numbers other than the length.
func (l *storageLine) parse(t *tokens) (ok bool) {
	if len(l.key) > store.MaxKeyBytes {
		return false
	}
	flags, ok := parseUint(t.word[2])
	if !ok || flags > math.MaxUint32 {
		return false
	}
	l.flags = uint32(flags)
	if l.exptime, ok = parseInt(t.word[3]); !ok {
		return false
	}
	if l.op == store.OpCAS {
		l.cas, ok = parseDigits(t.word[5])
		ok = ok && t.n > 5
	}
	return ok
}

// setFast is storage for the usual "set <key> <flags> <exptime> <bytes>": one
// space between words, nothing but digits in the numbers, no noreply. ok is
// false, and nothing has happened, if the line is not of that form.
func (c *Conn) setFast(rest []byte, end, lineBytes int) (n, need int, ok bool) {
	i := 4
	for i < end && rest[i] != ' ' {
		i++
	}
	l := storageLine{op: store.OpSet, key: rest[4:i]}
	if len(l.key) == 0 || len(l.key) > store.MaxKeyBytes {
		return 0, 0, false
	}
	var number [3]uint64
	for f := range number {
		if i >= end || rest[i] != ' ' {
			return 0, 0, false
		}
		i++
		start := i
		var v uint64
		for i < end {
			d := uint64(rest[i] - '0')
			if d > 9 {
				break
			}
			v = v*10 + d
			i++
		}
		if i == start || i-start > 10 { // at most 10 digits: v cannot overflow
			return 0, 0, false
		}
		number[f] = v
	}
	if i != end || number[0] > math.MaxUint32 || number[2] > maxValueBytes {
		return 0, 0, false
	}
	l.flags, l.exptime, l.valueBytes = uint32(number[0]), int64(number[1]), int(number[2])
	n, need = c.store(&l, rest, lineBytes)
	return n, need, true
}

// store takes the value that follows the line, if it is there, and stores it.
func (c *Conn) store(l *storageLine, rest []byte, lineBytes int) (n, need int) {
	if c.tooLarge(l.key, int64(l.valueBytes)) {
		c.reply(replyTooLarge, l.quiet)
		c.noteSet(l.key)
		c.refuseTooLarge(l.op, l.key, l.op == store.OpSet, int64(l.valueBytes)+2)
		return lineBytes, 0
	}
	value, end, need, refused := c.body(l.key, rest, lineBytes, l.valueBytes, 2)
	switch {
	case refused:
		c.noteSet(l.key)
		c.reply(storageReply(c.refuse(l.op, l.key).Status), l.quiet)
		return end, 0
	case value == nil:
		return end, need
	}
	c.noteSet(l.key)
	if rest[end] != '\r' || rest[end+1] != '\n' {
		c.reply(replyBadChunk, l.quiet)
		return end + 2, 0
	}
	r := &c.req // zero between two requests
	r.Op, r.Key, r.Value = l.op, l.key, value
	r.Draft = c.draft(l.op)
	switch l.op {
	case store.OpAppend, store.OpPrepend: // keep the item's flags and expiry
	default:
		r.Flags, r.CAS = l.flags, l.cas
		r.Expires = absoluteExpiry(c.now, l.exptime)
	}
	c.reply(storageReply(c.do().Status), l.quiet)
	return end + 2, 0
}

// tooLarge tells whether an item would be above the limit.
func (c *Conn) tooLarge(key []byte, valueBytes int64) bool {
	limit := c.srv.Store.MaxItemBytes()
	return valueBytes > int64(limit) || store.ItemBytes(len(key), int(valueBytes)) > limit
}

// refuseTooLarge is what becomes of a value that is too large, before it has come: it is
// told and counted, and swallowed. drops: the older value goes too, lest it be read for
// the one that failed; a client that wants no reply would never know. As in memcached a
// set promises that, and the meta set whatever its mode.
func (c *Conn) refuseTooLarge(op store.Op, key []byte, drops bool, swallow int64) {
	c.tellStore(key, op, store.TooLarge, 0, -1)
	if drops {
		c.req = store.Request{Op: store.OpDrop, Key: key}
		c.do()
	} else {
		c.srv.Store.CountTooLarge()
	}
	c.swallow = swallow
}

func storageReply(s store.Status) string {
	switch s {
	case store.Stored:
		return replyStored
	case store.NotStored:
		return replyNotStored
	case store.Exists:
		return replyExists
	case store.NotFound:
		return replyNotFound
	case store.TooLarge:
		return replyTooLarge
	}
	return replyNoMemoryStore
}
