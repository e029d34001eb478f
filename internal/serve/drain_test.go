package serve

import (
	"errors"
	"fmt"
	"io"
	"net"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"twincached/internal/testkit"
	"twincached/memproto"
)

func TestDrain_EveryAcknowledgedRequestWasExecutedOnce(t *testing.T) {
	engines(t, nil, func(t *testing.T, w *world) {
		const conns, depth = 20, 50
		var acknowledged, torn atomic.Int64
		var started, ended sync.WaitGroup
		var replies sync.Map
		started.Add(conns)
		for range conns {
			c := w.dial()
			batch := strings.Repeat("count\r\n", depth)
			ended.Go(func() {
				for first := true; ; first = false {
					_, sendErr := io.WriteString(c, batch)
					for range depth {
						line, err := c.r.ReadString('\n')
						if err != nil {
							if line != "" {
								torn.Add(1)
							}
							if err != io.EOF {
								torn.Add(1 << 20)
							}
							return
						}
						acknowledged.Add(1)
						if _, twice := replies.LoadOrStore(line, true); twice {
							torn.Add(1 << 10)
						}
					}
					if first {
						started.Done()
					}
					if sendErr != nil {
						return
					}
				}
			})
		}
		started.Wait()
		if cut := w.s.Drain(patience); cut != 0 {
			t.Errorf("%d conns were cut", cut)
		}
		ended.Wait()
		// Everything executed was answered, and everything answered was executed: the clients read on until FIN.
		if a, e := acknowledged.Load(), w.counter.Load(); a != e || torn.Load() != 0 {
			t.Errorf("acknowledged %d, executed %d, torn %#x", a, e, torn.Load())
		}
		if st := w.s.Stats(); st.CurrConns != 0 {
			t.Errorf("%+v", st)
		}
		if nc, err := net.Dial("tcp", w.s.Addrs()[0].String()); err == nil {
			nc.Close()
			t.Error("the port is still open")
		}
	})
}

// gated holds the loop in Process until told, so that what arrives meanwhile is certainly waiting in the socket.
type gated struct {
	toy
	inside chan struct{}
	pass   chan struct{}
}

func (g *gated) Process(nowMillis int64, in, out []byte) memproto.Result {
	if strings.HasPrefix(string(in), "hold\r\n") {
		g.inside <- struct{}{}
		<-g.pass
		r := g.toy.Process(nowMillis, in[6:], out)
		r.N += 6
		return r
	}
	return g.toy.Process(nowMillis, in, out)
}

// held runs f on all engines with one loop, whose conns are gated: "hold" sends to inside, and waits for pass.
func held(t *testing.T, f func(t *testing.T, w *world, inside <-chan struct{}, pass chan<- struct{})) {
	inside, pass := make(chan struct{}), make(chan struct{})
	engines(t, func(c *Config) {
		c.Threads = 1
		make := c.NewConn
		c.NewConn = func(*memproto.Scratch) Handler { return &gated{*make(nil).(*toy), inside, pass} }
	}, func(t *testing.T, w *world) { f(t, w, inside, pass) })
}

func TestDrain_AnswersWhatHasArrivedAndNothingHalf(t *testing.T) {
	held(t, func(t *testing.T, w *world, inside <-chan struct{}, pass chan<- struct{}) {
		holder := w.dial()
		holder.send("hold\r\n")
		<-inside
		const n = 8_000 // less than the smallest receive window, so that all of it arrives while the loop is held
		whole, half, late := w.dial(), w.dial(), w.dial()
		whole.send(strings.Repeat("count\r\n", n))
		half.send("count\r\nset 10\r\n01234")
		holder.send("count\r\n")
		late.send("echo accepted\r\n")
		drained := make(chan int)
		go func() { drained <- w.s.Drain(patience) }()
		testkit.Eventually(t, "the listener is closed", func() bool { return !w.s.Stats().Accepting })
		pass <- struct{}{}
		for _, c := range []*client{half, holder} {
			if _, err := c.r.ReadString('\n'); err != nil {
				t.Error(err)
			}
			c.wantEnd()
			c.Close()
		}
		late.want("accepted")
		late.wantEnd()
		got, err := io.ReadAll(whole.r)
		if lines := strings.Count(string(got), "\n"); err != nil || lines != n {
			t.Errorf("%d of %d replies, %v", lines, n, err)
		}
		if cut := <-drained; cut != 0 {
			t.Errorf("%d conns were cut", cut)
		}
		if e := w.counter.Load(); e != n+2 {
			t.Errorf("%d executed", e)
		}
	})
}

// TestDrain_WhatArrivedInTimeIsAnsweredHoweverLate: a conn that is busy when the drain begins, for
// longer than any reads on, still answers all that had arrived.
func TestDrain_WhatArrivedInTimeIsAnsweredHoweverLate(t *testing.T) {
	held(t, func(t *testing.T, w *world, inside <-chan struct{}, pass chan<- struct{}) {
		const n = 8_000
		c := w.dial()
		c.send("hold\r\n")
		<-inside
		c.send(strings.Repeat("count\r\n", n))
		go w.s.Drain(patience)
		testkit.Eventually(t, "the listener is closed", func() bool { return !w.s.Stats().Accepting })
		if p, ok := w.s.eng.(*portable); ok {
			p.mu.Lock()
			for c := range p.open {
				_ = c.nc.SetReadDeadline(atOnce) // portableDrainRead is over
			}
			p.mu.Unlock()
		}
		pass <- struct{}{}
		got, err := io.ReadAll(c.r)
		if lines := strings.Count(string(got), "\n"); err != nil || lines != n {
			t.Errorf("%d of %d replies, %v", lines, n, err)
		}
	})
}

func TestDrain_InputThatCrossesTheFINDoesNotResetTheConn(t *testing.T) {
	held(t, func(t *testing.T, w *world, inside <-chan struct{}, pass chan<- struct{}) {
		c := w.dial()
		c.send("hold\r\n")
		<-inside
		c.send("hold\r\necho fine\r\n")
		drained := make(chan struct{})
		go func() { w.s.Drain(patience); close(drained) }()
		testkit.Eventually(t, "the listener is closed", func() bool { return !w.s.Stats().Accepting })
		pass <- struct{}{}
		<-inside // by now the drain has noted what had arrived
		c.send("echo late\r\n")
		pass <- struct{}{}
		c.want("fine")
		if rest, err := io.ReadAll(c.r); err != nil || len(rest) != 0 && string(rest) != "late\r\n" {
			t.Errorf("got %q, %v", rest, err)
		}
		c.Close()
		<-drained
	})
}

func TestDrain_SlowReaderGetsItsRepliesAndDeafOneIsCut(t *testing.T) {
	engines(t, nil, func(t *testing.T, w *world) {
		const size = 16 << 20
		slow := w.dial()
		slow.send(fmt.Sprintf("big %d\r\necho end\r\n", size))
		if _, err := slow.r.ReadByte(); err != nil {
			t.Fatal(err)
		}
		drained := make(chan int)
		go func() { drained <- w.s.Drain(patience) }()
		testkit.Eventually(t, "the listener is closed", func() bool { return !w.s.Stats().Accepting })
		if n, err := io.CopyN(io.Discard, slow.r, size-1); err != nil {
			t.Fatal(n, err)
		}
		slow.want("end")
		slow.wantEnd()
		if cut := <-drained; cut != 0 {
			t.Errorf("%d conns were cut", cut)
		}
	})
	engines(t, nil, func(t *testing.T, w *world) {
		deaf := w.dial()
		deaf.send(fmt.Sprintf("big %d\r\n", 1<<30))
		testkit.Eventually(t, "it does not read", func() bool {
			infos := w.s.Conns()
			return len(infos) == 1 && infos[0].State == "conn_mwrite"
		})
		if cut := w.s.Drain(100 * time.Millisecond); cut != 1 {
			t.Errorf("%d conns were cut", cut)
		}
	})
}

func TestDrain_ClientThatKeepsSendingDoesNotHoldItAndSeesFIN(t *testing.T) {
	engines(t, nil, func(t *testing.T, w *world) {
		c := w.dial()
		var sender sync.WaitGroup
		sender.Go(func() { _, _ = io.Copy(c, endless{}) })
		testkit.Eventually(t, "it sends", func() bool {
			_, _ = c.r.Discard(c.r.Buffered() + 1)
			return w.s.Stats().BytesRead > 1<<20
		})
		readToEnd := make(chan error, 1)
		go func() {
			_, err := io.Copy(io.Discard, c.r)
			readToEnd <- err // nil stands for FIN; RST is an error
			_ = c.CloseWrite()
		}()
		w.s.Drain(patience)
		if w.s.Stats().CurrConns != 0 {
			t.Error("the conn is still there")
		}
		// TLS needs room for its last word, and waits lingerTime for it.
		if err := <-readToEnd; err != nil && !(w.secure && errors.Is(err, io.ErrUnexpectedEOF)) {
			t.Error(err)
		}
		sender.Wait()
	})
}

func TestDrain_CloseCutsItShort(t *testing.T) {
	engines(t, nil, func(t *testing.T, w *world) {
		deaf := w.dial()
		deaf.send(fmt.Sprintf("big %d\r\n", 1<<30))
		testkit.Eventually(t, "it does not read", func() bool { return len(w.s.Conns()) == 1 && w.s.Conns()[0].State == "conn_mwrite" })
		drained := make(chan struct{})
		go func() { w.s.Drain(time.Hour); close(drained) }()
		testkit.Eventually(t, "the drain began", func() bool { return !w.s.Stats().Accepting })
		w.s.Close()
		<-drained
	})
}

func TestDrain_IdleConnsGetFIN(t *testing.T) {
	engines(t, nil, func(t *testing.T, w *world) {
		var idle []*client
		for i := range 50 {
			c := w.dial()
			c.send("echo " + strconv.Itoa(i) + "\r\n")
			c.want(strconv.Itoa(i))
			idle = append(idle, c)
		}
		w.s.Drain(patience)
		for _, c := range idle {
			c.wantEnd()
		}
	})
}
