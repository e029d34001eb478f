package memproto

import (
	"bytes"

	"twincached/store"
)

// Conn is one client connection's protocol state. The zero Conn is not
// usable; see NewConn. Not for concurrent use. Between calls it holds no part
// of the caller's buffers.
//
// Most conns are idle most of the time, and there may be many. So it holds only what
// the next call has to know; the rest is in the Scratch. What few conns need stands
// behind a pointer.
type Conn struct {
	*scratch // means nothing between two calls
	srv      *Server

	coming *arrival   // a large value on its way; nil = none
	dump   *dumpState // a dump in progress; nil = none
	tries  *tries     // of a client that logs in; nil = it has not begun to

	swallow int64 // bytes of a refused value that are still to be dropped
	get     getState
	client  client

	// untilSample counts the requests down to the next one that is sampled; 0: the next one is.
	untilSample int32
	ahead       int32 // bytes at the start of the input whose keys are asked for: see Ahead
	scanned     int32 // bytes at the start of the input known to hold no line end

	started   bool // the first byte, which names the protocol, has been seen
	binary    bool // it named the binary protocol
	said      bool // the command at the start of the input has been printed
	pipelined bool // the last input had more than one request
	stranger  bool // it has not logged in, and has to
	over      bool // it is to be closed
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
	// releases it, or has Take move it, before the next call of a conn with the same
	// Scratch. nil = none.
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

// NewConn returns the state of a fresh connection, with a Scratch of its own.
func NewConn(s *Server) *Conn { return NewConnWith(s, new(Scratch)) }

// NewConnWith is NewConn for a connection that shares a Scratch with others.
func NewConnWith(s *Server, shared *Scratch) *Conn {
	return &Conn{scratch: &shared.scratch, srv: s, stranger: s.TextLogins != nil || s.SASLLogins != nil, untilSample: gap()}
}

// Process answers the complete requests at the start of in and appends the
// replies to out. in is borrowed for the length of the call. nowMillis is the
// node's steady clock.
//
// It is safe to call it again too early (before Need bytes are there): it does
// nothing then.
func (c *Conn) Process(nowMillis int64, in, out []byte) (res Result) {
	if c.over {
		return Result{N: len(in), Out: out, Close: true}
	}
	if c.pin.Value() != nil { // it may be another conn's
		return Result{Out: out, More: true}
	}
	c.begin(nowMillis, out, c.srv.journal.mode.Load())
	ahead, many := int(c.ahead), false
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
		if res.N > 0 {
			many = true
		}
		if res.N >= ahead && (many || c.pipelined) {
			ahead = res.N + c.lookAhead(in[res.N:])
		}
		if c.coming != nil {
			n, ok := c.runArrived(in[res.N:])
			if !ok {
				res.Need = c.coming.tail
				break
			}
			c.said = false
			res.N += n
			continue
		}
		var n, need int
		if c.untilSample--; c.untilSample > 0 {
			n, need = c.next(in[res.N:])
		} else {
			n, need = c.sampled(in[res.N:])
		}
		if n == 0 {
			c.untilSample++ // it will be here again: what comes in pieces has no better chance
			res.Need, res.More = need, c.dump != nil
			res.Later, res.Until = res.More, c.until
			break
		}
		c.said = false
		res.N += n
	}
	c.end(&res, len(in))
	c.ahead, c.pipelined = 0, many
	return res
}

// end completes the result of a call whose input had inBytes.
func (c *Conn) end(res *Result, inBytes int) {
	if c.closed != "" {
		res.N, res.Need = inBytes, 0
		res.Close, res.Reason, c.over = true, c.closed, true
	}
	if c.stream != nil {
		res.N, res.Need, res.Stream = inBytes, 0, c.stream
		c.stream = nil
	}
	if c.pin.Value() != nil {
		res.Pin = &c.pin
	}
	res.Out, c.out = c.out, nil
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
	case c.dump != nil:
		return c.resumeDump(), 0
	case !c.started:
		// As in memcached, the first byte of a conn decides which protocol
		// it speaks.
		c.started = true
		text, binary := c.srv.speaks(int(c.client.listener))
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
		i += int(c.scanned)
	}
	switch {
	case whole && i <= MaxLineBytes:
	case !whole && len(rest) <= MaxLineBytes:
		c.scanned = int32(len(rest))
		return 0, 0
	case !mayBeLong(rest):
		c.close(ReasonLineTooLong, "") // as memcached, without a word
		return 0, 0
	case whole:
	case len(rest) < getWindowBytes:
		c.scanned = int32(len(rest))
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

// doFetch hands the finished c.fetch to the store; the reply of a hit stands in c.out. No
// hit may also be a touch that found no memory: c.fetch.NoMemory tells.
func (c *Conn) doFetch(render store.Renderer) (hit bool) {
	c.fetch.Look = c.watched()
	c.out, hit = c.srv.Store.Fetch(c.now, &c.fetch, c.out, render)
	if c.fetch.Look != nil {
		c.tellLookup(c.fetch.Key, c.look)
	}
	c.fetch = store.Fetch{NoMemory: c.fetch.NoMemory}
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
