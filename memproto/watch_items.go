package memproto

import (
	"strconv"

	"twincached/store"
)

// As in memcached, every command that comes to an item is a lookup to those who
// watch fetchers, whatever else it does to it. What the peer sends is no command
// and is told to nobody; an eviction is told, whoever's item it was.

// doWatched is do while somebody watches what happens to items.
func (c *Conn) doWatched() store.Result {
	req := c.req
	look := c.srv.Store.Look(c.now, req.Key)
	r := c.srv.Store.Do(c.now, &c.req)
	c.req = store.Request{}
	switch req.Op {
	case store.OpDrop: // of a set whose value is too large: see tellTooLarge
		c.tellLookup(req.Key, look)
	case store.OpDelete:
		c.tellLookup(req.Key, look)
		if r.Status == store.Deleted {
			c.tellDeleted(req.Key, look)
		}
	case store.OpIncr, store.OpDecr:
		c.tellLookup(req.Key, look)
		if r.Status == store.Created {
			c.tellLookup(req.Key, look) // memcached makes the item by an add
			c.tellStore(req.Key, req.Op, store.Stored, req.CreateExpires, len(strconv.FormatUint(r.Number, 10)))
		}
	case store.OpTouch:
		c.tellLookup(req.Key, look)
	case store.OpMark:
		c.tellLookup(req.Key, look)
		if r.Status == store.Stored && req.Empty {
			c.tellLookup(req.Key, look) // and empties it by a set
			c.tellStore(req.Key, store.OpSet, store.Stored, req.Expires, 0)
		}
		if r.Status == store.Stored && !req.Invalidate {
			c.tellDeleted(req.Key, look)
		}
	default:
		c.tellSet(&req, &r, look)
	}
	return r
}

// tellSet tells of the set family.
func (c *Conn) tellSet(req *store.Request, r *store.Result, look store.Look) {
	if r.Status == store.NoMemory { // memcached has no item to compare with yet
		c.tellStore(req.Key, req.Op, r.Status, 0, -1)
		if req.Op == store.OpSet {
			c.tellLookup(req.Key, look)
		}
		return
	}
	c.tellLookup(req.Key, look)
	size := len(req.Value)
	if r.Status == store.Stored {
		size = int(r.Number) // append and prepend: of both
	}
	c.tellStore(req.Key, req.Op, r.Status, req.Expires, size)
}

// tellTooLarge tells of a value that is refused for its size.
func (c *Conn) tellTooLarge(op store.Op, key []byte) {
	if c.mode&modeMutations != 0 {
		c.tellStore(key, op, store.TooLarge, 0, -1)
	}
}

// getWatched is a get while somebody watches.
func (c *Conn) getWatched(key []byte, render store.Render) (hit bool) {
	if c.mode&modeItems == 0 {
		c.out, hit = c.srv.Store.GetPinned(c.now, key, c.out, render, &c.pin)
		return hit
	}
	look := c.srv.Store.Look(c.now, key)
	c.out, hit = c.srv.Store.GetPinned(c.now, key, c.out, render, &c.pin)
	c.tellFetch(key, look, hit)
	return hit
}

// fetchWatched is doFetch while somebody watches what happens to items.
func (c *Conn) fetchWatched(render store.Renderer) (hit bool) {
	f := c.fetch
	look := c.srv.Store.Look(c.now, f.Key)
	c.out, hit = c.srv.Store.Fetch(c.now, &c.fetch, c.out, render)
	c.fetch = store.Fetch{}
	if f.Create && look.Presence != store.Present {
		c.tellLookup(f.Key, look) // it hit because it made the item
	} else {
		c.tellFetch(f.Key, look, hit)
	}
	return hit
}

// tellFetch tells of a retrieval that hit or not. look is from before it.
func (c *Conn) tellFetch(key []byte, look store.Look, hit bool) {
	switch present := look.Presence == store.Present; {
	case hit && !present: // another conn was between the two
		look = store.Look{Presence: store.Present}
	case !hit && present:
		look = store.Look{}
	}
	c.tellLookup(key, look)
}
