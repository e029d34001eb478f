package memproto

import (
	"encoding/binary"

	"twincached/store"
)

// binaryGet answers get and getk.
func (c *Conn) binaryGet(p *packet) (n int) {
	render := renderBinary
	if p.op == opGetK {
		render = renderBinaryKey
	}
	at := len(c.out)
	return c.retrieved(p, at, c.doGet(p.key, render))
}

// binaryTouch answers touch, gat and gatk.
func (c *Conn) binaryTouch(p *packet) (n int) {
	render := store.Render(renderBinaryTouch)
	switch p.op {
	case opGAT:
		render = renderBinary
	case opGATK:
		render = renderBinaryKey
	}
	at := len(c.out)
	c.fetch = store.Fetch{Key: p.key, Touch: true, Expires: c.binaryExpiry(p.extras), Pin: &c.pin}
	if p.op == opTouch {
		c.fetch.Pin = nil // it answers without the value
	}
	hit := c.doFetch(render)
	if c.fetch.NoMemory {
		c.fail(p, statusNoMemory)
		return p.headBytes
	}
	return c.retrieved(p, at, hit)
}

// retrieved finishes a retrieval whose reply, on a hit, begins at c.out[at].
func (c *Conn) retrieved(p *packet, at int, hit bool) (n int) {
	c.noteGet(p.key, hit)
	switch {
	case hit:
		c.address(p, at)
	case p.quiet:
	case p.op == opGetK || p.op == opGATK: // the key takes the place of the text
		c.head(p, statusNotFound, 0, len(p.key), len(p.key), 0)
		c.out = append(c.out, p.key...)
	default:
		c.fail(p, statusNotFound)
	}
	return p.headBytes
}

// binaryExpiry reads an exptime, which has no sign here.
func (c *Conn) binaryExpiry(b []byte) int64 {
	return absoluteExpiry(c.now, int64(binary.BigEndian.Uint32(b)))
}

// textNoRoom is what memcached says where there is no memory for a value.
const textNoRoom = "Out of memory allocating item"

// binaryStore answers set, add, replace, append and prepend.
func (c *Conn) binaryStore(p *packet, rest []byte) (n, need int) {
	if op := storeOp(p.op); c.tooLarge(p.key, p.valueBytes) {
		c.fail(p, statusTooLarge)
		c.noteSet(p.key)
		c.refuseTooLarge(op, p.key, op == store.OpSet, p.valueBytes)
		return p.headBytes, 0
	}
	value, end, need, refused := c.body(p.key, rest, p.headBytes, int(p.valueBytes), 0)
	switch {
	case refused:
		c.noteSet(p.key)
		c.refuse(storeOp(p.op), p.key)
		c.failText(p, statusNoMemory, textNoRoom)
		return end, 0
	case value == nil:
		return end, need
	}
	c.noteSet(p.key)
	c.req = store.Request{Op: storeOp(p.op), Key: p.key, Value: value, Compare: p.compares(), CAS: p.cas}
	missing := statusNotStored // what NotStored means to this op
	switch p.op {
	case opAdd:
		missing = statusExists
	case opReplace:
		missing = statusNotFound
	}
	if len(p.extras) > 0 {
		c.req.Flags = binary.BigEndian.Uint32(p.extras)
		c.req.Expires = c.binaryExpiry(p.extras[4:])
		if p.compares() { // add and replace too
			c.req.Op = store.OpCAS
		}
	}
	c.req.Draft = c.draft(c.req.Op)
	switch r := c.do(); r.Status {
	case store.Stored:
		c.succeed(p, r.Version)
	case store.NotStored:
		c.fail(p, missing)
	case store.Exists:
		c.fail(p, statusExists)
	case store.NotFound:
		c.fail(p, statusNotFound)
	case store.TooLarge: // append and prepend: the two together
		c.fail(p, statusNotStored)
	default:
		c.failText(p, statusNoMemory, textNoRoom)
	}
	return end, 0
}

// storeOp is what an op of the set family does to the store.
func storeOp(op byte) store.Op {
	switch op {
	case opAdd:
		return store.OpAdd
	case opReplace:
		return store.OpReplace
	case opAppend:
		return store.OpAppend
	case opPrepend:
		return store.OpPrepend
	}
	return store.OpSet
}

// binaryDelete answers delete.
func (c *Conn) binaryDelete(p *packet) (n int) {
	c.noteDelete(p.key)
	c.req = store.Request{Op: store.OpDelete, Key: p.key, Compare: p.compares(), CAS: p.cas}
	switch c.do().Status {
	case store.Deleted:
		c.succeed(p, 0)
	case store.Exists:
		c.fail(p, statusExists)
	case store.NoMemory: // not even for the tombstone the peer needs
		c.fail(p, statusNoMemory)
	default:
		c.fail(p, statusNotFound)
	}
	return p.headBytes
}

// noCreate as an expiry of increment and decrement: a missing counter stays
// missing.
const noCreate = 0xffffffff

// binaryArithmetic answers increment and decrement.
func (c *Conn) binaryArithmetic(p *packet) (n int) {
	c.req = store.Request{
		Op:      store.OpIncr,
		Key:     p.key,
		Delta:   binary.BigEndian.Uint64(p.extras),
		Compare: p.compares(),
		CAS:     p.cas,
		Create:  binary.BigEndian.Uint32(p.extras[16:]) != noCreate,
		Initial: binary.BigEndian.Uint64(p.extras[8:]),
	}
	if p.op == opDecrement {
		c.req.Op = store.OpDecr
	}
	if c.req.Create {
		c.req.CreateExpires = c.binaryExpiry(p.extras[16:])
	}
	r := c.do()
	switch r.Status {
	case store.Stored, store.Created:
		if !p.quiet {
			c.head(p, statusOK, 0, 0, 8, r.Version)
			c.out = binary.BigEndian.AppendUint64(c.out, r.Number)
		}
	case store.NotFound:
		c.fail(p, statusNotFound)
	case store.Exists:
		c.fail(p, statusExists)
	case store.NonNumeric:
		c.fail(p, statusNonNumeric)
	case store.TooLarge: // -I so small that a longer number does not fit
		c.fail(p, statusTooLarge)
	default:
		c.failText(p, statusNoMemory, "Out of memory incrementing value")
	}
	return p.headBytes
}
