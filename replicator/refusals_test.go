package replicator

import (
	"errors"
	"io"
	"log/slog"
	"testing"

	"twincached/internal/nodelog"
	"twincached/internal/session"
	"twincached/internal/wire"
)

func TestRefusals_EachCauseIsSaidNowAndThen(t *testing.T) {
	var r refusals
	lines := &logLines{}
	log := testLogger(lines)
	for i := range 100 {
		r.note(log, slog.LevelWarn, int64(i), nodelog.Refused, "AUTH", "", "the peer refused the link")
	}
	r.note(log, slog.LevelWarn, 10_000, nodelog.Refused, "AUTH", "", "the peer refused the link")
	counts, last := r.counts()
	if counts["AUTH"] != 101 || last.text != "AUTH: the peer refused the link" || lines.count() != 2 || !lines.has("repeated=99") {
		t.Fatalf("counts %v, last %q, %d lines", counts, last.text, lines.count())
	}
}

func TestWord_NamesEveryCause(t *testing.T) {
	for want, err := range map[string]error{
		"AUTH": &session.End{Code: wire.ByeAuth}, "SILENT": &session.End{Text: "x"}, "CLOSED": io.EOF, "LOST": errors.New("x"),
	} {
		if got := causeOf(err); got != want {
			t.Errorf("%v: %s, want %s", err, got, want)
		}
	}
}
