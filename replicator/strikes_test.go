package replicator

import (
	"context"
	"encoding/binary"
	"errors"
	"net"
	"net/netip"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"twincached/internal/wire"
	"twincached/store"
)

func from(i int) netip.Prefix {
	var b [4]byte
	binary.BigEndian.PutUint32(b[:], uint32(i))
	return netip.PrefixFrom(netip.AddrFrom4(b), 32)
}

func TestStrikes_DelayGrowsAndPasses(t *testing.T) {
	var s addressStrikes
	const start = int64(1_750_000_000_000)
	now := start
	fail := func(n int) time.Duration {
		for range n {
			s.failed(from(1), now)
		}
		d, _ := s.delay(from(1), now)
		return d
	}
	for _, step := range []struct {
		fails int
		want  time.Duration
	}{{0, 0}, {int(linkRules.Free), 0}, {1, linkRules.PerFailure}, {9, 10 * linkRules.PerFailure}, {1000, linkRules.MaxDelay}} {
		if got := fail(step.fails); got != step.want {
			t.Fatalf("after %d more failures: %v, want %v", step.fails, got, step.want)
		}
	}
	if d, _ := s.delay(from(2), now); d != 0 {
		t.Errorf("another address waits %v", d)
	}
	if _, foreign := s.delay(from(2), now); foreign {
		t.Error("the peer is not known, and this is not its address")
	}
	now += 1000
	if d := fail(0); d != linkRules.MaxDelay-time.Duration(linkRules.Calm)*linkRules.PerFailure {
		t.Errorf("a second later: %v", d)
	}
	now -= 5000 // a clock that went back forgives nothing and adds nothing
	if d := fail(0); d != linkRules.MaxDelay {
		t.Errorf("with a clock that went back: %v", d)
	}
	now = start + 10_000
	if d := fail(0); d != 0 {
		t.Errorf("ten calm seconds later: %v", d)
	}
	if d := fail(1000); d != linkRules.MaxDelay {
		t.Errorf("it failed again: %v", d)
	}
	s.proved(from(1))
	if d, foreign := s.delay(from(1), now); d != 0 || foreign {
		t.Errorf("after a proof: %v, foreign %v", d, foreign)
	}
	if _, foreign := s.delay(from(2), now); !foreign {
		t.Error("the peer is known, and this is not its address")
	}
}

// However many addresses fail, few are remembered, and the worst of them.
func TestStrikes_TableIsBounded(t *testing.T) {
	var s addressStrikes
	for range linkRules.Free + int64(linkRules.MaxDelay/linkRules.PerFailure) {
		s.failed(from(0), 1)
	}
	for i := range 100 * linkRules.Addresses {
		s.failed(from(i+1), 1)
	}
	if n := s.book.Len(); n != linkRules.Addresses {
		t.Errorf("%d addresses are remembered", n)
	}
	if d, _ := s.delay(from(0), 1); d != linkRules.MaxDelay {
		t.Errorf("the worst is forgotten: %v", d)
	}
}

type addrConn struct {
	net.Conn
	addr net.Addr
}

func (c addrConn) RemoteAddr() net.Addr { return c.addr }

func TestSourceOf_IsAMachine(t *testing.T) {
	for addr, want := range map[string]string{
		"10.1.2.3:4": "10.1.2.3/32", "[::ffff:10.1.2.3]:4": "10.1.2.3/32",
		"[2001:db8:1:2:3:4:5:6]:7": "2001:db8:1:2::/64", "[fe80::1%lo]:7": "fe80::/64",
	} {
		a := net.TCPAddrFromAddrPort(netip.MustParseAddrPort(addr))
		if got := sourceOf(addrConn{addr: a}).String(); got != want {
			t.Errorf("%s counts for %s, want %s", addr, got, want)
		}
	}
	if got := sourceOf(addrConn{addr: &net.UnixAddr{}}); got.IsValid() {
		t.Errorf("%v", got)
	}
}

func TestRoom_InTurnAndBounded(t *testing.T) {
	r := room{added: make(chan struct{}, 1)}
	start := time.Unix(1_750_000_000, 0)
	conns := make([]net.Conn, maxWaiting+1)
	for i := range conns {
		var far net.Conn
		conns[i], far = net.Pipe()
		defer far.Close()
	}
	for i, c := range conns[:maxWaiting] { // the later, the sooner
		if next := r.add(c, start.Add(time.Duration(-i)*time.Millisecond)); next != nil {
			t.Fatal("there was a place")
		}
	}
	if next := r.add(conns[maxWaiting], start.Add(time.Second)); next != conns[maxWaiting-1] || !r.full() {
		t.Error("the one that is due first goes on for one that comes")
	}
	if nc, wait := r.next(start.Add(-time.Second)); nc != nil || wait != time.Second-(maxWaiting-2)*time.Millisecond {
		t.Errorf("%v, %v", nc, wait)
	}
	for i := maxWaiting - 2; i >= 0; i-- {
		if nc, _ := r.next(start); nc != conns[i] {
			t.Fatalf("not in turn at %d", i)
		}
	}
	r.close()
	if _, err := conns[maxWaiting].Write([]byte("x")); err == nil {
		t.Error("a closed room leaves a connection open")
	}
	if next := r.add(conns[0], start); next != conns[0] {
		t.Error("a closed room keeps a connection")
	}
}

// pipes is a listener and its dialler, without a network: all that call have one
// address.
type pipes struct {
	calls chan net.Conn
	end   chan struct{}
	once  sync.Once
}

func newPipes() *pipes { return &pipes{calls: make(chan net.Conn), end: make(chan struct{})} }

func (p *pipes) Accept() (net.Conn, error) {
	select {
	case c := <-p.calls:
		return c, nil
	case <-p.end:
		return nil, net.ErrClosed
	}
}
func (p *pipes) Close() error   { p.once.Do(func() { close(p.end) }); return nil }
func (p *pipes) Addr() net.Addr { return &net.TCPAddr{} }

func (p *pipes) dial(ctx context.Context, _ string) (net.Conn, error) {
	near, far := net.Pipe()
	select {
	case p.calls <- far:
		return near, nil
	case <-p.end:
		return nil, errors.New("refused")
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// guess tries one wrong secret after the other, as fast as it is answered.
func guess(p *pipes, end <-chan struct{}, tried *atomic.Int64) {
	hello := wire.NewWriter()
	hello.Hello(&wire.Hello{ProtoMin: 1, ProtoMax: 1, Cluster: "test", NodeID: store.ID{9}, Inc: store.ID{9}, Partitions: store.Partitions})
	auth := wire.NewWriter()
	auth.Auth(&wire.Auth{})
	buf := make([]byte, 4096)
	for {
		c, err := p.dial(context.Background(), "")
		if err != nil {
			return
		}
		for _, flight := range [][]byte{hello.Bytes(), auth.Bytes()} {
			_ = c.SetDeadline(time.Now().Add(5 * time.Second))
			_, _ = c.Write(flight)
			if _, err := c.Read(buf); err == nil {
				continue
			}
		}
		tried.Add(1)
		_ = c.Close()
		select {
		case <-end:
			return
		case <-time.After(time.Millisecond):
		}
	}
}

// TestLink_GuessersAreSlowedAndThePeerIsNot: 32 that guess without pause from the
// peer's own address get their free failures and then few; the peer, which has not
// been seen before, links within seconds all the same, on a clock that does not
// depend on the machine.
func TestLink_GuessersAreSlowedAndThePeerIsNot(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPipes()
		a := startNode(t, 1, nil, "", func(c *Config) {
			c.Listener = p
		})
		const guessers, seconds = 32, 10
		var tried atomic.Int64
		end := make(chan struct{})
		var wg sync.WaitGroup
		for range guessers {
			wg.Go(func() { guess(p, end, &tried) })
		}
		time.Sleep(seconds * time.Second)
		most := linkRules.Free + 2*guessers*(1+seconds)
		n := tried.Load()
		if n < linkRules.Free || n > most {
			t.Errorf("%d guesses in %d s, at most %d were to be answered", n, seconds, most)
		}
		began := time.Now()
		b := startNode(t, 2, nil, "x:1", func(c *Config) {
			c.Resolve = func(context.Context, string) ([]string, error) { return []string{"x"}, nil }
			c.Dial = p.dial
		})
		for time.Since(began) < 10*time.Second && !b.linked() {
			time.Sleep(time.Millisecond)
		}
		took := time.Since(began)
		if took > 3*time.Second {
			t.Errorf("the peer waited %v", took)
		}
		t.Logf("%d guesses in %d s; the peer linked after %v", n, seconds, took)
		if a.refused("AUTH") == 0 || a.l.Stats().Delayed == 0 || !a.log.has("its connections wait") {
			t.Errorf("not counted or not said: %v", a.l.Stats().Refused)
		}
		if lines := a.log.count(); lines > 50 {
			t.Errorf("%d lines in the log", lines)
		}
		close(end)
		a.stop()
		b.stop()
		wg.Wait()
	})
}
