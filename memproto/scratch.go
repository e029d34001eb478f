package memproto

import "twincached/store"

// Scratch is what a conn needs during one call of Process and not afterwards. Conns that
// are served by one goroutine, one after the other, may share one: then an idle conn costs
// little memory. The zero Scratch is ready. It is not for concurrent use, and must not be
// copied.
type Scratch struct{ scratch }

// scratch is Scratch without a name that others could reach through a Conn. Whatever a conn
// has to know in its next call does not belong here: another conn may be served in between.
type scratch struct {
	now    int64
	until  int64 // Result.Until
	out    []byte
	taken  int      // bytes of the input done with
	closed string   // why to close; "" = do not
	stream *Watcher // what the conn becomes; nil = nothing
	mode   uint32   // what is to be told of it: see journal
	md     bool     // the command is the meta protocol's delete

	// Fields and not locals, so that they cost no allocation.
	req   store.Request // zero between two requests
	fetch store.Fetch   // so is this
	look  store.Look    // what stood under the key, while somebody watches
	meta  *metaLine     // nil until the first meta command
	pin   Pinned        // a value that the caller is to write, until it has released or taken it
}

// begin is the start of a call.
func (s *scratch) begin(nowMillis int64, out []byte, mode uint32) {
	s.now, s.out, s.mode = nowMillis, out, mode
	s.until, s.taken, s.closed, s.stream = 0, 0, "", nil
}
