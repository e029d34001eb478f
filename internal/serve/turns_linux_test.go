package serve

import (
	"sync/atomic"
	"testing"
	"time"

	"twincached/internal/testkit"
	"twincached/memproto"
)

// turnLog counts turns, and wants another one as often as more says.
type turnLog struct {
	open, ended, last atomic.Int64
	more              atomic.Int64
}

func (l *turnLog) BeginTurn() { l.open.Add(1) }

func (l *turnLog) EndTurn(last bool) time.Duration {
	l.open.Add(-1)
	l.ended.Add(1)
	if last {
		l.last.Add(1)
		return 0
	}
	if l.more.Add(-1) >= 0 {
		return time.Microsecond
	}
	return 0
}

// TestTurns_AreAroundHandlersAndComeAgain: Config.Turns hears of each, gets another one if it wants one though no client asks
// for anything, and is told when there will be no more.
func TestTurns_AreAroundHandlersAndComeAgain(t *testing.T) {
	failed := false
	for _, engine := range []string{IOUring, IOEpoll} {
		t.Run(engine, func(t *testing.T) {
			if engine == IOUring {
				needUring(t)
			}
			if failed {
				t.Skip("the other engine has failed")
			}
			defer func() { failed = t.Failed() }()
			turns, outside := &turnLog{}, atomic.Int64{}
			w := &world{t: t}
			cfg := w.config()
			cfg.IO, cfg.Threads, cfg.Turns = engine, 1, turns
			newConn := cfg.NewConn
			cfg.NewConn = func(s *memproto.Scratch) Handler { return &inTurn{newConn(s), turns, &outside} }
			s, err := Listen(cfg)
			if err != nil {
				t.Fatal(err)
			}
			w.s = s
			c := w.dial()
			for range 3 {
				c.send("get\r\n")
				c.want("END")
			}
			if n := outside.Load(); n != 0 {
				t.Errorf("%d calls of handlers outside turns", n)
			}
			before := turns.ended.Load()
			turns.more.Store(5)
			c.send("get\r\n")
			c.want("END")
			testkit.Eventually(t, "turns without a request", func() bool { return turns.ended.Load() >= before+6 })
			turns.more.Store(1 << 60)
			c.send("get\r\n")
			c.want("END")
			s.Close()
			if turns.last.Load() != 1 || turns.open.Load() != 0 {
				t.Errorf("%d last turns, %d open", turns.last.Load(), turns.open.Load())
			}
		})
	}
}

// inTurn counts the calls that come outside turns.
type inTurn struct {
	Handler
	turns   *turnLog
	outside *atomic.Int64
}

func (h *inTurn) Process(nowMillis int64, in, out []byte) (r memproto.Result) {
	if h.turns.open.Load() != 1 {
		h.outside.Add(1)
	}
	return h.Handler.Process(nowMillis, in, out)
}
