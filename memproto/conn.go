package memproto

import (
	"bytes"

	"twincached/store"
)

// Conn is one client connection's protocol state. The zero Conn is not
// usable; see NewConn. Not for concurrent use. Between calls it holds no part
// of the caller's buffers.
type Conn struct {
	srv     *Server
	maxItem int // of the store, read once
	client  Client

	started bool     // the first byte, which names the protocol, has been seen
	binary  bool     // it named the binary protocol
	md      bool     // the command is the meta protocol's delete
	said    bool     // the command at the start of the input has been printed
	scanned int      // bytes at the start of the input known to hold no line end
	swallow int64    // bytes of a refused value that are still to be dropped
	coming  *arrival // a large value on its way; nil = none
	pin     Pinned   // a value that the caller is to write
	get     getState
	dump    dumpState

	stranger    bool  // it has not logged in, and has to
	loginBytes  int   // bytes of the text login that are to come; 0: its line
	saslStarted bool  // an auth without a value: a step follows
	failures    int   // logins that failed since the last that did not; not counted far
	turn        int64 // Unix ms at which the login at the start of the input may be looked at; 0: not asked yet

	// Set for the length of one Process call.
	now    int64
	mode   uint32 // what is to be told of it: see journal
	taken  int    // bytes of the input done with
	until  int64  // Result.Until
	out    []byte
	closed string   // why to close; "" = do not
	stream *Watcher // what the conn becomes; nil = nothing

	req   store.Request // fields and not locals, so that they cost no allocation
	fetch store.Fetch
	look  store.Look // what stood under the key, while somebody watches
	meta  *metaLine  // nil until the first meta command
}

// Result is what one call of Process did.
type Result struct {
	// N bytes of the input are done with. The caller keeps the rest and puts
	// new bytes behind it.
	N int
	// Out is the caller's out with the replies behind it.
	Out []byte
	// Need > 0: a value is on its way, and nothing can happen before the
	// input (without the N bytes) is Need bytes long.
	Need int
	// Fill: a large value is on its way. The next bytes of the conn go there, and not
	// into the input, until it is full; then call again, with an input that may be
	// empty. It is valid until that call, or Closed.
	Fill []byte
	// Pin: a value to be written at Out[Pin.At:], from where it stands. The caller
	// releases it, before the next call. nil = none.
	Pin *Pinned
	// More: Out is full. Write it out, then call again with the same rest,
	// even if nothing has arrived.
	More bool
	// Later: with More, this conn has had its turn, whether or not it made Out
	// grow. Others that have something to do come first.
	Later bool
	// Until > 0: nothing is done for this conn before that time, in Unix ms of the
	// caller's clock. Write Out, read nothing, and call again then with the same
	// rest. A client that waits so is owed nothing.
	Until int64
	// Close: write Out, then close the conn; Reason says why, for the log.
	Close  bool
	Reason string
	// Stream: the conn has left requests and replies behind; what it yields from
	// now on is the stream's. Out is empty. The caller closes the stream, and
	// does not call Process again.
	Stream *Watcher
}

// Reasons to close a conn, as Result.Reason gives them.
const (
	ReasonQuit        = "quit"
	ReasonLineTooLong = "line too long"
	ReasonBinary      = "binary protocol is switched off"
	ReasonMagic       = "not a packet of the binary protocol"
	ReasonMalformed   = "malformed packet of the binary protocol"
	ReasonHTTP        = "http request"
	ReasonShutdown    = "shutdown"
	ReasonStranger    = "not logged in"
)

// NewConn returns the state of a fresh connection.
func NewConn(s *Server) *Conn {
	return &Conn{srv: s, maxItem: s.Store.MaxItemBytes(), stranger: s.TextLogins != nil || s.SASLLogins != nil}
}

// Process answers the complete requests at the start of in and appends the
// replies to out. in is borrowed for the length of the call. nowMillis is the
// node's steady clock.
//
// It is safe to call it again too early (before Need bytes are there): it does
// nothing then.
func (c *Conn) Process(nowMillis int64, in, out []byte) (res Result) {
	c.until = 0
	c.now, c.out, c.mode = nowMillis, out, c.srv.journal.mode.Load()
	for c.closed == "" && c.stream == nil {
		if c.coming != nil && !c.coming.ready() {
			if res.N < len(in) {
				res.N += c.take(in[res.N:])
				continue
			}
			if res.Fill = c.fill(); res.Fill != nil {
				break
			}
		}
		if res.N == len(in) && !c.coming.due() {
			break
		}
		if c.full() {
			res.More = true
			break
		}
		c.taken = res.N
		if c.coming != nil {
			n, ok := c.arrived(in[res.N:])
			if !ok {
				res.Need = c.coming.tail
				break
			}
			c.said = false
			res.N += n
			continue
		}
		n, need := c.next(in[res.N:])
		if n == 0 {
			res.Need, res.More = need, c.dump.kind != dumpNone
			res.Later, res.Until = res.More, c.until
			break
		}
		c.said = false
		res.N += n
	}
	if c.closed != "" {
		res.N, res.Need = len(in), 0
		res.Close, res.Reason = true, c.closed
	}
	if c.stream != nil {
		res.N, res.Need, res.Stream = len(in), 0, c.stream
		c.stream = nil
	}
	if c.pin.Value() != nil {
		res.Pin = &c.pin
	}
	res.Out = c.out
	c.out = nil
	return res
}

// next does the next thing at the start of rest (never empty) and returns how
// many bytes of it are done with. n == 0: more input is needed, need bytes in
// all if that is known.
func (c *Conn) next(rest []byte) (n, need int) {
	switch {
	case c.swallow > 0:
		n = int(min(c.swallow, int64(len(rest))))
		c.swallow -= int64(n)
		return n, 0
	case c.get.on:
		return c.resumeGet(rest), 0
	case c.dump.kind != dumpNone:
		return c.resumeDump(), 0
	case !c.started:
		// As in memcached, the first byte of a conn decides which protocol
		// it speaks.
		c.started = true
		text, binary := c.srv.speaks(c.client.Listener)
		c.binary = !text || rest[0] == binaryMagic
		if c.binary && !binary {
			c.close(ReasonBinary, replyBinary)
			return 0, 0
		}
	}
	if c.binary {
		return c.packet(rest)
	}
	if c.stranger {
		return c.login(rest)
	}
	return c.line(rest)
}

// line finds one command line at the start of rest and runs it. Only a retrieval
// may be longer than MaxLineBytes; one that is longer than getWindowBytes too is
// answered in pieces, wherever its end is.
func (c *Conn) line(rest []byte) (n, need int) {
	window := rest[:min(len(rest), getWindowBytes)]
	i := bytes.IndexByte(window[c.scanned:], '\n')
	whole := i >= 0
	if whole {
		i += c.scanned
	}
	switch {
	case whole && i <= MaxLineBytes:
	case !whole && len(rest) <= MaxLineBytes:
		c.scanned = len(rest)
		return 0, 0
	case !mayBeLong(rest):
		c.close(ReasonLineTooLong, "") // as memcached, without a word
		return 0, 0
	case whole:
	case len(rest) < getWindowBytes:
		c.scanned = len(rest)
		return 0, 0
	default:
		c.scanned = 0
		return c.longGet(window), 0
	}
	c.scanned = 0
	end := i
	if i > 1 && rest[i-1] == '\r' {
		end--
	}
	return c.command(rest, end, i+1)
}

// mayBeLong tells whether a line may be longer than MaxLineBytes: a retrieval may.
func mayBeLong(line []byte) bool {
	name, _, _ := bytes.Cut(line[:MaxLineBytes], []byte{' '})
	switch string(name) {
	case "get", "gets", "gat", "gats":
		return true
	}
	return false
}

// close ends the conn once reply has been written.
func (c *Conn) close(reason, reply string) {
	c.reply(reply, false)
	c.closed = reason
}

// do hands the finished request to the store. Nothing else in this package
// changes an item, except doFetch.
func (c *Conn) do() store.Result {
	watched := c.mode&modeItems != 0
	if watched {
		c.req.Look = &c.look
	}
	r := c.srv.Store.Do(c.now, &c.req)
	if watched {
		c.tellDone(&c.req, r)
	}
	c.req = store.Request{}
	return r
}

// doFetch hands the finished c.fetch to the store; the reply of a hit stands in c.out.
func (c *Conn) doFetch(render store.Renderer) (hit bool) {
	c.fetch.Look = c.watched()
	c.out, hit = c.srv.Store.Fetch(c.now, &c.fetch, c.out, render)
	if c.fetch.Look != nil {
		c.tellLookup(c.fetch.Key, c.look)
	}
	c.fetch = store.Fetch{}
	return hit
}

// doGet reads the item under key; the reply of a hit stands in c.out.
func (c *Conn) doGet(key []byte, render store.Render) (hit bool) {
	look := c.watched()
	c.out, hit = c.srv.Store.GetPinned(c.now, key, c.out, render, &c.pin, look)
	if look != nil {
		c.tellLookup(key, c.look)
	}
	return hit
}

// watched is where the store says what a command found; nil: nobody wants to know.
func (c *Conn) watched() *store.Look {
	if c.mode&modeItems == 0 {
		return nil
	}
	return &c.look
}

// reply appends one reply line (with its line end) unless quiet.
func (c *Conn) reply(line string, quiet bool) {
	if c.mode&modeCommands != 0 {
		c.sayReply(line, quiet)
	}
	if !quiet {
		c.out = append(c.out, line...)
	}
}
