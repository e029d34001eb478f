package memproto

import (
	"net/netip"
	"strconv"

	"twincached/store"
)

// Client names a conn, and who is at its other end.
type Client struct {
	FD       int            // file descriptor, memcached's cfd; -1: none
	Listener int            // place of the address it came to in the listener's configuration
	Addr     netip.AddrPort // invalid for a unix socket, whose clients have no address
}

// client is a Client in little room.
type client struct {
	addr     [16]byte
	fd       int32
	listener uint16
	port     uint16
	tcp      bool // addr and port mean something
}

// pack leaves out the zone of an address, which nobody asks for.
func pack(c Client) client {
	return client{
		addr: c.Addr.Addr().As16(), port: c.Addr.Port(), tcp: c.Addr.IsValid(),
		fd: int32(c.FD), listener: uint16(c.Listener),
	}
}

func (c *client) unpack() Client {
	return Client{FD: int(c.fd), Listener: int(c.listener), Addr: netip.AddrPortFrom(c.address(), c.port)}
}

// address is invalid for a client of a unix socket.
func (c *client) address() netip.Addr {
	if !c.tcp {
		return netip.Addr{}
	}
	return netip.AddrFrom16(c.addr).Unmap()
}

// CloseReason says why a conn has ended.
type CloseReason uint8

// Reasons for the end of a conn, in memcached's words.
const (
	CloseError    CloseReason = iota // of the network, or of the client: what it sent made no sense
	CloseNormal                      // the client wanted it
	CloseIdle                        // the client has been idle for too long
	CloseShutdown                    // the node ends
)

var closeWords = [...]string{
	CloseError:    "error",
	CloseNormal:   "normal",
	CloseIdle:     "idle_timeout",
	CloseShutdown: "shutdown",
}

// Opened tells the conn who its client is, before anything is processed.
func (c *Conn) Opened(nowMillis int64, client Client) {
	c.client = pack(client)
	mode := c.srv.journal.mode.Load()
	if mode&modeConns != 0 {
		j := &c.srv.journal
		j.end(modeConns, appendClient(append(j.begin(nowMillis), "type=conn_new"...), client, ""))
	}
	if mode&modeCommands != 0 {
		c.sayOpened()
	}
}

// Closed tells the conn that it is over. Nothing may be processed afterwards.
func (c *Conn) Closed(nowMillis int64, reason CloseReason) {
	c.endDump()
	c.giveUp()
	mode := c.srv.journal.mode.Load()
	if mode&modeConns != 0 {
		j := &c.srv.journal
		j.end(modeConns, appendClient(append(j.begin(nowMillis), "type=conn_close"...), c.client.unpack(), closeWords[reason]))
	}
	if mode&modeCommands != 0 {
		c.sayClosed()
	}
}

// Evicted is for store.Store.SetEvicted: it tells of an eviction.
func (s *Server) Evicted(nowMillis int64, e store.Evicted) {
	j := &s.journal
	if j.mode.Load()&modeEvictions == 0 {
		return
	}
	b := appendKey(append(j.begin(nowMillis), "type=eviction"...), e.Key)
	fetch, ttl := " fetch=no", int64(-1)
	if e.Fetched {
		fetch = " fetch=yes"
	}
	if e.Expires != 0 {
		ttl = (e.Expires - nowMillis) / 1000
	}
	b = appendInt(append(b, fetch...), " ttl=", ttl)
	b = appendInt(b, " la=", e.IdleSeconds)
	j.end(modeEvictions, appendSize(b, e.Class, e.ValueBytes))
}

// tellLookup tells what stood under a key when a command came to it.
func (c *Conn) tellLookup(key []byte, look store.Look) {
	if c.mode&modeLookups != 0 {
		c.sayLookup(key, look.Presence)
	}
	if c.mode&modeFetchers == 0 {
		return
	}
	status := " status=not_found"
	switch look.Presence {
	case store.Present:
		status = " status=found"
	case store.Flushed:
		status = " status=flushed"
	case store.Expired:
		status = " status=expired"
	}
	j := &c.srv.journal
	b := appendKey(append(j.begin(c.now), "type=item_get"...), key)
	b = appendInt(append(b, status...), " clsid=", int64(look.Class))
	b = appendInt(b, " cfd=", int64(c.client.fd))
	j.end(modeFetchers, appendInt(b, " size=", int64(look.ValueBytes)))
}

// tellStore tells the outcome of a store. valueBytes < 0: the value was refused
// before it had come.
func (c *Conn) tellStore(key []byte, op store.Op, status store.Status, expires int64, valueBytes int) {
	if c.mode&modeMutations == 0 {
		return
	}
	class := 0
	if valueBytes >= 0 {
		class = store.ClassOf(store.ItemBytes(len(key), valueBytes))
	}
	ttl := int64(0)
	switch {
	case expires < 0:
		ttl = -1
	case expires > 0:
		ttl = (expires - c.now) / 1000
	}
	j := &c.srv.journal
	b := appendKey(append(j.begin(c.now), "type=item_store"...), key)
	b = append(append(b, " status="...), storeStatus(status)...)
	b = append(append(b, " cmd="...), storeWord(op)...)
	// As in memcached the number has no sign: what is over at once has a huge one.
	b = appendInt(b, " ttl=", int64(uint32(ttl)))
	b = appendInt(b, " clsid=", int64(class))
	b = appendInt(b, " cfd=", int64(c.client.fd))
	j.end(modeMutations, appendInt(b, " size=", int64(max(valueBytes, 0))))
}

// tellDeleted tells of a delete that hit.
func (c *Conn) tellDeleted(key []byte, look store.Look) {
	if c.mode&modeDeletions == 0 {
		return
	}
	j := &c.srv.journal
	b := appendKey(append(j.begin(c.now), "type=deleted"...), key)
	if c.md {
		b = append(b, " cmd=md"...)
	} else {
		b = append(b, " cmd=delete"...)
	}
	j.end(modeDeletions, appendSize(b, look.Class, look.ValueBytes))
}

func storeStatus(s store.Status) string {
	switch s {
	case store.Stored:
		return "stored"
	case store.Exists:
		return "exists"
	case store.NotFound:
		return "not_found"
	case store.TooLarge:
		return "too_large"
	case store.NoMemory:
		return "no_memory"
	}
	return "not_stored"
}

func storeWord(op store.Op) string {
	switch op {
	case store.OpAdd, store.OpIncr, store.OpDecr: // these two, when they make the item
		return "add"
	case store.OpReplace:
		return "replace"
	case store.OpAppend:
		return "append"
	case store.OpPrepend:
		return "prepend"
	case store.OpCAS:
		return "cas"
	}
	return "set"
}

// appendHead is how each line begins.
func appendHead(b []byte, nowMillis int64, gid uint64) []byte {
	b = appendInt(b, "ts=", nowMillis/1000)
	b = append(b, '.')
	micros := nowMillis % 1000 * 1000
	for unit := int64(100000); unit > 0; unit /= 10 {
		b = append(b, byte('0'+micros/unit%10))
	}
	b = append(b, " gid="...)
	return append(strconv.AppendUint(b, gid, 10), ' ')
}

func appendInt(b []byte, name string, v int64) []byte {
	return strconv.AppendInt(append(b, name...), v, 10)
}

// appendSize is how the lines end that know an item.
func appendSize(b []byte, class, valueBytes int) []byte {
	return appendInt(appendInt(b, " clsid=", int64(class)), " size=", int64(valueBytes))
}

// appendKey writes a key as in a URI, so that it is one word whatever it holds.
func appendKey(b, key []byte) []byte {
	const hex = "0123456789ABCDEF"
	b = append(b, " key="...)
	for _, k := range key {
		switch {
		case 'a' <= k && k <= 'z', 'A' <= k && k <= 'Z', '0' <= k && k <= '9',
			k == '-', k == '.', k == '_', k == '~':
			b = append(b, k)
		default:
			b = append(b, '%', hex[k>>4], hex[k&15])
		}
	}
	return b
}

// appendClient is the rest of a line about a conn.
func appendClient(b []byte, client Client, reason string) []byte {
	b = append(b, " rip="...)
	transport := " transport=local"
	if client.Addr.IsValid() {
		b = client.Addr.Addr().Unmap().WithZone("").AppendTo(b)
		transport = " transport=tcp"
	} else {
		b = append(b, "unix"...)
	}
	b = appendInt(b, " rport=", int64(client.Addr.Port()))
	b = append(b, transport...)
	if reason != "" {
		b = append(append(b, " reason="...), reason...)
	}
	return appendInt(b, " cfd=", int64(client.FD))
}

func appendSkipped(b []byte, n uint64) []byte {
	return append(strconv.AppendUint(append(b, "skipped="...), n, 10), '\n')
}
