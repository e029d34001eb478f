package e2e

import (
	"bytes"
	bin "encoding/binary"
	"fmt"
	"io"
	"net"
	"testing"
	"time"

	"twincached/internal/testkit"
)

// peclSession plays the session handler of pecl-memcache 8.2, which is newer than
// Debian 12's: from the servers in the order that a session's name gives them,
// it reads the first one that has the session, and locks each one it asks;
// it stores and destroys on all of them, and passes over those that are down. It
// holds a lock that it has counted to 1 or added; where it has neither, it comes
// back, with pauses, for twice memcache.lock_timeout.
type peclSession struct {
	t       *testing.T
	name    string
	servers []*node
	wire    peclWire
	between func() // called before it asks the next server
}

// peclWire is what it says in one of its protocols. Each call is one write.
type peclWire interface {
	// read counts the lock up, adds it, and gets the session.
	read(c *conn, session string) (count uint64, added bool, data string, hit bool)
	// store sets the session and a lock of 0; both must be stored.
	store(c *conn, session, data string)
	// destroy deletes the session and the lock, which need not be there.
	destroy(c *conn, session string)
}

const peclLockSeconds = 15 // memcache.lock_timeout

// begin is session_start: the data, and on how many servers the lock was not to
// be had. On each of those the extension would wait.
func (s *peclSession) begin() (data string, waits int) {
	s.t.Helper()
	asked := 0
	for _, n := range s.servers {
		if asked > 0 && s.between != nil {
			s.between()
		}
		c := s.dial(n)
		if c == nil {
			continue
		}
		asked++
		count, added, data, hit := s.wire.read(c, s.name)
		c.Close()
		if count != 1 && !added {
			waits++
		}
		if hit {
			return data, waits
		}
	}
	if asked == 0 {
		s.t.Fatal("no server answers")
	}
	return "", waits
}

// dial returns nil where the server is down.
func (s *peclSession) dial(n *node) *conn {
	if c, err := net.DialTimeout("tcp", n.host+clientPort, testkit.Patience); err == nil {
		c.Close()
		return n.dial()
	}
	return nil
}

// end is session_write_close.
func (s *peclSession) end(data string) {
	s.t.Helper()
	s.each(func(c *conn) { s.wire.store(c, s.name, data) })
}

// destroy is session_destroy.
func (s *peclSession) destroy() {
	s.t.Helper()
	s.each(func(c *conn) { s.wire.destroy(c, s.name) })
}

func (s *peclSession) each(do func(c *conn)) {
	s.t.Helper()
	for _, n := range s.servers {
		if c := s.dial(n); c != nil {
			do(c)
			c.Close()
		}
	}
}

// want begins, wants the data at once, and ends with other data.
func (s *peclSession) want(when, data, next string) {
	s.t.Helper()
	got, waits := s.begin()
	if got != data || waits > 0 {
		s.t.Errorf("%s: session %s has %q, want %q, and waits for %d locks", when, s.name, got, data, waits)
	}
	s.end(next)
}

type peclText struct{}

func (peclText) read(c *conn, session string) (count uint64, added bool, data string, hit bool) {
	c.t.Helper()
	c.send("incr %s.lock 1\r\nadd %s.lock 768 %d 1\r\n1\r\nget %s\r\n", session, session, peclLockSeconds, session)
	if line := c.line(); line != "NOT_FOUND" {
		if _, err := fmt.Sscan(line, &count); err != nil {
			c.t.Fatalf("reply to incr: %q", line)
		}
	}
	added = c.line() == "STORED"
	for line := c.line(); line != "END"; line = c.line() {
		hit = true
		data = c.line()
	}
	return count, added, data, hit
}

func (peclText) store(c *conn, session, data string) {
	c.t.Helper()
	expiry := time.Now().Unix() + 1440 // as a time, not as a number of seconds
	c.send("set %s 0 %d %d\r\n%s\r\n", session, expiry, len(data), data)
	c.send("set %s.lock 768 %d 1\r\n0\r\n", session, peclLockSeconds)
	for range 2 {
		if line := c.line(); line != "STORED" {
			c.t.Fatalf("reply to set: %q", line)
		}
	}
}

func (peclText) destroy(c *conn, session string) {
	c.t.Helper()
	c.send("delete %s\r\ndelete %s.lock\r\n", session, session)
	for range 2 {
		if line := c.line(); line != "DELETED" && line != "NOT_FOUND" {
			c.t.Fatalf("reply to delete: %q", line)
		}
	}
}

type peclBinary struct{}

// packet appends a request; its extras are numbers.
func (peclBinary) packet(b []byte, op byte, key, value string, extras ...any) []byte {
	var x bytes.Buffer
	for _, e := range extras {
		_ = bin.Write(&x, bin.BigEndian, e) // to memory
	}
	b = append(b, 0x80, op)
	b = bin.BigEndian.AppendUint16(b, uint16(len(key)))
	b = append(b, byte(x.Len()), 0, 0, 0)
	b = bin.BigEndian.AppendUint32(b, uint32(x.Len()+len(key)+len(value)))
	b = append(b, make([]byte, 12)...) // opaque and cas
	return append(append(append(b, x.Bytes()...), key...), value...)
}

// reply reads a response: its status, and its body without the extras.
func (peclBinary) reply(c *conn, op byte) (status uint16, body []byte) {
	c.t.Helper()
	head := make([]byte, 24)
	if _, err := io.ReadFull(c.r, head); err != nil || head[0] != 0x81 || head[1] != op {
		c.t.Fatalf("reply to op %d: %x, %v", op, head, err)
	}
	body = make([]byte, bin.BigEndian.Uint32(head[8:]))
	if _, err := io.ReadFull(c.r, body); err != nil {
		c.t.Fatal(err)
	}
	return bin.BigEndian.Uint16(head[6:]), body[head[4]:]
}

const (
	peclGet, peclSet, peclAdd, peclDelete, peclIncr = 0, 1, 2, 4, 5

	peclOK, peclNotFound, peclExists = 0, 1, 2
)

// read has the counting make the lock, at 1; the extension sends the add as well.
func (p peclBinary) read(c *conn, session string) (count uint64, added bool, data string, hit bool) {
	c.t.Helper()
	b := p.packet(nil, peclIncr, session+".lock", "", uint64(1), uint64(1), uint32(peclLockSeconds))
	b = p.packet(b, peclAdd, session+".lock", "1", uint32(768), uint32(peclLockSeconds))
	b = p.packet(b, peclGet, session, "")
	c.send("%s", b)
	status, body := p.reply(c, peclIncr)
	if status != peclOK || len(body) != 8 {
		c.t.Fatalf("reply to incr: status %d, %q", status, body)
	}
	count = bin.BigEndian.Uint64(body)
	if status, body = p.reply(c, peclAdd); status != peclOK && status != peclExists {
		c.t.Fatalf("reply to add: status %d, %q", status, body)
	}
	added = status == peclOK
	if status, body = p.reply(c, peclGet); status != peclOK && status != peclNotFound {
		c.t.Fatalf("reply to get: status %d, %q", status, body)
	}
	if status == peclOK {
		return count, added, string(body), true
	}
	return count, added, "", false
}

func (p peclBinary) store(c *conn, session, data string) {
	c.t.Helper()
	expiry := uint32(time.Now().Unix() + 1440)
	b := p.packet(nil, peclSet, session, data, uint32(0), expiry)
	c.send("%s", p.packet(b, peclSet, session+".lock", "0", uint32(768), uint32(peclLockSeconds)))
	for range 2 {
		if status, body := p.reply(c, peclSet); status != peclOK {
			c.t.Fatalf("reply to set: status %d, %q", status, body)
		}
	}
}

func (p peclBinary) destroy(c *conn, session string) {
	c.t.Helper()
	c.send("%s", p.packet(p.packet(nil, peclDelete, session, ""), peclDelete, session+".lock", ""))
	for range 2 {
		if status, body := p.reply(c, peclDelete); status != peclOK && status != peclNotFound {
			c.t.Fatalf("reply to delete: status %d, %q", status, body)
		}
	}
}

// eachPeclWire runs a test in each protocol, and with each node as the first that
// a session's name leads to.
func eachPeclWire(t *testing.T, test func(s *peclSession, first, second *node), args ...string) {
	for name, wire := range map[string]peclWire{"text": peclText{}, "binary": peclBinary{}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			a, b := newPair(t, args...)
			startAll(a, b)
			for _, nodes := range [][]*node{{a, b}, {b, a}} {
				s := &peclSession{t: t, name: "first-is-" + nodes[0].name, servers: nodes, wire: wire}
				s.between = s.passedOn(nodes[0], nodes[1])
				test(s, nodes[0], nodes[1])
			}
		})
	}
}

// passedOn returns a function that waits until all that was written on the one
// node has reached the other: some of the markers stand behind the lock in its
// partition's change list.
func (s *peclSession) passedOn(from, to *node) func() {
	round := 0
	return func() {
		s.t.Helper()
		if !from.running() || !to.running() {
			return
		}
		round++
		markers := keys(fmt.Sprintf("%s-marker%d-", s.name, round), 3000)
		from.load(markers, func(int) string { return "x" })
		waitEqual(from, to, markers)
	}
}

func TestPeclSession_NeverWaitsForItsOwnLock(t *testing.T) {
	t.Parallel()
	eachPeclWire(t, func(s *peclSession, first, second *node) {
		s.want("new", "", "one")
		s.want("again", "one", "two")
		waitEqual(first, second, []string{s.name})

		// Under way, it is locked, for those who come by the other order as well.
		if data, waits := s.begin(); data != "two" || waits != 0 {
			s.t.Errorf("it has %q and waits for %d locks", data, waits)
		}
		if _, waits := s.begin(); waits != 1 {
			s.t.Errorf("a second request waits for %d locks, want 1", waits)
		}
		s.end("three")
		s.want("after it was waited for", "three", "four")

		s.destroy()
		waitEqual(first, second, []string{s.name})
		s.want("destroyed", "", "five")
		s.want("begun anew", "five", "six")
		waitEqual(first, second, []string{s.name})
	})
}

func TestPeclSession_WithOneNodeDeadAndBack(t *testing.T) {
	t.Parallel()
	eachPeclWire(t, func(s *peclSession, first, second *node) {
		for i, doomed := range []*node{first, second} {
			s.destroy()
			waitEqual(first, second, []string{s.name})
			s.want("new", "", "one")
			s.passedOn(first, second)()
			s.passedOn(second, first)()
			waitEqual(first, second, []string{s.name})
			when := fmt.Sprintf("node %d of 2 ", i+1)

			// The request that has the lock loses the node.
			if data, waits := s.begin(); data != "one" || waits != 0 {
				s.t.Errorf("%sis up: it has %q and waits for %d locks", when, data, waits)
			}
			doomed.kill()
			s.end("two")
			s.want(when+"is dead", "two", "three")

			// And this one sees it come back.
			if data, waits := s.begin(); data != "three" || waits != 0 {
				s.t.Errorf("%sis dead: it has %q and waits for %d locks", when, data, waits)
			}
			doomed.start()
			doomed.waitServing()
			waitLinked(first, second)
			s.end("four")
			waitEqual(first, second, []string{s.name})
			s.want(when+"is back", "four", "five")
			waitEqual(first, second, []string{s.name})
			s.want(when+"stays", "five", "six")
			waitEqual(first, second, []string{s.name})
		}
	})
}

// What --local-keys is for: a lock that reaches the second node before the
// session does is waited for there.
func TestPeclSession_WaitsWithoutLocalKeys(t *testing.T) {
	t.Parallel()
	eachPeclWire(t, func(s *peclSession, _, _ *node) {
		if data, waits := s.begin(); data != "" || waits != 1 {
			s.t.Errorf("a new session has %q and waits for %d locks, want 1", data, waits)
		}
	}, "--local-keys", "")
}
