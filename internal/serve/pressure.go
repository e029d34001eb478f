package serve

import (
	"log/slog"
	"time"

	"twincached/internal/nodelog"
)

// What clients can make this node hold is bounded. Large values stand in the store's memory,
// on their way in and out: those are the handler's Fill and Pin. Everything else that is left
// over in a conn, because its client does not read or has sent half of something, is
// taken from Config.BufferBytes.

const (
	defaultBufferBytes = 8 << 20

	// staleAfter and staleRate are what a client that holds memory of the store has to show
	// for it while others are refused theirs. A link of 600 kbit/s is fast enough.
	staleAfter = 10 * time.Second
	staleRate  = 64 << 10 // bytes a second

	overCheck = time.Second // how often that is looked at, and for Config.IdleTimeout, which counts whole seconds, as memcached's does
)

// hold is what a conn does with memory of the store: since when it has some, and how much it
// moved since then.
type hold struct {
	since int64 // Unix ms
	moved int
}

// stale tells whether the conn has had memory for too long for what it moved, and begins
// a new span where it has not.
func (h *hold) stale(nowMillis int64) bool {
	span := nowMillis - h.since
	if span < staleAfter.Milliseconds() {
		return false
	}
	if int64(h.moved) < span*staleRate/1000 {
		return true
	}
	*h = hold{since: nowMillis}
	return false
}

// watchOver closes idle conns, and where the store's memory is short those that hold some of
// it and do nothing with it, until the server ends.
func (s *Server) watchOver() {
	if !s.mayKick() && s.cfg.Short == nil {
		return
	}
	go func() {
		t := time.NewTicker(overCheck)
		defer t.Stop()
		for {
			select {
			case <-s.quit:
				return
			case <-t.C:
				s.look()
			}
		}
	}()
}

func (s *Server) look() {
	if s.mayKick() {
		s.eng.kickIdle()
	}
	if s.cfg.Short != nil && s.cfg.Short(s.cfg.Now()) {
		s.eng.press()
	}
}

// countShed counts a conn that is closed for its buffers, which are bounded to share bytes.
func (s *Server) countShed(share int) {
	s.count.shed.Add(1)
	s.logSeldom(slog.LevelWarn, nodelog.ConnShed, "serve: conn closed: of those with unread replies or half a request it has waited longest, and there is no room for more of them", "bytes", share)
}
