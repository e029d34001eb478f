package memproto

import (
	"strconv"

	"twincached/store"
)

// As in memcached, every command that comes to an item is a lookup to those who
// watch fetchers, whatever else it does to it. What the peer sends is no command
// and is told to nobody; an eviction is told, whoever's item it was.

// tellDone tells what a command found and what it has done.
func (c *Conn) tellDone(req *store.Request, r store.Result) {
	switch req.Op {
	case store.OpDelete:
		c.tellLookup(req.Key, c.look)
		if r.Status == store.Deleted {
			c.tellDeleted(req.Key, c.look)
		}
	case store.OpIncr, store.OpDecr:
		c.tellLookup(req.Key, c.look)
		if r.Status == store.Created {
			c.tellLookup(req.Key, c.look) // memcached makes the item by an add
			c.tellStore(req.Key, req.Op, store.Stored, req.CreateExpires, len(strconv.FormatUint(r.Number, 10)))
		}
	case store.OpDrop, store.OpTouch: // a drop is of a value that is too large: see refuseTooLarge
		c.tellLookup(req.Key, c.look)
	case store.OpMark:
		c.tellLookup(req.Key, c.look)
		if r.Status == store.Stored && req.Empty {
			c.tellLookup(req.Key, c.look) // and empties it by a set
			c.tellStore(req.Key, store.OpSet, store.Stored, req.Expires, 0)
		}
		if r.Status == store.Stored && !req.Invalidate {
			c.tellDeleted(req.Key, c.look)
		}
	default:
		c.tellSet(req, r)
	}
}

// tellSet tells of the set family.
func (c *Conn) tellSet(req *store.Request, r store.Result) {
	if r.Status == store.NoMemory { // memcached has no item to compare with yet
		c.tellStore(req.Key, req.Op, r.Status, 0, -1)
		if req.Op == store.OpSet {
			c.tellLookup(req.Key, c.look)
		}
		return
	}
	c.tellLookup(req.Key, c.look)
	size := len(req.Value)
	if r.Status == store.Stored {
		size = int(r.Number) // append and prepend: of both
	}
	c.tellStore(req.Key, req.Op, r.Status, req.Expires, size)
}
