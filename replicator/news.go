package replicator

import (
	"fmt"
	"log/slog"

	"twincached/internal/nodelog"
	"twincached/internal/session"
)

// logNews logs what noteEvents has returned. No lock is held.
func (c *conn) logNews(news session.Events) {
	log := c.l.cfg.Log
	if news&session.EventEstablished != 0 {
		h := c.s.Peer()
		if c.replaces {
			c.l.counters.replaced.Add(1)
			level := slog.LevelWarn
			if c.expected { // the same node, restarted by plan without a state directory
				level = slog.LevelInfo
			}
			c.l.refusals.note(log, level, c.l.cfg.Now(), nodelog.PeerReplaced, "REPLACED", "", "another node takes the place of the last peer", "peer_id", fmt.Sprintf("%x", h.NodeID))
		}
		c.l.logSameID(h.NodeID)
		log.Info("linked", nodelog.Linked, "peer_id", fmt.Sprintf("%x", h.NodeID), "address", c.raw.RemoteAddr().String(), "software", h.Software)
	}
	if news&session.EventEstablished != 0 {
		c.compareSettings()
		if state := c.l.State(); state == session.Copying {
			log.Info(textCopying, nodelog.Copying, "state", state.String())
		}
	}
	if news&session.EventBarrier != 0 {
		c.mu.Lock()
		r, _ := c.l.core.Copies()
		c.mu.Unlock()
		log.Info(textCopied, nodelog.Copied, "state", session.Ready.String(), "items", r.ItemsDone, "mib", r.Bytes>>20, "took_ms", max(r.FinishedMillis-r.StartedMillis, 0))
	}
	c.logClocks(news)
}

// logClocks logs what is wrong with the two clocks.
func (c *conn) logClocks(news session.Events) {
	if news == 0 {
		return
	}
	l := c.l
	c.mu.Lock()
	said, ahead := c.s.TakeClockNews(), c.s.ClockAhead()
	c.mu.Unlock()
	note := func(level slog.Level, event slog.Attr, word, msg string, args ...any) {
		l.refusals.note(l.cfg.Log, level, l.cfg.Now(), event, word, "", msg, args...)
	}
	for _, text := range said {
		note(slog.LevelError, nodelog.PeerClock, "CLOCK", text)
	}
	if news&session.EventSkew != 0 {
		l.counters.skews.Add(1)
		note(slog.LevelWarn, nodelog.ClockSkew, "SKEW", "the clocks of the two nodes differ: keep them in step, or of two concurrent writes of one key the one on the faster clock wins", "peer_ahead_ms", ahead)
	}
	if news&session.EventClockRefused != 0 {
		note(slog.LevelError, nodelog.PeerClock, "CLOCK", "the peer's clock has jumped by more than a day: it is not believed, and what it writes is refused; set it and restart its node", "peer_ahead_ms", ahead)
	}
}

// compareSettings logs in which settings the two nodes differ. One of them may then lack
// what the other one keeps.
func (c *conn) compareSettings() {
	l, h := c.l, c.s.Peer()
	differ := func(flag string, here, there any, cost string) {
		if here != there {
			l.refusals.note(l.cfg.Log, slog.LevelWarn, l.cfg.Now(), nodelog.SettingsDiffer, "SETTINGS", flag,
				"the two nodes have different settings: "+cost, "flag", flag, "here", here, "there", there)
		}
	}
	differ("-I, --max-item-size", uint64(l.cfg.Store.MaxItemBytes()), h.MaxItem, "an item above the smaller limit is on one node only")
	if l.cfg.MemoryBytes == 0 || h.Memory == 0 {
		return // a peer of an earlier release does not say
	}
	differ("-m, --memory-limit", l.cfg.MemoryBytes, h.Memory, "the smaller node keeps fewer items, and clients that move there miss the rest")
	differ("-M, --disable-evictions", l.cfg.NoEviction, h.NoEviction, "one node refuses what the other one stores")
}
