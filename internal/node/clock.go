package node

import (
	"log/slog"

	"twincached/internal/nodelog"
)

// checkClock looks at the wall clock, and says what is wrong with it.
func (n *Node) checkClock() {
	switch c := n.clock.Check(); {
	case c.Jumped > 0:
		n.log.Warn("the clock was behind and jumped forward", nodelog.ClockForward, "by_ms", c.Jumped.Milliseconds())
	case c.Refused > 0:
		n.seldom.Say(n.log, slog.LevelError, n.clock.Now(), nodelog.ClockJumped, "",
			"the wall clock is ahead by more than a day and is not followed, nothing of it gets into versions or expiries: set it; if it is right, restart this node, and when that is ready the other one",
			"by_ms", c.Refused.Milliseconds())
	case c.Over:
		n.log.Info("the wall clock is right again", nodelog.ClockRight)
	}
}
