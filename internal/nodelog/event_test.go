package nodelog

import (
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode/utf8"
)

// logTo is a log of which each line is thrown away.
func logTo(t *testing.T, to io.Writer) *Log {
	l := New(to, Style{}, slog.LevelInfo)
	t.Cleanup(func() { l.Lines.Close(time.Minute) })
	return l
}

func TestEvents_OfTheLastLines(t *testing.T) {
	l := logTo(t, io.Discard)
	l.Info("the first", Linked, "peer_id", "7f", "n", 3)
	l.Info("no event word")
	l.Debug("below the level", Linked)
	l.Warn("not in front", "n", 1, LinkLost)
	before := time.Now().UnixMilli()
	got := l.Events.Since(0)
	if len(got) != 1 || got[0].AtMillis > before || got[0].AtMillis < before-60_000 {
		t.Fatalf("%+v", got)
	}
	want := Event{Seq: 1, AtMillis: got[0].AtMillis, Level: "INFO", Word: "linked", Text: "the first", Values: map[string]string{"peer_id": "7f", "n": "3"}}
	if !reflect.DeepEqual(got[0], want) {
		t.Errorf("%+v, want %+v", got[0], want)
	}
	for i := range 3 * KeptEvents {
		l.Warn(fmt.Sprint("x", i), LinkLost)
	}
	got = l.Events.Since(0)
	if len(got) != KeptEvents || got[0].Seq != 2*KeptEvents+2 || got[KeptEvents-1].Seq != 3*KeptEvents+1 {
		t.Errorf("%d are remembered, from %d on", len(got), got[0].Seq)
	}
	if got := l.Events.Since(3*KeptEvents - 1); len(got) != 2 || got[0].Seq != 3*KeptEvents {
		t.Errorf("%+v", got)
	}
	if got := l.Events.Since(1 << 60); got != nil {
		t.Errorf("of the future: %+v", got)
	}
	if got := l.Events.Counts(); !reflect.DeepEqual(got, map[string]uint64{"linked": 1, "link_lost": 3 * KeptEvents}) {
		t.Errorf("%v", got)
	}
	var none *Events
	if none.Since(0) != nil || none.Counts() != nil || none.Latest(1, 1) != nil {
		t.Error("a node without a log has events")
	}
}

// An hour of a peer that is away, a long copy and a refusal beside it leave what was before;
// a link that comes and goes is there each time.
func TestEvents_WhatGoesOnIsOneEvent(t *testing.T) {
	l := logTo(t, io.Discard)
	say := func(second int64, event slog.Attr, text string, args ...any) {
		r := slog.NewRecord(time.UnixMilli(1_000_000+second*1000), slog.LevelWarn, text, 0)
		r.Add(append([]any{event}, args...)...)
		if err := l.Handler().Handle(t.Context(), r); err != nil {
			t.Fatal(err)
		}
	}
	say(0, LinkLost, "link lost")
	for second := int64(0); second < 3600; second += 10 {
		say(second, PeerUnreachable, "away", "n", second)
		say(second+1, NotServing, "shut")
	}
	for minute := range int64(3) {
		say(4000+60*minute, LinkLost, "link lost")
	}
	say(3000, PeerUnreachable, "away") // the clock went back
	var got []string
	for _, e := range l.Events.Since(0) {
		got = append(got, fmt.Sprint(e.Seq, " ", e.Word, " ", e.Values["n"], " ", (e.AtMillis-1_000_000)/1000, " ", max(e.FirstMillis-1_000_000, -1)/1000, " ", e.Lines))
	}
	want := []string{"1 link_lost  0 0 0", "720 peer_unreachable 3590 3590 0 360", "721 not_serving  3591 1 360", "722 link_lost  4000 0 0", "723 link_lost  4060 0 0", "724 link_lost  4120 0 0", "725 peer_unreachable  3000 0 0"}
	if !slices.Equal(got, want) {
		t.Errorf("%q, want %q", got, want)
	}
	if got := l.Events.Counts()["peer_unreachable"]; got != 361 {
		t.Errorf("counted %d lines", got)
	}
	if got := l.Events.Since(721); len(got) != 4 {
		t.Errorf("since 721: %+v", got)
	}
}

// What a stranger sends may stand in a line: an event is short, and no terminal obeys it.
func TestEvents_AreShortAndPrintable(t *testing.T) {
	l := logTo(t, io.Discard)
	long := "a\x1b[31m\n\u202e" + strings.Repeat("é", 500)
	args := []any{Refused}
	for i := range 100 {
		args = append(args, fmt.Sprint(long, i), long)
	}
	args[2] = "\xff\x00"
	l.Error(long, args...)
	e := l.Events.Since(0)[0]
	if again := e.Bounded(); !reflect.DeepEqual(e, again) {
		t.Errorf("%+v\nand then %+v", e, again)
	}
	if len(e.Values) != 1 && len(e.Values) > manyValues {
		t.Errorf("%d values", len(e.Values))
	}
	for name, text := range map[string]string{"text": e.Text, "name": first(e.Values)} {
		if len(text) > textBytes || !utf8.ValidString(text) || strings.ContainsAny(text, "\x1b\n\u202e\x00") {
			t.Errorf("%s: %d bytes, %q", name, len(text), text)
		}
	}
	if !strings.HasPrefix(e.Text, "a?[31m??é") || !strings.HasSuffix(e.Text, "é...") {
		t.Errorf("%q", e.Text)
	}
	for _, v := range e.Values {
		if len(v) > textBytes || !utf8.ValidString(v) || strings.ContainsAny(v, "\x1b\n\x00") {
			t.Errorf("%q", v)
		}
	}
	foreign := Event{Level: long, Word: long, Text: long, Values: map[string]string{}}
	for i := range 100 {
		foreign.Values[fmt.Sprint(i)] = long
	}
	if b := foreign.Bounded(); len(b.Level) > wordBytes || len(b.Word) > wordBytes || len(b.Text) > textBytes || len(b.Values) != manyValues {
		t.Errorf("%+v", b)
	}
}

func first(values map[string]string) string {
	for name := range values {
		return name
	}
	return ""
}

func TestEvents_LatestHasABound(t *testing.T) {
	l := logTo(t, io.Discard)
	for i := range 30 {
		l.Info(fmt.Sprint(i, strings.Repeat("<", 300)), Linked, "i", i)
	}
	got := l.Events.Latest(20, 1<<20)
	if len(got) != 20 || got[0].Seq != 30 || got[19].Seq != 11 {
		t.Fatalf("%d, the first is %d", len(got), got[0].Seq)
	}
	one, _ := json.Marshal(got[0])
	if got := l.Events.Latest(20, 3*len(one)+3); len(got) != 3 || got[0].Seq != 30 {
		t.Errorf("%d in the room of 3", len(got))
	}
}

func TestWords_EachIsInTheTableOnce(t *testing.T) {
	seen := map[string]bool{}
	for _, w := range Words() {
		if seen[w.Word] || strings.Trim(w.Word, "abcdefghijklmnopqrstuvwxyz_") != "" || w.Word == "" || w.Levels == "" || w.Meaning == "" {
			t.Errorf("%+v", w)
		}
		seen[w.Word] = true
	}
	if len(seen) < 40 {
		t.Errorf("%d words", len(seen))
	}
}
