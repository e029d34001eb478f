package verify

import (
	"fmt"
	"sync"
	"testing"
	"time"

	"twincached/internal/inspect"
)

func TestRun_WhatIsUnderWayIsNoDifference(t *testing.T) {
	for _, lag := range []time.Duration{time.Millisecond, 100 * time.Millisecond, 1900 * time.Millisecond} {
		bubble(t, func(t *testing.T, p *pair) {
			now := time.Now().UnixMilli()
			onlyA, onlyB, newer := item("only a", "v", version(0)), item("only b", "v", version(1)), item("older", "w", version(3))
			p.a.put(onlyA)
			p.b.put(onlyB)
			p.a.put(item("older", "v", version(2)))
			p.b.put(newer)
			p.a.put(item("deleted", "v", version(4)))
			touch := item("touched", "v", version(5))
			touch.Expires = now + 10_000
			p.a.put(touch)
			touch.ExpVersion, touch.Expires = version(6), now+500_000
			p.b.put(touch)
			go func() {
				time.Sleep(lag)
				p.b.put(onlyA)
				p.a.put(onlyB)
				p.a.put(newer)
				p.a.do("delete deleted\r\n")
				p.a.put(touch)
			}()
			r := p.must(t)
			if !r.Agree(true) || r.Equal != 4 || r.Compared != 4 || r.Again != 5 {
				t.Errorf("lag %v: %v, %d again: %v", lag, &r, r.Again, p.found)
			}
		})
	}
}

// busy writes a key on A every 50 ms until stop is called; each write is on B lag
// later, if the link works.
func busy(p *pair, lag time.Duration, works bool) (stop func()) {
	quit := make(chan struct{})
	var all sync.WaitGroup
	all.Go(func() {
		for i := 0; ; i++ {
			select {
			case <-quit:
				return
			case <-time.After(50 * time.Millisecond):
			}
			r := item("busy", fmt.Sprint(i), version(0))
			p.a.put(r)
			if works {
				all.Go(func() {
					time.Sleep(lag)
					p.b.put(r)
				})
			}
		}
	})
	return func() {
		close(quit)
		all.Wait()
	}
}

func TestRun_KeyThatIsAlwaysWrittenIsInFlight(t *testing.T) {
	bubble(t, func(t *testing.T, p *pair) {
		p.both(item("busy", "", version(0)))
		defer busy(p, 60*time.Millisecond, true)()
		time.Sleep(time.Second)
		if r := p.must(t); r.InFlight != 1 || r.Compared != 1 || !r.Agree(true) {
			t.Errorf("%v: %v", &r, p.found)
		}
	})
}

// The link is dead, and A's clients go on: no look finds A standing still.
func TestRun_KeyThatNeverComesThroughDiffers(t *testing.T) {
	bubble(t, func(t *testing.T, p *pair) {
		p.both(item("busy", "", version(0)))
		defer busy(p, 0, false)()
		time.Sleep(time.Second)
		began := time.Now()
		if r := p.must(t); r.Differ != 1 || r.Compared != 1 || r.Agree(false) {
			t.Errorf("%v: %v", &r, p.found)
		}
		if took := time.Since(began); took > 4*time.Second {
			t.Errorf("certain after %v", took)
		}
	})
}

func TestRun_NoSettleTakesTheSecondLook(t *testing.T) {
	bubble(t, func(t *testing.T, p *pair) {
		p.opt.Settle = 0
		p.a.put(item("k", "v", version(0)))
		p.b.put(item("l", "v", version(0)))
		began := time.Now()
		if r := p.must(t); r.OnlyA != 1 || r.OnlyB != 1 || time.Since(began) > time.Second {
			t.Errorf("%v after %v", &r, time.Since(began))
		}
	})
}

// However long it is looked at: what only one node has is not in flight.
func TestRun_OneSidedKeyCountsAtTheFirstLookBehindSettle(t *testing.T) {
	for _, settle := range []time.Duration{0, 10 * time.Millisecond, time.Second, 2 * time.Second, time.Minute} {
		bubble(t, func(t *testing.T, p *pair) {
			p.opt.Settle = settle
			p.a.put(item("a only", "v", version(0)))
			brief := item("brief", "v", version(1))
			brief.Expires = time.Now().UnixMilli() + 1000*1000
			p.b.put(brief)
			began := time.Now()
			if r := p.must(t); r.OnlyA != 1 || r.OnlyB != 1 || r.Agree(false) {
				t.Errorf("settle %v: %v", settle, &r)
			}
			if took := time.Since(began); took > settle+2*maxPause {
				t.Errorf("settle %v: certain after %v", settle, took)
			}
		})
	}
}

// An expiry runs down between two looks, and that is not a touch.
func TestLike_ExpiryRunsDown(t *testing.T) {
	old := inspect.Look{Present: true, Version: 5, Expires: 100}
	for _, c := range []struct {
		now  inspect.Look
		want bool
	}{
		{inspect.Look{Present: true, Version: 5, Expires: 90}, true},
		{inspect.Look{Present: true, Version: 5, Expires: 91}, true},
		{inspect.Look{Present: true, Version: 5, Expires: 100}, false},
		{inspect.Look{Present: true, Version: 5, Expires: 80}, false},
		{inspect.Look{Present: true, Version: 5, Expires: -1}, false},
		{inspect.Look{Present: true, Version: 6, Expires: 90}, false},
		{inspect.Look{Present: true, Version: 5, Expires: 90, Stale: true}, false},
		{inspect.Look{}, false},
	} {
		if got := like(&c.now, &old, 10*time.Second); got != c.want {
			t.Errorf("%+v: %v", c.now, got)
		}
	}
	if gone := (inspect.Look{}); !like(&gone, &inspect.Look{}, 10*time.Second) || like(&old, &gone, 10*time.Second) {
		t.Error("a key that is not there, and has not been there")
	}
}
