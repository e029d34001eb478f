package serve

import (
	"log/slog"
	"net"
	"sync"
	"testing"
)

// TestCharge_EachMakesRoomForAll: one large reply closes as many small waiters as it takes to stay within the bound.
func TestCharge_EachMakesRoomForAll(t *testing.T) {
	const small, large = busyReadBytes + 1, 6 * busyReadBytes
	p := &portable{s: &Server{share: large, cfg: Config{Now: func() int64 { return 1 }, Log: slog.New(slog.DiscardHandler)}}, open: map[*goConn]struct{}{}}
	waiter := func(waits int64) *goConn {
		near, far := net.Pipe()
		t.Cleanup(func() { near.Close(); far.Close() })
		c := &goConn{p: p, nc: near}
		c.waits.Store(waits)
		p.open[c] = struct{}{}
		return c
	}
	oldest := waiter(0)
	oldest.charge(small)
	for i := range int64(4) {
		waiter(1 + i).charge(small)
	}
	if n := p.s.count.shed.Load(); n != 0 {
		t.Fatalf("%d are closed within the bound", n)
	}
	waiter(9).charge(large)
	if held, shed := p.held.Load(), p.s.count.shed.Load(); held > large || shed != 5 {
		t.Errorf("%d bytes are held, %d at most; %d conns are closed", held, large, shed)
	}
	oldest.charge(small) // it ends, with its buffers still there
	if held, shed := p.held.Load(), p.s.count.shed.Load(); held != large || shed != 5 {
		t.Errorf("%d bytes are held, and %d conns closed, after one that was closed has said what it has", held, shed)
	}
	waiter(10).charge(2 * large) // more than there is: nobody is left to make room, and it goes on
	if held, shed := p.held.Load(), p.s.count.shed.Load(); held != 2*large || shed != 6 {
		t.Errorf("%d bytes are held; %d conns are closed", held, shed)
	}
}

// TestCharge_ManyAtOnceCloseNoMoreThanNeeded: conns that ask for room in the same moment do not each close another one.
func TestCharge_ManyAtOnceCloseNoMoreThanNeeded(t *testing.T) {
	const size, room, asking = busyReadBytes + 1, 8, 8
	for range 200 {
		p := &portable{s: &Server{share: room * size, cfg: Config{Now: func() int64 { return 1 }, Log: slog.New(slog.DiscardHandler)}}, open: map[*goConn]struct{}{}}
		var all []*goConn
		for range room + asking {
			near, far := net.Pipe()
			defer far.Close()
			c := &goConn{p: p, nc: near}
			p.open[c] = struct{}{}
			all = append(all, c)
		}
		for _, c := range all[:room] {
			c.charge(size)
		}
		var ready, asked sync.WaitGroup
		ready.Add(1)
		for _, c := range all[room:] {
			asked.Go(func() {
				ready.Wait()
				c.charge(size)
			})
		}
		ready.Done()
		asked.Wait()
		if held, shed := p.held.Load(), p.s.count.shed.Load(); held != room*size || shed != asking {
			t.Fatalf("%d bytes are held, %d fit; %d conns are closed for %d", held, room*size, shed, asking)
		}
	}
}

// TestHold_EachSpanHasToShowSomething: what moved before counts for nothing, neither for nor against.
func TestHold_EachSpanHasToShowSomething(t *testing.T) {
	const begin, span, enough = int64(1000), int64(10_000), 10 * staleRate
	h := hold{since: begin, moved: enough - 1}
	if h.stale(begin + span - 1) {
		t.Error("before ten seconds")
	}
	if !h.stale(begin + span) {
		t.Error("too little in ten seconds")
	}
	if h.moved++; h.stale(begin + span) {
		t.Error("enough in ten seconds")
	}
	h.moved += enough - 1
	if h.stale(begin+2*span-1) || !h.stale(begin+2*span) {
		t.Error("too little in the ten seconds after")
	}
	if h.moved++; h.stale(begin + 2*span) {
		t.Error("enough in both")
	}
	h = hold{since: begin, moved: 100 * enough}
	if h.stale(begin+span) || !h.stale(begin+2*span) {
		t.Error("much in ten seconds, and nothing in the next")
	}
}

// TestHold_BeginsOnce: each piece of a value is not another beginning, or a slow client would begin for ever.
func TestHold_BeginsOnce(t *testing.T) {
	now := int64(1)
	c := &goConn{p: &portable{s: &Server{cfg: Config{Now: func() int64 { return now }}}}}
	for ; now < 9; now++ {
		if c.holding(true); c.hold.since != 1 {
			t.Fatalf("it has begun at %d", c.hold.since)
		}
	}
	c.holding(false)
	if c.holding(true); c.hold.since != now {
		t.Errorf("another value has begun at %d", c.hold.since)
	}
}

// TestCharge_WhoWaitsLongestMakesRoom, and nobody else.
func TestCharge_WhoWaitsLongestMakesRoom(t *testing.T) {
	const size = busyReadBytes + 1
	p := &portable{s: &Server{share: 3 * size, cfg: Config{Now: func() int64 { return 1 }, Log: slog.New(slog.DiscardHandler)}}, open: map[*goConn]struct{}{}}
	var all []*goConn
	for _, waits := range []int64{1, 3, 2, 4, 0} { // the last one asks
		near, far := net.Pipe()
		t.Cleanup(func() { near.Close(); far.Close() })
		c := &goConn{p: p, nc: near}
		c.waits.Store(waits)
		p.open[c] = struct{}{}
		all = append(all, c)
	}
	for i, closed := range []int{-1, -1, -1, 0, 2} {
		if all[i].charge(size); closed >= 0 && !all[closed].shed {
			t.Errorf("conn %d asks, and conn %d is not closed", i, closed)
		}
	}
	if n := p.s.count.shed.Load(); n != 2 {
		t.Errorf("%d are closed", n)
	}
}
