package replicator

import (
	"context"
	"fmt"
	"net"
	"strings"
	"testing"
	"time"

	"twincached/snapshot"
)

// TestCopyLog_SaysHowFarAndHowLong: every five seconds, not sooner.
func TestCopyLog_SaysHowFarAndHowLong(t *testing.T) {
	var g copyLog
	r := snapshot.Report{StartedMillis: 1_750_000_000_000, ItemsTotal: 1000}
	if got := g.line(1_750_000_000_000, &r); got != nil {
		t.Errorf("at once: %v", got)
	}
	r.ItemsDone, r.Bytes = 250, 50<<20
	if got, want := fmt.Sprint(g.line(1_750_000_000_000+5000, &r)), "[items 250 of 1000 percent 25 mib 50 mib_per_s 10 seconds_left 15]"; got != want {
		t.Errorf("%s, want %s", got, want)
	}
	r.ItemsDone, r.Bytes = 500, 51<<20
	if got, want := fmt.Sprint(g.line(1_750_000_000_000+10_000, &r)), "[items 500 of 1000 percent 50 mib 51 mib_per_s 0.2 seconds_left 10]"; got != want {
		t.Errorf("%s, want %s", got, want)
	}
	g = copyLog{at: 1_750_000_000_000}
	if got, want := fmt.Sprint(g.line(1_750_000_000_000+5000, &snapshot.Report{StartedMillis: 1_750_000_000_000})), "[items 0 of 0 percent 0 mib 0 mib_per_s 0 seconds_left -1]"; got != want {
		t.Errorf("%s, want %s", got, want)
	}
}

// TestCopyLog_SaysNothingOfASessionThatHasEnded: what it counted is another session's by now.
func TestCopyLog_SaysNothingOfASessionThatHasEnded(t *testing.T) {
	a, b := startPair(t, nil)
	waitLinked(t, a, b)
	a.l.mu.Lock()
	c := a.l.cur
	a.l.mu.Unlock()
	if c == nil {
		t.Fatal("the link is down again")
	}
	_ = c.raw.Close()
	<-c.done
	g := copyLog{at: 1}
	g.look(a.l, c)
	if g.at != 1 {
		t.Error("it has looked at what the session before counted")
	}
}

// slowConn reads a little at a time, until enough says that this was slow enough.
type slowConn struct {
	net.Conn
	enough func() bool
}

func (c *slowConn) Read(p []byte) (int, error) {
	if !c.enough() {
		time.Sleep(time.Millisecond)
		p = p[:min(len(p), 32)]
	}
	return c.Conn.Read(p)
}

// TestLink_CopyIsReportedWhileItLasts: the joiner's log says how far the copy has come.
func TestLink_CopyIsReportedWhileItLasts(t *testing.T) {
	la := listen(t)
	a := startNode(t, 1, la, "", nil)
	for k := range 2000 {
		a.set(fmt.Sprint("key ", k), strings.Repeat("v", 200))
	}
	said := &logLines{}
	reported := func() bool { return said.Has("marugoto copying\" event=copying items=", " of=2000 ") }
	b := startNode(t, 2, nil, la.Addr().String(), func(c *Config) {
		c.ReportMillis, c.Log = 1, testLogger(said)
		c.Dial = func(ctx context.Context, address string) (net.Conn, error) {
			var d net.Dialer
			nc, err := d.DialContext(ctx, "tcp", address)
			return &slowConn{nc, reported}, err
		}
	})
	waitLinked(t, a, b)
	if !reported() {
		t.Error("it does not say how far it has come")
	}
	eventually(t, "it says that it has all", func() bool { return said.has("marugoto owari\" event=copied state=ready items=2000") }) // the gate opens first
	if a.log.has("copying") || said.has("level=WARN") || a.log.has("level=WARN") {
		t.Error("the other one says it too, or something is taken for trouble")
	}
}

// TestLink_PlannedRestartIsNoTrouble: nothing of a normal start or a restart by plan is a
// warning, on either node; why the link is down is known all the same.
func TestLink_PlannedRestartIsNoTrouble(t *testing.T) {
	la, lb := listen(t), listenAgain(t)
	a := startNode(t, 1, la, lb.Addr().String(), nil)
	_ = lb.Close() // it is started first
	eventually(t, "it has dialled", func() bool { return a.l.Stats().DialFails > 0 })
	lb, err := net.Listen("tcp", lb.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	b := startNode(t, 2, lb, la.Addr().String(), nil)
	waitLinked(t, a, b)
	a.set("k", "v")
	b.l.Drain(context.Background())
	b.stop()
	eventually(t, "it dials again", func() bool { return strings.HasPrefix(a.l.Stats().LastError, "DIAL: ") })
	lb, err = net.Listen("tcp", lb.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	b = startNode(t, 3, lb, la.Addr().String(), nil) // no state directory: another id
	waitLinked(t, a, b)
	for _, n := range []*testNode{a, b} {
		if n.log.has("level=WARN") || n.log.has("level=ERROR") {
			t.Errorf("taken for trouble:\n%s", n.log.String())
		}
	}
	eventually(t, "another id is said", func() bool { return a.log.has("takes the place of the last peer") }) // the link is up first
	b.stop()                                                                                                  // as if it was killed
	eventually(t, "that is trouble", func() bool { return a.log.has("level=WARN") })
}
