package node

import (
	"io"
	"os"
	"strings"
	"sync/atomic"
	"testing"

	"twincached/internal/status"
	"twincached/internal/testkit"
)

// peerOf is what a node shows of its peer; nil: nothing yet.
func peerOf(n *Node) *status.Snapshot {
	p, _ := n.Board().Pair(n.clock.Now())
	return p.Peer
}

// TestStatus_EachNodeShowsTheOther, with what a client did there, and goes on showing it when
// it is gone, with its age.
func TestStatus_EachNodeShowsTheOther(t *testing.T) {
	cfgA, cfgB := pairConfigs(t)
	a, b := start(t, cfgA), start(t, cfgB)
	waitReady(t, a, b)
	mustSet(t, client(t, b), "key", "value")
	testkit.Eventually(t, "both boards", func() bool {
		atA, atB := peerOf(a), peerOf(b)
		return atA != nil && atB != nil && atA.Node.ID == idText(b.id) && atB.Node.ID == idText(a.id) &&
			atA.Commands.Set == 1 && atB.Commands.Set == 0 && atA.Items.Held == 1 && atB.State.Word == "ready" && atB.Link.State == "stream"
	})
	if host, err := os.Hostname(); err != nil || peerOf(a).Node.Host != host {
		t.Errorf("the peer is on %q, of %q: %v", peerOf(a).Node.Host, host, err)
	}
	b.Close()
	testkit.Eventually(t, "the end of the link", func() bool { return a.Stats().Link.Link == "down" })
	now := a.clock.Now()
	before, _ := a.Board().Pair(now)
	after, _ := a.Board().Pair(now + 5000)
	if before.Peer == nil || before.Peer.Node.ID != idText(b.id) || after.PeerAgeMillis != before.PeerAgeMillis+5000 {
		t.Errorf("the peer that is gone: %+v, %d ms old and %d 5 s later", before.Peer, before.PeerAgeMillis, after.PeerAgeMillis)
	}
}

// TestStatus_ThatNobodyCanRead costs a line of the log, and not the session.
func TestStatus_ThatNobodyCanRead(t *testing.T) {
	var log testkit.Log
	cfgA, cfgB := pairConfigs(t)
	cfgA.Log = testConfig(io.MultiWriter(&log, t.Output())).Log
	a, b := start(t, cfgA), start(t, cfgB)
	waitReady(t, a, b)
	testkit.Eventually(t, "a line of the log", func() bool {
		b.link.Load().SetStatus([]byte("no snapshot")) // the next second overwrites it
		return log.Has("the peer sends a status that this node cannot read")
	})
	testkit.Eventually(t, "a status that it can read", func() bool { return peerOf(a) != nil })
	if got := a.Stats().Link; got.Link != "stream" || got.Sessions != 1 {
		t.Errorf("link %s, %d sessions", got.Link, got.Sessions)
	}
	if n := strings.Count(log.String(), "a status that this node cannot read"); n > 2 {
		t.Errorf("%d lines of the log", n)
	}
}

// TestStatus_SaysWhenLogLinesWereLost: the last time, and not that of the first one.
func TestStatus_SaysWhenLogLinesWereLost(t *testing.T) {
	var lost atomic.Uint64
	cfg := testConfig(t.Output())
	cfg.LogDropped = lost.Load
	n := start(t, cfg)
	waitReady(t, n)
	if s := n.Latest(); s.Process.LogDroppedAtMS != 0 {
		t.Errorf("none was lost, and it is %d", s.Process.LogDroppedAtMS)
	}
	var last int64
	for range 2 {
		lost.Add(3)
		before := last
		testkit.Eventually(t, "it says so", func() bool { last = n.Latest().Process.LogDroppedAtMS; return last > before })
	}
	n.publish()
	if s := n.Latest(); s.Process.LogDroppedAtMS != last || s.Process.LogLinesDropped != 6 || s.AtMillis < last {
		t.Errorf("%+v at %d, want %d", s.Process, s.AtMillis, last)
	}
}

// TestStatus_SettingsFollowTheCommands: a limit that differs is a warning, whoever made it.
func TestStatus_SettingsFollowTheCommands(t *testing.T) {
	n := start(t, testConfig(t.Output()))
	waitReady(t, n)
	tell(t, n, "cache_memlimit 16")
	n.publish()
	if s := n.Latest(); s.Settings.MemoryBytes != 16<<20 {
		t.Errorf("the setting is %d", s.Settings.MemoryBytes)
	}
}
