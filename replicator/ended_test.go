package replicator

import (
	"context"
	"io"
	"log/slog"
	"net"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"twincached/internal/nodelog"
	"twincached/internal/session"
	"twincached/internal/wire"
)

// named makes a node look for its peer under a name with these addresses, in this
// order; an address is the port behind it.
func named(addresses ...string) func(*Config) {
	return func(c *Config) {
		c.Peer = "pair:1"
		c.Resolve = func(context.Context, string) ([]string, error) { return addresses, nil }
		c.Dial = func(ctx context.Context, address string) (net.Conn, error) {
			var d net.Dialer
			host, _, err := net.SplitHostPort(address)
			if err != nil {
				return nil, err
			}
			return d.DialContext(ctx, "tcp", "127.0.0.1:"+host)
		}
	}
}

// port is what named takes.
func port(ln net.Listener) string {
	_, p, _ := net.SplitHostPort(ln.Addr().String())
	return p
}

// answering takes connections and answers the first bytes of each with words.
func answering(t testing.TB, words string) net.Listener {
	t.Helper()
	ln := listen(t)
	done := make(chan struct{})
	go func() {
		defer close(done)
		var held []net.Conn
		for {
			c, err := ln.Accept()
			if err != nil {
				for _, c := range held {
					_ = c.Close()
				}
				return
			}
			held = append(held, c)
			_, _ = c.Read(make([]byte, 1))
			_, _ = io.WriteString(c, words)
		}
	}()
	t.Cleanup(func() { _ = ln.Close(); <-done })
	return ln
}

// TestFailure_NameOfBothNodes: the peer's name has the addresses of both nodes, or one where
// another program answers, in front. The dialler goes on to the next one.
func TestFailure_NameOfBothNodes(t *testing.T) {
	for name, first := range map[string]func(own net.Listener) string{
		"itself first":      port,
		"a memcached first": func(net.Listener) string { return port(answering(t, "ERROR\r\n")) },
	} {
		t.Run(name, func(t *testing.T) {
			la, lb := listen(t), listen(t)
			b := startNode(t, 2, lb, "", nil) // it waits to be called
			a := startNode(t, 1, la, "", named(first(la), port(lb)))
			waitLinked(t, a, b)
			if name == "itself first" && (a.refused("SELF") == 0 || a.log.has("level=WARN")) {
				t.Error("it has not met itself, or takes that for trouble")
			}
		})
	}
}

// TestFailure_NameOfBothNodesAndThePeerIsAway: that a node meets itself does not keep it
// from serving as soon as it is clear that nobody else is there.
func TestFailure_NameOfBothNodesAndThePeerIsAway(t *testing.T) {
	la, lb := listen(t), listenAgain(t)
	gone := port(lb)
	_ = lb.Close()
	a := startNode(t, 1, la, "", func(c *Config) {
		named(port(la), gone)(c)
		c.PeerWait = time.Hour
	})
	eventually(t, "it serves alone", a.isReady)
}

// TestFailure_EveryAddressIsThisNode: that is trouble, and said.
func TestFailure_EveryAddressIsThisNode(t *testing.T) {
	la := listen(t)
	a := startNode(t, 1, la, "", named(port(la), port(la)))
	eventually(t, "it says so", func() bool { return a.log.has("every address of the peer's name leads back to this node") })
}

// TestFailure_PeerAddressIsNoNode: a client port, a memcached, a web server. The log says what
// -x takes, and nothing here sounds like a kernel's "connection refused".
func TestFailure_PeerAddressIsNoNode(t *testing.T) {
	for words, want := range map[string]string{
		"ERROR\r\n":                        "leads to a client port, a memcached or another program",
		"HTTP/1.1 400 Bad Request\r\n\r\n": "leads to a client port, a memcached or another program",
		"":                                 "it hangs, or -x leads to a client port or another program",
	} {
		t.Run(words, func(t *testing.T) {
			t.Parallel()
			a := startNode(t, 1, nil, answering(t, words).Addr().String(), nil)
			eventually(t, "it says so", func() bool { return a.log.has(want) })
			if a.log.has("connection refused") {
				t.Error("it reads as if the kernel had refused")
			}
		})
	}
}

// TestLink_LastErrorHasItsCauseAndEnds: why the link is down stands in the statistics with
// its cause and its age, until the link is up.
func TestLink_LastErrorHasItsCauseAndEnds(t *testing.T) {
	la, lb := listen(t), listen(t)
	var millis atomic.Int64
	a := startNode(t, 1, la, "", func(c *Config) {
		c.Peer = lb.Addr().String()
		c.Dial = func(ctx context.Context, address string) (net.Conn, error) {
			return nil, io.ErrUnexpectedEOF
		}
		c.Now = func() int64 { return now() + millis.Load() }
	})
	eventually(t, "it cannot dial", func() bool { return strings.HasPrefix(a.l.Stats().LastError, "DIAL: cannot reach the peer") })
	if st := a.l.Stats(); !strings.HasSuffix(st.LastError, "unexpected EOF") || st.ContactMillis != -1 || st.LinkMillis != 0 {
		t.Errorf("%q, contact %d ms ago, linked for %d ms", st.LastError, st.ContactMillis, st.LinkMillis)
	}
	b := startNode(t, 2, lb, la.Addr().String(), nil)
	waitLinked(t, a, b)
	millis.Store(60)
	st := a.l.Stats()
	if st.LastError != "" || st.LinkMillis < 60 || st.ContactMillis < 0 {
		t.Errorf("linked: %q, linked for %d ms, contact %d ms ago", st.LastError, st.LinkMillis, st.ContactMillis)
	}
	c := stranger(t, a, []byte("stats\r\n"))
	eventually(t, "a stranger is sent away", func() bool { return a.refused("BADFRAME") == 1 })
	_ = c.Close()
	if got := a.l.Stats().LastError; got != "" {
		t.Errorf("a stranger is trouble of the link: %q", got)
	}
	b.stop()
	eventually(t, "the link is lost", func() bool {
		return strings.Contains(a.l.Stats().LastError, "link lost") || a.l.Stats().LastError != ""
	})
	if st := a.l.Stats(); strings.HasPrefix(st.LastError, "BADFRAME") || st.ContactMillis < 0 || st.LinkMillis != 0 {
		t.Errorf("down: %q, contact %d ms ago, linked for %d ms", st.LastError, st.ContactMillis, st.LinkMillis)
	}
}

func TestRefusals_LastErrorIsAWarningOrWorse(t *testing.T) {
	var r refusals
	log := slog.New(slog.DiscardHandler)
	end := &session.End{Code: wire.ByeAuth, Text: "wrong secret"}
	r.note(log, slog.LevelWarn, 7, nodelog.Refused, "AUTH", "", "the peer refused the link", "error", end.Error())
	r.note(log, slog.LevelInfo, 8, nodelog.PeerStopped, "PLANNED", "", "the peer stops by plan")
	r.note(log, slog.LevelDebug, 9, quiet, "DUPLICATE", "", "another connection to the peer is kept")
	if _, last := r.counts(); last.text != "AUTH: the peer refused the link: BYE AUTH: wrong secret" || last.at != 7 {
		t.Errorf("%+v", last)
	}
	for why, want := range map[string]string{
		"dial tcp 127.0.0.1:11212: connect: connection refused":    "connection refused",
		"dial tcp [::1]:11212: connect: connection refused":        "connection refused",
		"dial tcp 10.0.0.1:5->10.0.0.2:11212: i/o timeout":         "i/o timeout",
		"lookup no-such-host.invalid on 10.0.0.1:53: no such host": "lookup no-such-host.invalid on 10.0.0.1:53: no such host",
	} {
		r.note(log, slog.LevelInfo, 7, nodelog.PeerUnreachable, "DIAL", "", "cannot reach the peer"+keepTrying, "error", why)
		if _, last := r.counts(); last.text != "DIAL: cannot reach the peer: "+want {
			t.Errorf("%+v", last)
		}
	}
	r.clearLast()
	if _, last := r.counts(); last != (trouble{}) {
		t.Errorf("%+v", last)
	}
}

// TestDial_APortThatThePeerCannotReachIsSaid: each of the two would serve alone otherwise,
// and say that it found nobody.
func TestDial_APortThatThePeerCannotReachIsSaid(t *testing.T) {
	const said = "event=replication_loopback"
	for name, c := range map[string]struct {
		listen, resolved string
		want             int
	}{
		"the peer is elsewhere": {"127.0.0.1:0", "10.0.0.2", 1},
		"IPv6":                  {"127.0.0.1:0", "fd00::2", 1},
		"the peer is here":      {"127.0.0.1:0", "127.0.0.2", 0},
		"it listens everywhere": {":0", "10.0.0.2", 0},
	} {
		ln, err := net.Listen("tcp", c.listen)
		if err != nil {
			t.Fatal(err)
		}
		var dials atomic.Int64
		a := startNode(t, 1, ln, "n2:11212", func(cfg *Config) {
			cfg.Resolve = func(context.Context, string) ([]string, error) { return []string{c.resolved}, nil }
			cfg.Dial = func(context.Context, string) (net.Conn, error) {
				dials.Add(1)
				return nil, io.ErrUnexpectedEOF
			}
		})
		eventually(t, "it has dialled twice", func() bool { return dials.Load() > 1 })
		if got := strings.Count(a.log.String(), said); got != c.want {
			t.Errorf("%s: said %d times, want %d", name, got, c.want)
		}
		a.stop()
	}
}

// TestSay_APeerThatStopsMayHangUp: by plan, it is met between two of its steps.
func TestSay_APeerThatStopsMayHangUp(t *testing.T) {
	for until, want := range map[int64]string{0: "level=WARN", 100: "level=INFO"} {
		lines := &logLines{}
		l := &Link{cfg: Config{Log: testLogger(lines)}, absentUntil: until}
		ours, theirs := net.Pipe()
		defer ours.Close()
		defer theirs.Close()
		l.logEnd(&conn{l: l, raw: ours, dialled: true}, io.EOF, 99)
		if !lines.has(want) || !lines.has(textHungUp) {
			t.Errorf("calm until %d: %s", until, lines)
		}
	}
}
