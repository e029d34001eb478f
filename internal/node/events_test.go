package node

import (
	"io"
	"log/slog"
	"slices"
	"testing"
	"time"

	"twincached/internal/nodelog"
	"twincached/internal/testkit"
)

// TestStatus_EventsOfBothNodes: what the log of a node tells, its board has, and the peer's.
func TestStatus_EventsOfBothNodes(t *testing.T) {
	cfgA, cfgB := pairConfigs(t)
	for _, cfg := range []*Config{&cfgA, &cfgB} {
		log := nodelog.New(io.Discard, nodelog.Style{}, slog.LevelInfo)
		defer log.Lines.Close(time.Minute)
		cfg.Log, cfg.Events = log.Logger, log.Events
	}
	a, b := start(t, cfgA), start(t, cfgB)
	waitReady(t, a, b)
	tells := func(events []nodelog.Event, word string) bool {
		return slices.ContainsFunc(events, func(e nodelog.Event) bool { return e.Word == word })
	}
	testkit.Eventually(t, "both boards", func() bool {
		for _, n := range []*Node{a, b} {
			this, peer := n.Board().Events()
			p := peerOf(n)
			if !tells(this, "linked") || !tells(peer, "linked") || p.EventCounts["ready"] != 1 || !tells(p.Events, "ready") {
				return false
			}
		}
		return true
	})
	b.Close()
	testkit.Eventually(t, "the newest first", func() bool {
		this, _ := a.Board().Events()
		p, _ := a.Board().Pair(a.clock.Now())
		return this[0].Seq > this[1].Seq && tells(this, "link_lost") && p.Node.EventCounts["link_lost"] > 0 && len(p.Node.Events) <= shownEvents
	})
}
