package session

import (
	"testing"

	"twincached/internal/wire"
	"twincached/store"
)

// TestCore_WhoIsOutOfReachIsWaitedFor: a draining node that lacks an ACK waits for its peer
// as long as it may, unless the peer has left or cannot be found.
func TestCore_WhoIsOutOfReachIsWaitedFor(t *testing.T) {
	const start, handover = int64(1_750_000_000_000), int64(5000)
	linked := func(c *Core) (s *Session, events Events) {
		s = &Session{cfg: &c.cfg, attached: true}
		s.peer.NodeID = store.ID{2}
		return s, c.NoteEvents(s, 0)
	}
	lost := func(c *Core) { s, events := linked(c); c.Ended(start, s, nil, events, false) }
	leaves := func(c *Core) {
		s, events := linked(c)
		c.Ended(start, s, &End{Code: wire.ByePlanned, FromPeer: true}, events, false)
	}
	for _, tt := range []struct {
		name  string
		seeks bool // as -x says
		do    func(c *Core)
		want  Verdict
	}{
		{"nobody has called", false, func(*Core) {}, VerdictGiveUp},
		{"the one that called is lost", false, lost, VerdictWait},
		{"the one that called has left", false, leaves, VerdictGiveUp},
		{"nobody has answered", true, func(*Core) {}, VerdictWait},
		{"lost", true, lost, VerdictWait},
		{"it has left", true, leaves, VerdictGiveUp},
		{"it has left, came back, and is lost", true, func(c *Core) { leaves(c); lost(c) }, VerdictWait},
		{"its name is gone", true, func(c *Core) { lost(c); c.DialFailed(start, true, false) }, VerdictGiveUp},
		{"its name was gone", true, func(c *Core) { c.DialFailed(start, true, false); c.DialAnswered() }, VerdictWait},
		{"nobody listens", true, func(c *Core) { lost(c); c.DialFailed(start, false, true) }, VerdictGiveUp},
		{"nobody listens, for a moment", true, func(c *Core) { lost(c); c.DialFailed(start+handover-1, false, true) }, VerdictWait},
		{"its address leads back", true, func(c *Core) { c.Ended(start, &Session{dialled: true}, &End{Code: wire.ByeSelf}, 0, false) }, VerdictGiveUp},
		{"it called itself by another way", true, func(c *Core) { c.Ended(start, &Session{}, &End{Code: wire.ByeSelf}, 0, false) }, VerdictWait},
	} {
		t.Run(tt.name, func(t *testing.T) {
			st := newTestStore(t)
			defer st.Close()
			c := newCore(t, start, Config{Seeks: tt.seeks, Cluster: "c", NodeID: store.ID{1}, Inc: store.ID{1}, Store: st})
			st.Do(start, &store.Request{Op: store.OpSet, Key: []byte("k")})
			tt.do(c)
			c.Drain()
			c.Verdict(start, c.Standing(start, false))
			if got := c.Verdict(start+handover, c.Standing(start+handover, false)); got != tt.want {
				t.Errorf("%v, want %v", got, tt.want)
			}
		})
	}
}
