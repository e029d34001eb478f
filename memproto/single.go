package memproto

import (
	"strconv"

	"twincached/store"
)

// In these commands words that mean nothing may stand before noreply, as in memcached.

// delete answers "delete <key> [noreply]". Old PHP clients send a 0 behind the key,
// which was once a delay.
func (c *Conn) delete(t *tokens) {
	if t.n < 2 {
		c.reply(replyBadFormat, false)
		return
	}
	quiet := t.quiet()
	if len(t.word[1]) > store.MaxKeyBytes {
		c.reply(replyBadFormat, quiet)
		return
	}
	c.noteDelete(t.word[1])
	c.req = store.Request{Op: store.OpDelete, Key: t.word[1]}
	switch c.do().Status {
	case store.Deleted:
		c.reply(replyDeleted, quiet)
	case store.NoMemory: // not even for the tombstone the peer needs
		c.reply(replyNoMemory, quiet)
	default:
		c.reply(replyNotFound, quiet)
	}
}

// touch answers "touch <key> <exptime> [noreply]".
func (c *Conn) touch(t *tokens) {
	if t.n < 3 {
		c.reply(replyBadFormat, false)
		return
	}
	quiet := t.quiet()
	if len(t.word[1]) > store.MaxKeyBytes {
		c.reply(replyBadFormat, quiet)
		return
	}
	seconds, ok := parseSigned(t.word[2])
	if !ok {
		c.reply(replyBadExptime, quiet)
		return
	}
	c.req = store.Request{Op: store.OpTouch, Key: t.word[1], Expires: absoluteExpiry(c.now, seconds)}
	switch c.do().Status {
	case store.Touched:
		c.reply(replyTouched, quiet)
	case store.NoMemory:
		c.reply(replyNoMemory, quiet)
	default:
		c.reply(replyNotFound, quiet)
	}
}

// arithmetic answers "incr|decr <key> <delta> [noreply]".
func (c *Conn) arithmetic(op store.Op, t *tokens) {
	if t.n < 3 {
		c.reply(replyBadFormat, false)
		return
	}
	quiet := t.quiet()
	if len(t.word[1]) > store.MaxKeyBytes {
		c.reply(replyBadFormat, quiet)
		return
	}
	delta, ok := parseDigits(t.word[2])
	if !ok {
		c.reply(replyBadDelta, quiet)
		return
	}
	c.req = store.Request{Op: op, Key: t.word[1], Delta: delta}
	switch r := c.do(); r.Status {
	case store.Stored:
		if !quiet {
			c.out = strconv.AppendUint(c.out, r.Number, 10)
			c.out = append(c.out, "\r\n"...)
		}
	case store.NotFound:
		c.reply(replyNotFound, quiet)
	case store.NonNumeric:
		c.reply(replyNonNumeric, quiet)
	case store.TooLarge: // -I so small that a longer number does not fit
		c.reply(replyTooLarge, quiet)
	default:
		c.reply(replyNoMemory, quiet)
	}
}
