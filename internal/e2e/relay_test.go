package e2e

import (
	"net"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"twincached/internal/testkit/rig"
)

// link is the network between two relayed nodes: whoever dials whom, it is cut,
// healed, delayed and counted as one.
type link struct {
	mu     sync.Mutex
	isCut  bool
	delay  time.Duration
	paused chan struct{} // not nil: nothing passes until it is closed
	muted  [2]bool       // towards a, towards b: what is sent is lost, and nobody is told
	perMS  int           // bytes that pass in a millisecond, in each direction of each connection; 0 any number
	cutAt  int64         // cut by itself once so many bytes have passed; 0 never
	conns  map[net.Conn]bool

	bytes [2]atomic.Int64 // passed: towards a, towards b
	cuts  atomic.Int64
}

const (
	toA = 0
	toB = 1
)

// newRelayedPair describes two nodes whose links pass through relays: ab is
// dialled by a and leads to b, ba the other way.
func newRelayedPair(t testing.TB, extra ...string) (a, b *rig.Node, link *link) {
	net := rig.NewNet(t)
	link = newLink(t, net)
	a = rig.NewNode(t, "a", net+".1", net+".12", extra...)
	b = rig.NewNode(t, "b", net+".2", net+".11", extra...)
	return a, b, link
}

// newLink listens on NET.12 for connections of a to b (NET.2), and on NET.11 for
// those of b to a (NET.1).
func newLink(t testing.TB, network string) *link {
	l := &link{conns: map[net.Conn]bool{}}
	l.listen(t, network+".12"+rig.ReplPort, network+".2"+rig.ReplPort, toB)
	l.listen(t, network+".11"+rig.ReplPort, network+".1"+rig.ReplPort, toA)
	t.Cleanup(l.cut)
	return l
}

func (l *link) listen(t testing.TB, at, target string, forward int) {
	ln, err := net.Listen("tcp", at)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { ln.Close() })
	go func() {
		for {
			c, err := ln.Accept()
			if err != nil {
				return
			}
			go l.connect(c, target, forward)
		}
	}()
}

func (l *link) connect(c net.Conn, target string, forward int) {
	defer c.Close()
	if !l.add(c) {
		return
	}
	defer l.remove(c)
	d, err := net.DialTimeout("tcp", target, time.Second)
	if err != nil {
		return
	}
	defer d.Close()
	if !l.add(d) {
		return
	}
	defer l.remove(d)
	var both sync.WaitGroup
	both.Go(func() { l.pass(d, c, forward) })
	both.Go(func() { l.pass(c, d, 1-forward) })
	both.Wait()
}

func (l *link) add(c net.Conn) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.isCut {
		return false
	}
	l.conns[c] = true
	return true
}

func (l *link) remove(c net.Conn) {
	l.mu.Lock()
	defer l.mu.Unlock()
	delete(l.conns, c)
}

type chunk struct {
	data []byte
	due  time.Time
}

// pass copies one direction; when it ends, so does the whole connection.
func (l *link) pass(dst, src net.Conn, direction int) {
	chunks := make(chan chunk, 1<<14) // what a long wire holds
	go func() {
		defer close(chunks)
		for {
			buf := make([]byte, 64<<10)
			n, err := src.Read(buf)
			if n > 0 {
				l.mu.Lock()
				due := time.Now().Add(l.delay)
				l.mu.Unlock()
				chunks <- chunk{buf[:n], due}
			}
			if err != nil {
				return
			}
		}
	}()
	for c := range chunks {
		l.hold()
		if l.isMuted(direction) {
			l.deaf(direction)
			break
		}
		if d := time.Until(c.due); d > 0 {
			<-time.After(d) // this is the wire's length, not a test that waits
		}
		if err := l.send(dst, c.data, direction); err != nil {
			break
		}
	}
	l.deaf(direction) // that a connection has ended is news as well
	dst.Close()
	l.deaf(1 - direction)
	src.Close()
	for range chunks { // let the reader end
	}
}

func (l *link) hold() {
	l.mu.Lock()
	p := l.paused
	l.mu.Unlock()
	if p != nil {
		<-p
	}
}

// send writes data, a packet or so at a time: on a wire that is thin the other side hears something all the while.
func (l *link) send(dst net.Conn, data []byte, direction int) error {
	for packet := range slices.Chunk(data, 4<<10) {
		l.crawl(len(packet))
		if _, err := dst.Write(packet); err != nil {
			return err
		}
		l.count(direction, len(packet))
	}
	return nil
}

// crawl takes as long as n bytes take.
func (l *link) crawl(n int) {
	l.mu.Lock()
	perMS := l.perMS
	l.mu.Unlock()
	if perMS > 0 {
		<-time.After(time.Duration(n) * time.Millisecond / time.Duration(perMS)) // this is the wire's width
	}
}

// slow lets at most that many bytes pass in a millisecond; 0 any number.
func (l *link) slow(perMS int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.perMS = perMS
}

// mute loses what is sent in one direction from now on, and tells nobody: no
// connection ends of it. Once it is over, those that lost something do.
func (l *link) mute(direction int, yes bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.muted[direction] = yes
}

func (l *link) isMuted(direction int) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.muted[direction]
}

// deaf waits until a direction is no longer muted, or the network is gone.
func (l *link) deaf(direction int) {
	for l.isMuted(direction) && !l.wasCut() {
		<-time.After(time.Millisecond)
	}
}

func (l *link) count(direction, n int) {
	l.bytes[direction].Add(int64(n))
	l.mu.Lock()
	over := l.cutAt != 0 && l.bytes[toA].Load()+l.bytes[toB].Load() >= l.cutAt
	if over {
		l.cutAt = 0
	}
	l.mu.Unlock()
	if over {
		l.cut()
	}
}

// cut ends every connection and lets none in.
func (l *link) cut() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.isCut = true
	l.cuts.Add(1)
	for c := range l.conns {
		c.Close()
	}
	l.releaseLocked()
}

// heal ends a cut.
func (l *link) heal() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.isCut = false
}

// cutAfter cuts once n more bytes have passed in both directions together.
func (l *link) cutAfter(n int64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.cutAt = l.total() + n
}

func (l *link) wasCut() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.isCut
}

// total returns the bytes that have passed.
func (l *link) total() int64 { return l.bytes[toA].Load() + l.bytes[toB].Load() }

// setDelay makes every byte take that long.
func (l *link) setDelay(d time.Duration) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.delay = d
}

// pause lets nothing pass, without closing anything: a blackhole.
func (l *link) pause() {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.paused == nil {
		l.paused = make(chan struct{})
	}
}

func (l *link) releaseLocked() {
	if l.paused != nil {
		close(l.paused)
		l.paused = nil
	}
}
