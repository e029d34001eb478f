package clients

import (
	"bytes"
	bin "encoding/binary"
	"fmt"
	"io"
	"net"
	"testing"
	"time"

	"twincached/internal/testkit"
	"twincached/internal/testkit/rig"
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
	servers []*rig.Node
	wire    peclWire
	between func() // called before it asks the next server
}

// peclWire is what it says in one of its protocols. Each call is one write.
type peclWire interface {
	// read counts the lock up, adds it, and gets the session.
	read(c *rig.Conn, session string) (count uint64, added bool, data string, hit bool)
	// store sets the session and a lock of 0; both must be stored.
	store(c *rig.Conn, session, data string)
	// destroy deletes the session and the lock, which need not be there.
	destroy(c *rig.Conn, session string)
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
func (s *peclSession) dial(n *rig.Node) *rig.Conn {
	if c, err := net.DialTimeout("tcp", n.Host+rig.ClientPort, testkit.Patience); err == nil {
		c.Close()
		return n.Dial()
	}
	return nil
}

// end is session_write_close.
func (s *peclSession) end(data string) {
	s.t.Helper()
	s.each(func(c *rig.Conn) { s.wire.store(c, s.name, data) })
}

// destroy is session_destroy.
func (s *peclSession) destroy() {
	s.t.Helper()
	s.each(func(c *rig.Conn) { s.wire.destroy(c, s.name) })
}

func (s *peclSession) each(do func(c *rig.Conn)) {
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

func (peclText) read(c *rig.Conn, session string) (count uint64, added bool, data string, hit bool) {
	c.T.Helper()
	c.Send("incr %s.lock 1\r\nadd %s.lock 768 %d 1\r\n1\r\nget %s\r\n", session, session, peclLockSeconds, session)
	if line := c.Line(); line != "NOT_FOUND" {
		if _, err := fmt.Sscan(line, &count); err != nil {
			c.T.Fatalf("reply to incr: %q", line)
		}
	}
	added = c.Line() == "STORED"
	for line := c.Line(); line != "END"; line = c.Line() {
		hit = true
		data = c.Line()
	}
	return count, added, data, hit
}

func (peclText) store(c *rig.Conn, session, data string) {
	c.T.Helper()
	expiry := time.Now().Unix() + 1440 // as a time, not as a number of seconds
	c.Send("set %s 0 %d %d\r\n%s\r\n", session, expiry, len(data), data)
	c.Send("set %s.lock 768 %d 1\r\n0\r\n", session, peclLockSeconds)
	for range 2 {
		if line := c.Line(); line != "STORED" {
			c.T.Fatalf("reply to set: %q", line)
		}
	}
}

func (peclText) destroy(c *rig.Conn, session string) {
	c.T.Helper()
	c.Send("delete %s\r\ndelete %s.lock\r\n", session, session)
	for range 2 {
		if line := c.Line(); line != "DELETED" && line != "NOT_FOUND" {
			c.T.Fatalf("reply to delete: %q", line)
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
func (peclBinary) reply(c *rig.Conn, op byte) (status uint16, body []byte) {
	c.T.Helper()
	head := make([]byte, 24)
	if _, err := io.ReadFull(c.R, head); err != nil || head[0] != 0x81 || head[1] != op {
		c.T.Fatalf("reply to op %d: %x, %v", op, head, err)
	}
	body = make([]byte, bin.BigEndian.Uint32(head[8:]))
	if _, err := io.ReadFull(c.R, body); err != nil {
		c.T.Fatal(err)
	}
	return bin.BigEndian.Uint16(head[6:]), body[head[4]:]
}

const (
	peclGet, peclSet, peclAdd, peclDelete, peclIncr = 0, 1, 2, 4, 5

	peclOK, peclNotFound, peclExists = 0, 1, 2
)

// read has the counting make the lock, at 1; the extension sends the add as well.
func (p peclBinary) read(c *rig.Conn, session string) (count uint64, added bool, data string, hit bool) {
	c.T.Helper()
	b := p.packet(nil, peclIncr, session+".lock", "", uint64(1), uint64(1), uint32(peclLockSeconds))
	b = p.packet(b, peclAdd, session+".lock", "1", uint32(768), uint32(peclLockSeconds))
	b = p.packet(b, peclGet, session, "")
	c.Send("%s", b)
	status, body := p.reply(c, peclIncr)
	if status != peclOK || len(body) != 8 {
		c.T.Fatalf("reply to incr: status %d, %q", status, body)
	}
	count = bin.BigEndian.Uint64(body)
	if status, body = p.reply(c, peclAdd); status != peclOK && status != peclExists {
		c.T.Fatalf("reply to add: status %d, %q", status, body)
	}
	added = status == peclOK
	if status, body = p.reply(c, peclGet); status != peclOK && status != peclNotFound {
		c.T.Fatalf("reply to get: status %d, %q", status, body)
	}
	if status == peclOK {
		return count, added, string(body), true
	}
	return count, added, "", false
}

func (p peclBinary) store(c *rig.Conn, session, data string) {
	c.T.Helper()
	expiry := uint32(time.Now().Unix() + 1440)
	b := p.packet(nil, peclSet, session, data, uint32(0), expiry)
	c.Send("%s", p.packet(b, peclSet, session+".lock", "0", uint32(768), uint32(peclLockSeconds)))
	for range 2 {
		if status, body := p.reply(c, peclSet); status != peclOK {
			c.T.Fatalf("reply to set: status %d, %q", status, body)
		}
	}
}

func (p peclBinary) destroy(c *rig.Conn, session string) {
	c.T.Helper()
	c.Send("%s", p.packet(p.packet(nil, peclDelete, session, ""), peclDelete, session+".lock", ""))
	for range 2 {
		if status, body := p.reply(c, peclDelete); status != peclOK && status != peclNotFound {
			c.T.Fatalf("reply to delete: status %d, %q", status, body)
		}
	}
}

// eachPeclWire runs a test in each protocol, and with each node as the first that
// a session's name leads to.
func eachPeclWire(t *testing.T, test func(s *peclSession, first, second *rig.Node), args ...string) {
	for name, wire := range map[string]peclWire{"text": peclText{}, "binary": peclBinary{}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			a, b := rig.NewPair(t, args...)
			rig.StartAll(a, b)
			for _, nodes := range [][]*rig.Node{{a, b}, {b, a}} {
				s := &peclSession{t: t, name: "first-is-" + nodes[0].Name, servers: nodes, wire: wire}
				s.between = s.passedOn(nodes[0], nodes[1])
				test(s, nodes[0], nodes[1])
			}
		})
	}
}

// passedOn returns a function that waits until all that was written on the one
// node has reached the other: some of the markers stand behind the lock in its
// partition's change list.
func (s *peclSession) passedOn(from, to *rig.Node) func() {
	round := 0
	return func() {
		s.t.Helper()
		if !from.Running() || !to.Running() {
			return
		}
		round++
		markers := rig.Keys(fmt.Sprintf("%s-marker%d-", s.name, round), 3000)
		from.Load(markers, func(int) string { return "x" })
		rig.WaitEqual(from, to, markers)
	}
}

func TestPeclSession_NeverWaitsForItsOwnLock(t *testing.T) {
	t.Parallel()
	eachPeclWire(t, func(s *peclSession, first, second *rig.Node) {
		s.want("new", "", "one")
		s.want("again", "one", "two")
		rig.WaitEqual(first, second, []string{s.name})

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
		rig.WaitEqual(first, second, []string{s.name})
		s.want("destroyed", "", "five")
		s.want("begun anew", "five", "six")
		rig.WaitEqual(first, second, []string{s.name})
	})
}

func TestPeclSession_WithOneNodeDeadAndBack(t *testing.T) {
	t.Parallel()
	eachPeclWire(t, func(s *peclSession, first, second *rig.Node) {
		for i, doomed := range []*rig.Node{first, second} {
			s.destroy()
			rig.WaitEqual(first, second, []string{s.name})
			s.want("new", "", "one")
			s.passedOn(first, second)()
			s.passedOn(second, first)()
			rig.WaitEqual(first, second, []string{s.name})
			when := fmt.Sprintf("node %d of 2 ", i+1)

			// The request that has the lock loses the node.
			if data, waits := s.begin(); data != "one" || waits != 0 {
				s.t.Errorf("%sis up: it has %q and waits for %d locks", when, data, waits)
			}
			doomed.Kill()
			s.end("two")
			s.want(when+"is dead", "two", "three")

			// And this one sees it come back.
			if data, waits := s.begin(); data != "three" || waits != 0 {
				s.t.Errorf("%sis dead: it has %q and waits for %d locks", when, data, waits)
			}
			doomed.Start()
			doomed.WaitServing()
			rig.WaitLinked(first, second)
			s.end("four")
			rig.WaitEqual(first, second, []string{s.name})
			s.want(when+"is back", "four", "five")
			rig.WaitEqual(first, second, []string{s.name})
			s.want(when+"stays", "five", "six")
			rig.WaitEqual(first, second, []string{s.name})
		}
	})
}

// What --local-keys is for: a lock that reaches the second node before the
// session does is waited for there.
func TestPeclSession_WaitsWithoutLocalKeys(t *testing.T) {
	t.Parallel()
	eachPeclWire(t, func(s *peclSession, _, _ *rig.Node) {
		if data, waits := s.begin(); data != "" || waits != 1 {
			s.t.Errorf("a new session has %q and waits for %d locks, want 1", data, waits)
		}
	}, "--local-keys", "")
}
