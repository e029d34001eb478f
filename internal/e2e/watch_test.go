package e2e

import (
	"net"
	"strings"
	"testing"

	"twincached/internal/testkit"
	"twincached/internal/testkit/rig"
)

// TestWatch_EachNodeTellsWhatItsOwnClientsDo: a watcher on either node of a pair.
func TestWatch_EachNodeTellsWhatItsOwnClientsDo(t *testing.T) {
	t.Parallel()
	a, b := rig.NewPair(t)
	rig.StartAll(a, b)
	onA, onB := a.Dial(), b.Dial()
	if got := onA.Do("watch mutations connevents"); got != "OK" {
		t.Fatal(got)
	}
	if got := onB.Do("watch mutations connevents"); got != "OK" {
		t.Fatal(got)
	}
	// next reads on to the line with all the parts: conns that asked whether the node
	// serves may be told of as well.
	next := func(c *rig.Conn, parts ...string) {
		t.Helper()
		for {
			line, found := c.Line(), true
			for _, part := range parts {
				found = found && strings.Contains(line, part)
			}
			if found {
				return
			}
		}
	}
	c := a.Dial()
	_, port, _ := net.SplitHostPort(c.LocalAddr().String())
	next(onA, "gid=", "type=conn_new ", "rport="+port+" ", "transport=tcp")
	c.Set("k", "v")
	next(onA, "gid=", "type=item_store ", "key=k ", "status=stored ", "cmd=set ")
	testkit.Eventually(t, "the value is on the other node", func() bool {
		v, _, _ := b.Dial().Get("k")
		return v == "v"
	})
	c.Send("quit\r\n")
	next(onA, "type=conn_close ", "rport="+port+" ", "reason=normal")

	// What came over the link is no command: of all this the other watcher heard
	// of the conns that asked for it only.
	d := b.Dial()
	d.Set("mine", "w")
	for {
		line := onB.Line()
		if strings.Contains(line, "key=k ") {
			t.Errorf("the peer's change was told: %q", line)
		}
		if strings.Contains(line, "key=mine ") {
			break
		}
		if !strings.Contains(line, "type=conn_") {
			t.Errorf("told %q", line)
		}
	}
	if code := a.Stop(); code != 0 {
		t.Errorf("a watched node stopped with status %d", code)
	}
}

// TestWatch_ManyThatNeverReadDelayNobody: clients, the link and a planned stop go on
// beside as many watchers as there may be.
func TestWatch_ManyThatNeverReadDelayNobody(t *testing.T) {
	t.Parallel()
	a, b := rig.NewPair(t)
	rig.StartAll(a, b)
	rig.WaitLinked(a, b)
	for i := range 20 { // memcached's limit, and ours
		c := a.Dial()
		defer c.Close()
		if got := c.Do("watch fetchers mutations evictions connevents deletions"); got != "OK" {
			t.Fatalf("watcher %d: %s", i, got)
		}
	}
	names := rig.Keys("watched", 50_000) // 100 bytes a line, 256 KiB a watcher, and what a socket takes
	a.Load(names, func(i int) string { return names[i] })
	b.Kill()
	b.Start()
	b.WaitServing()
	if lost := lacks(b, names); len(lost) > 0 {
		t.Errorf("%d of %d keys are not on the other node", len(lost), len(names))
	}
	if a.Number("log_watcher_skipped") == 0 {
		t.Error("no event was skipped: the test shows nothing")
	}
	stopsLackingNothing(t, a, b)
}
