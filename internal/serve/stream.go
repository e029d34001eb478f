package serve

import (
	"errors"
	"io"
	"net"
	"net/netip"
	"os"
	"sync"
	"time"

	"twincached/memproto"
)

// A conn on which a client has asked to watch leaves requests and replies behind: from then on one goroutine writes what the
// watcher has to say, another reads until the client goes. On Linux it leaves its event loop for that, with its descriptor.

// streams are the conns of a server that have become streams. The zero value is ready.
type streams struct {
	mu       sync.Mutex
	open     map[*stream]struct{}
	ending   bool // a drain has begun
	deadline time.Time

	left sync.WaitGroup // streams that have left an event loop
}

// streamConn is what a stream needs of a socket: a net.Conn, or a file that is one.
type streamConn interface {
	io.ReadWriteCloser
	SetReadDeadline(t time.Time) error
	SetWriteDeadline(t time.Time) error
}

// stream is one of them.
type stream struct {
	s    *Server
	c    streamConn
	src  *memproto.Watcher
	half func() error // sends FIN; nil: cannot
	info *ConnInfo    // for "stats conns"; nil where the engine still lists the conn
}

// atOnce is a deadline that has passed.
var atOnce = time.Unix(1, 0)

// run writes what src yields until the client goes, or the server ends. The conn is left to be closed by the caller.
func (st *stream) run() memproto.CloseReason {
	st.s.streams.add(st)
	heard := make(chan memproto.CloseReason, 1)
	go func() { heard <- st.listen() }()
	var lines []byte
	for more := true; more; {
		lines, more = st.src.Next(lines)
		n, err := st.c.Write(lines)
		st.s.count.written.Add(uint64(n))
		if err != nil {
			break
		}
	}
	st.src.Close()
	return st.part(heard)
}

// listen throws away what the client sends, until its end.
func (st *stream) listen() memproto.CloseReason {
	var room [512]byte
	for {
		n, err := st.c.Read(room[:])
		st.s.count.read.Add(uint64(n))
		if err == nil {
			continue
		}
		late := errors.Is(err, os.ErrDeadlineExceeded)
		if late && st.s.streams.spared(st) {
			continue
		}
		st.src.Close()
		if !late {
			_ = st.c.SetWriteDeadline(atOnce) // nobody reads what is being written
		}
		if err == io.EOF {
			return memproto.CloseNormal
		}
		return memproto.CloseError
	}
}

// part ends the stream: at once if the client has gone, else, when the server ends, with FIN and a moment for the client's own.
func (st *stream) part(heard <-chan memproto.CloseReason) memproto.CloseReason {
	deadline, ending := st.s.streams.remove(st)
	end := atOnce
	if ending && st.half != nil && st.half() == nil {
		end = deadline
	}
	_ = st.c.SetReadDeadline(end)
	reason := <-heard
	if ending {
		return memproto.CloseShutdown
	}
	return reason
}

// add takes st into the list. When the server is ending already, st ends as well.
func (ss *streams) add(st *stream) {
	ss.mu.Lock()
	defer ss.mu.Unlock()
	if ss.ending {
		st.end(ss.deadline)
		return
	}
	if ss.open == nil {
		ss.open = map[*stream]struct{}{}
	}
	ss.open[st] = struct{}{}
	_ = st.c.SetReadDeadline(time.Time{})
}

// remove takes st from the list, and tells whether the server is ending and by when.
func (ss *streams) remove(st *stream) (deadline time.Time, ending bool) {
	ss.mu.Lock()
	defer ss.mu.Unlock()
	delete(ss.open, st)
	return ss.deadline, ss.ending
}

// spared tells whether st goes on after its reading was interrupted: by the look for idle conns, which it is none of any more.
func (ss *streams) spared(st *stream) bool {
	ss.mu.Lock()
	defer ss.mu.Unlock()
	_, open := ss.open[st]
	return open && !ss.ending && st.c.SetReadDeadline(time.Time{}) == nil
}

// end has st write what is left, by deadline.
func (st *stream) end(deadline time.Time) {
	st.src.Close()
	_ = st.c.SetWriteDeadline(deadline)
}

// drain makes all streams end, now and later ones, and does not wait for it. A client that does not read has a moment, no more:
// it is owed nothing.
func (ss *streams) drain(deadline time.Time) {
	ss.mu.Lock()
	defer ss.mu.Unlock()
	if soon := time.Now().Add(lingerTime); soon.Before(deadline) {
		deadline = soon
	}
	if !ss.ending || deadline.Before(ss.deadline) {
		ss.deadline = deadline
	}
	ss.ending = true
	for st := range ss.open {
		st.end(ss.deadline)
	}
}

// conns appends the streams that no engine lists any more.
func (ss *streams) conns(infos []ConnInfo) []ConnInfo {
	ss.mu.Lock()
	defer ss.mu.Unlock()
	for st := range ss.open {
		if st.info != nil {
			infos = append(infos, *st.info)
		}
	}
	return infos
}

// stream serves a conn that has become one, to its end.
func (c *goConn) stream(src *memproto.Watcher) {
	c.p.mu.Lock() // a drain has set the conn's deadlines before, or leaves them alone
	c.state.Store(stateWatch)
	c.p.mu.Unlock()
	st := &stream{s: c.p.s, c: c.nc, src: src}
	st.half = func() error { return closeWrite(c.nc) }
	c.why = st.run()
}

// clientOf names the conn nc.
func clientOf(nc net.Conn, entry int) memproto.Client {
	client := memproto.Client{FD: descriptor(nc), Listener: entry}
	if a, ok := nc.RemoteAddr().(*net.TCPAddr); ok {
		client.Addr = netip.AddrPortFrom(a.AddrPort().Addr().Unmap(), uint16(a.Port))
	}
	return client
}

// closeReason is why a conn ends whose handler wanted it.
func closeReason(r *memproto.Result) memproto.CloseReason {
	if r.Reason == memproto.ReasonQuit {
		return memproto.CloseNormal
	}
	return memproto.CloseError
}
