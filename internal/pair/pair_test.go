package pair

import (
	"strings"
	"testing"

	"go.uber.org/goleak"

	"twincached/internal/testkit"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestPlainLog_SaysWhatAPersonWantsToRead(t *testing.T) {
	for in, want := range map[string]string{
		`time=2026-01-02T03:04:05Z level=INFO msg=ready event=ready items=3`:   "ready items=3",
		`time=2026-01-02T03:04:05Z level=INFO msg=stopped event=stopped`:       "stopped",
		`time=2026-01-02T03:04:05Z level=INFO msg="copy \"done\"" items=3`:     `copy "done" items=3`,
		`time=2026-01-02T03:04:05Z level=WARN msg="link lost" event=link_lost`: "WARN link lost",
		`twincached: cannot listen`:                                            "twincached: cannot listen",
		`time=`:                                                                "",
	} {
		if got := plainLog(in); got != want {
			t.Errorf("%q: got %q, want %q", in, got, want)
		}
	}
}

// Whoever types faster than the end of a node is seen starts it, and does not stop it.
func TestKeys_ANodeOnItsWayOutIsStartedAgain(t *testing.T) {
	sleep := testkit.NeedTool(t, "sleep", "it stands for a node")
	for _, way := range []string{"k1", "1"} {
		var said testkit.Log
		q := &pair{out: &prefixer{w: &said}, events: make(chan event, 16)}
		for i, name := range []string{"A", "B"} {
			q.nodes[i] = newNode(name, string(rune('1'+i)), sleep, 1, []string{"1000"})
			if err := q.start(q.nodes[i]); err != nil {
				t.Fatal(err)
			}
		}
		a := q.nodes[0]
		first := a.pid()
		q.typed(way) // nothing looks at the events meanwhile
		if runs := way == "1"; a.running() != runs {
			t.Errorf("%s: it runs: %v", way, a.running())
		}
		q.typed("1")
		e := <-q.events
		q.nodeEnded(e.ended, e.err)
		q.startAgain(e.ended)
		if e.ended != a || !a.running() || a.pid() == first || a.again || strings.Contains(said.String(), "1 and Enter") {
			t.Errorf("%s, 1: A runs: %v\n%s", way, a.running(), said.String())
		}
		q.typed("k1")
		q.typed("k1")
		if !strings.Contains(said.String(), "A does not run: 1 and Enter starts it") {
			t.Errorf("%s: killed twice\n%s", way, said.String())
		}
		q.end()
	}
}

func TestState_IsInPlainWords(t *testing.T) {
	for link, want := range map[string]string{
		"down": "ready, not linked, 1 item, 7 not on B yet", "auth": "ready, about to link, 1 item, 7 not on B yet",
		"catchup": "ready, linked, catching up, 1 item, 7 not on B yet", "stream": "ready, linked, 1 item, 7 not on B yet",
		"new": "ready, link new, 1 item, 7 not on B yet",
	} {
		if got := state(map[string]string{"repl_state": "ready", "repl_link": link, "curr_items": "1", "repl_unacked": "7"}, "B"); got != want {
			t.Errorf("%s: %q, want %q", link, got, want)
		}
	}
	if got := state(map[string]string{"repl_state": "ready", "repl_link": "down", "curr_items": "2", "repl_unacked": "0"}, "A"); got != "ready, not linked, 2 items" {
		t.Errorf("%q", got)
	}
	if got := state(map[string]string{"repl_state": "ready", "repl_link": "stream", "curr_items": "2", "repl_unacked": "0"}, "A"); got != "ready, linked, 2 items, A has all of it" {
		t.Errorf("%q", got)
	}
}
