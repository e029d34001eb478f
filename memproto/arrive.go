package memproto

import (
	"slices"

	"twincached/store"
)

// A large value goes straight into the store's memory while it arrives, so that a client
// which sends half of one costs memory that -m counts, and no more than it has sent.

const (
	// arriveBytes is the smallest value that does, and what of a larger one must have
	// arrived first: a header that claims much costs nothing.
	arriveBytes = 16 << 10
	// fillBytes is the most that a caller is given to fill at a time.
	fillBytes = 256 << 10
)

// Pinned is a value that the caller writes from where it stands; see Result.Pin.
type Pinned = store.Pinned

// arrival is a large value on its way.
type arrival struct {
	draft *store.Draft // nil: there was no memory for it
	head  []byte       // the command that brings it, a copy; what follows the value is put behind it
	tail  int          // bytes that follow the value: the text protocol's line end
	left  int          // bytes of the value that have no place yet
}

// ready tells whether the value has come, or cannot be kept.
func (a *arrival) ready() bool { return a.left == 0 || a.draft == nil }

// due tells whether the command can be run without more input. a may be nil.
func (a *arrival) due() bool { return a != nil && a.ready() && (a.tail == 0 || a.draft == nil) }

// body finds the value of size bytes behind the head bytes of the command at the start of
// rest, with tail bytes behind it, which begin at rest[n]. value is nil where it is not all
// there: then n and need are for next. refused: it is going to be swallowed, and the
// command is to be answered as one that found no memory.
func (c *Conn) body(key, rest []byte, head, size, tail int) (value []byte, n, need int, refused bool) {
	if a := c.coming; a != nil {
		if a.draft == nil {
			return nil, head, 0, true
		}
		return a.draft.Value(), head, 0, false
	}
	end := head + size
	switch have := len(rest) - head; {
	case have >= size+tail:
		return rest[head:end:end], end, 0, false
	case size < arriveBytes:
		return nil, 0, end + tail, false
	case have < arriveBytes:
		return nil, 0, head + arriveBytes, false
	default:
		c.await(key, rest, head, size, tail)
		return nil, head, 0, c.coming == nil
	}
}

// await begins an arrival, whose first bytes stand behind the head; without address space
// for it there is none, and the value is swallowed.
func (c *Conn) await(key, rest []byte, head, size, tail int) {
	d := c.srv.Store.NewDraft(len(key), size)
	if d == nil {
		c.swallow = int64(size + tail)
		return
	}
	line := make([]byte, head, head+tail)
	copy(line, rest)
	c.coming = &arrival{draft: d, head: line, tail: tail, left: size}
}

// take moves what has come of the value with the input.
func (c *Conn) take(rest []byte) (n int) {
	a := c.coming
	n = min(len(rest), a.left)
	if !a.draft.Fill(c.now, rest[:n]) {
		a.lose()
		return 0
	}
	a.left -= n
	return n
}

// lose gives up what has come: no memory is to be had for the rest.
func (a *arrival) lose() {
	a.draft.Drop()
	a.draft = nil
}

// fill returns where the next bytes of the value go; nil: no memory is to be had, the
// value will be refused.
func (c *Conn) fill() []byte {
	a := c.coming
	n := min(a.left, fillBytes)
	room := a.draft.Grow(c.now, n)
	if room == nil {
		a.lose()
		return nil
	}
	a.left -= n
	return room
}

// runArrived is arrived, sampled where the turn was the command's when it began to come.
func (c *Conn) runArrived(rest []byte) (n int, ok bool) {
	if c.untilSample > 0 {
		return c.arrived(rest)
	}
	return c.sampledArrival(rest)
}

// arrived runs the command whose value has come, or cannot be kept, and returns how many
// bytes of rest belonged to it. false: what follows the value is not all there.
func (c *Conn) arrived(rest []byte) (n int, ok bool) {
	a := c.coming
	if a.draft == nil {
		c.swallow = int64(a.left + a.tail)
	} else {
		if len(rest) < a.tail {
			return 0, false
		}
		n = a.tail
		a.head = append(a.head, rest[:n]...)
	}
	c.said = true // when it came
	head := len(a.head) - n
	if c.binary {
		c.packet(a.head)
	} else {
		end := head - 1
		if end > 1 && a.head[end-1] == '\r' {
			end--
		}
		c.command(a.head, end, head)
	}
	c.giveUp()
	return n, true
}

// giveUp forgets the value on its way. An item that has it keeps its memory.
func (c *Conn) giveUp() {
	if c.coming == nil {
		return
	}
	if c.coming.draft != nil {
		c.coming.draft.Drop()
	}
	c.coming = nil
}

// draft is what has the value of a request of this op already; nil: it is to be copied.
func (c *Conn) draft(op store.Op) *store.Draft {
	if c.coming == nil || op == store.OpAppend || op == store.OpPrepend {
		return nil
	}
	return c.coming.draft
}

// refuse has the store do what it does where there is no memory for a value.
func (c *Conn) refuse(op store.Op, key []byte) store.Result {
	c.req = store.Request{Op: op, Key: key, Refused: true}
	return c.do()
}

// Whole is Out with the value of Pin in its place, for a caller that wants all in one
// piece. It releases Pin.
func (r *Result) Whole() []byte {
	if r.Pin == nil {
		return r.Out
	}
	out := slices.Insert(r.Out, r.Pin.At, r.Pin.Value()...)
	r.Pin.Release()
	return out
}

// full tells whether Out has to be written before more is done.
func (c *Conn) full() bool { return len(c.out) > OutSoftLimitBytes || c.pin.Value() != nil }

// inlineBytes is what v's value takes of a reply.
func inlineBytes(v *store.View) int {
	if v.Pinned != nil {
		return 0
	}
	return len(v.Value)
}

// appendValue is how every Render writes the value.
func appendValue(dst []byte, v *store.View) []byte {
	if v.Pinned != nil {
		v.Pinned.At = len(dst)
		return dst
	}
	return append(dst, v.Value...)
}
