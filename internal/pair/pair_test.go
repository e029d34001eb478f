package pair

import (
	"testing"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestPlainLog_SaysWhatAPersonWantsToRead(t *testing.T) {
	for in, want := range map[string]string{
		`time=2026-01-02T03:04:05Z level=INFO msg=ready items=3`:           "ready items=3",
		`time=2026-01-02T03:04:05Z level=INFO msg="copy \"done\"" items=3`: `copy "done" items=3`,
		`time=2026-01-02T03:04:05Z level=WARN msg="link lost"`:             "WARN link lost",
		`twincached: cannot listen`:                                        "twincached: cannot listen",
		`time=`:                                                            "",
	} {
		if got := plainLog(in); got != want {
			t.Errorf("%q: got %q, want %q", in, got, want)
		}
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
