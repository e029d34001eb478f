package serve

import (
	"runtime"
	"testing"
	"time"
)

// TestProcessors_EachLoopBringsOne: else the goroutines of the rest of the process would wait for loops that wait for events.
func TestProcessors_EachLoopBringsOne(t *testing.T) {
	before := runtime.GOMAXPROCS(0)
	w := &world{t: t}
	cfg := w.config()
	cfg.Threads = 3
	s, err := Listen(cfg)
	if err != nil {
		t.Fatal(err)
	}
	if n := runtime.GOMAXPROCS(0); n != before+3 {
		t.Errorf("%d goroutines run at the same time, want %d", n, before+3)
	}
	s.Close()
	if n := runtime.GOMAXPROCS(0); n != before {
		t.Errorf("%d goroutines run at the same time after the end, want %d", n, before)
	}
}

// TestPoller_WaitsThroughBothParts: what happens while a poller waits for a moment, and while it is parked, ends the wait; and so
// does a wake-up that came before.
func TestPoller_WaitsThroughBothParts(t *testing.T) {
	p, err := newPoller(briefWait)
	if err != nil {
		t.Fatal(err)
	}
	defer p.close()
	for range 3 {
		p.wake()
		got := p.wait()
		for len(got) == 0 { // a signal of the runtime's
			got = p.wait()
		}
		if len(got) != 1 || got[0].Fd != wakeToken {
			t.Fatalf("%+v", got)
		}
	}
	poll, asked := p.poll, make(chan struct{}, 1)
	p.poll = func(fd uintptr) bool {
		found := poll(fd)
		if !found {
			select {
			case asked <- struct{}{}:
			default:
			}
		}
		return found
	}
	for range 20 {
		woken := make(chan struct{})
		go func() {
			defer close(woken)
			for len(p.park()) == 0 {
			}
		}()
		<-asked // it has found nothing: only an event that Go's poller hears of ends the wait
		p.wake()
		select {
		case <-woken:
		case <-time.After(patience):
			t.Fatal("a poller that is parked sleeps on")
		}
	}
}

// TestPoller_DoesNotParkWhereNobodyWouldWakeIt: the kernel may have no memory to watch what a poller waits for.
func TestPoller_DoesNotParkWhereNobodyWouldWakeIt(t *testing.T) {
	p, err := newPoller(briefWait)
	if err != nil {
		t.Fatal(err)
	}
	defer p.close()
	parkfd := p.parkfd
	p.parkfd = -1 // that cannot be watched with
	back := make(chan struct{})
	go func() {
		defer close(back)
		p.park()
	}()
	select {
	case <-back:
	case <-time.After(patience):
		p.file.Close() // ends it
		<-back
		t.Error("it sleeps where nothing wakes it")
	}
	p.parkfd = parkfd
}
