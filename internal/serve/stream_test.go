package serve

import (
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"
	"time"

	"twincached/internal/testkit"
	"twincached/memproto"
)

// watchWorld is engines whose conns are watched as real ones: they know no item, but conns that come and go.
func watchWorld(t *testing.T, change func(*Config), f func(t *testing.T, w *world, p *memproto.Server)) {
	var p *memproto.Server
	engines(t, func(c *Config) {
		p = &memproto.Server{Store: emptyStore(t)}
		now := c.Now
		c.NewConn = func(s *memproto.Scratch) Handler { return memproto.NewConnWith(p, s) }
		if change != nil {
			change(c)
		}
		if c.Now == nil {
			c.Now = now
		}
	}, func(t *testing.T, w *world) { f(t, w, p) })
}

func (w *world) watch(classes string) *client {
	w.t.Helper()
	c := w.dial()
	c.send("watch " + classes + "\r\n")
	c.want("OK")
	return c
}

// line is the next line of a watcher, behind its time and number.
func (c *client) line() string {
	c.t.Helper()
	s, err := c.r.ReadString('\n')
	if err != nil {
		c.t.Fatal(err)
	}
	_, rest, _ := strings.Cut(s, "gid=")
	_, rest, _ = strings.Cut(rest, " ")
	return strings.TrimSuffix(rest, "\n")
}

// fd is the descriptor of the only conn in a state.
func (w *world) fd(state string) int {
	w.t.Helper()
	fd := -1
	testkit.Eventually(w.t, "there is one conn in state "+state, func() bool {
		n := 0
		for _, info := range w.s.Conns() {
			if info.State == state {
				fd = info.FD
				n++
			}
		}
		return n == 1
	})
	return fd
}

func TestStream_TellsOfConnsAsTheyComeAndGo(t *testing.T) {
	watchWorld(t, nil, func(t *testing.T, w *world, p *memproto.Server) {
		watcher := w.watch("connevents")
		event := func(c *client, fd int, kind, reason string) string {
			host, port, _ := strings.Cut(c.LocalAddr().String(), ":")
			return fmt.Sprintf("type=%s rip=%s rport=%s transport=tcp%s cfd=%d", kind, host, port, reason, fd)
		}
		for _, end := range []string{"quit", "FIN", "HTTP"} {
			c := w.dial()
			c.send("version\r\n")
			c.want("VERSION ")
			fd := w.fd("conn_read")
			if got, want := watcher.line(), event(c, fd, "conn_new", ""); got != want {
				t.Fatalf("%q; want %q", got, want)
			}
			reason := " reason=normal"
			switch end {
			case "quit":
				c.send("quit\r\n")
			case "FIN":
				c.Close()
			case "HTTP":
				c.send("POST / HTTP/1.1\r\n")
				reason = " reason=error"
			}
			if got, want := watcher.line(), event(c, fd, "conn_close", reason); got != want {
				t.Fatalf("%q; want %q", got, want)
			}
		}
	})
}

func TestStream_IsAConnUntilItsClientGoes(t *testing.T) {
	watchWorld(t, nil, func(t *testing.T, w *world, p *memproto.Server) {
		for _, gone := range []func(c *client){
			func(c *client) { c.Close() },
			func(c *client) { c.CloseWrite() },
		} {
			c := w.dial()
			c.send("version\r\n")
			c.want("VERSION ")
			fd := w.fd("conn_read")
			c.send("watch\r\nversion\r\n") // what comes behind watch is thrown away
			c.want("OK")
			if now := w.fd("conn_watch"); now != fd {
				t.Errorf("conn %d watches as %d", fd, now)
			}
			for _, info := range w.s.Conns() {
				if info.Addr != "tcp:"+c.LocalAddr().String() || info.ListenAddr != "tcp:"+c.RemoteAddr().String() {
					t.Errorf("%+v", info)
				}
			}
			c.send("version\r\n")
			if st := w.s.Stats(); st.CurrConns != 1 || p.Stats().Watch.Watchers != 1 {
				t.Errorf("%+v, %+v", st, p.Stats().Watch)
			}
			gone(c)
			testkit.Eventually(t, "the watcher is gone", func() bool { return w.s.Stats().CurrConns == 0 && p.Stats().Watch.Watchers == 0 })
			if infos := w.s.Conns(); len(infos) != 0 {
				t.Errorf("still listed: %v", infos)
			}
		}
	})
}

func TestStream_OnlySoManyAtATime(t *testing.T) {
	watchWorld(t, nil, func(t *testing.T, w *world, p *memproto.Server) {
		var all []*client
		for range memproto.MaxWatchers {
			all = append(all, w.watch("mutations"))
		}
		c := w.dial()
		c.send("watch\r\n")
		c.want("WATCHER_TOO_MANY log watcher limit reached")
		all[3].Close()
		testkit.Eventually(t, "there is room for a watcher", func() bool { return p.Stats().Watch.Watchers < memproto.MaxWatchers })
		c.send("watch\r\n") // a refused conn goes on as it was
		c.want("OK")
	})
}

// came tells watchers of a conn that is none.
func came(p *memproto.Server) { memproto.NewConn(p).Opened(0, memproto.Client{FD: -1}) }

// flood tells of conns until a watcher that does not read has skipped some.
func flood(t *testing.T, w *world, p *memproto.Server) {
	t.Helper()
	testkit.Eventually(t, "a watcher has skipped events", func() bool {
		for range 1000 { // less than a watcher holds: what is skipped is for want of room in the kernel
			came(p)
		}
		return p.Stats().Watch.Skipped > 0
	})
}

func TestStream_AWatcherThatDoesNotReadMissesEvents(t *testing.T) {
	watchWorld(t, nil, func(t *testing.T, w *world, p *memproto.Server) {
		slow := w.watch("connevents")
		flood(t, w, p)
		busy := w.dial() // nobody else waits for it
		busy.send("version\r\n")
		busy.want("VERSION ")
		skipped := 0
		for n := 0; skipped == 0; n++ {
			if n%10 == 0 { // the line comes with the next event that there is room for
				came(p)
			}
			s, err := slow.r.ReadString('\n')
			if err != nil {
				t.Fatal(err)
			}
			if strings.HasPrefix(s, "skipped=") {
				if _, err := fmt.Sscanf(s, "skipped=%d\n", &skipped); err != nil || skipped < 1 {
					t.Fatalf("%q", s)
				}
			}
		}
		if got := slow.line(); !strings.HasPrefix(got, "type=conn_new rip=") {
			t.Errorf("behind skipped: %q", got)
		}
	})
}

func TestStream_EndsWithTheServer(t *testing.T) {
	for _, drain := range []bool{true, false} {
		watchWorld(t, nil, func(t *testing.T, w *world, p *memproto.Server) {
			slow, reader := w.watch("connevents"), w.watch("mutations")
			flood(t, w, p)
			if drain {
				ended := make(chan struct{})
				go func() {
					w.s.Drain(patience)
					close(ended)
				}()
				reader.wantEnd()
				_, err := io.Copy(io.Discard, slow.r) // all that was kept for it, then FIN
				// TLS needs room for its last word, and waits lingerTime for it.
				if err != nil && !(w.secure && errors.Is(err, io.ErrUnexpectedEOF)) {
					t.Error(err)
				}
				<-ended
			} else {
				w.s.Close()
			}
			if st := w.s.Stats(); st.CurrConns != 0 || p.Stats().Watch.Watchers != 0 {
				t.Errorf("drain %v: %+v, %+v", drain, st, p.Stats().Watch)
			}
		})
	}
}

func TestStream_ADrainDoesNotWaitForASlowWatcher(t *testing.T) {
	watchWorld(t, nil, func(t *testing.T, w *world, p *memproto.Server) {
		w.watch("connevents")
		flood(t, w, p)
		if cut := w.s.Drain(time.Hour); cut != 0 {
			t.Errorf("%d cut: a watcher has nothing to be answered", cut)
		}
	})
}

func TestStream_IsNotIdle(t *testing.T) {
	idleWorld(t, func(c *Config) {
		p := &memproto.Server{Store: emptyStore(t)}
		c.NewConn = func(s *memproto.Scratch) Handler { return memproto.NewConnWith(p, s) }
	}, func(t *testing.T, w *world, pass func(int64)) {
		watcher, idle := w.watch("connevents"), w.dial()
		if got := watcher.line(); !strings.HasPrefix(got, "type=conn_new") {
			t.Fatalf("%q", got)
		}
		pass(1000)
		idle.wantEnd()
		if got := watcher.line(); !strings.Contains(got, " reason=idle_timeout ") {
			t.Fatalf("%q", got)
		}
		if kicks := w.s.Stats().IdleKicks; kicks != 1 {
			t.Errorf("%d idle conns closed", kicks)
		}
	})
}
