package nodelog

import (
	"encoding/json"
	"log/slog"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// linesIn is one line of each level, in a style.
func linesIn(t *testing.T, style Style) []string {
	t.Helper()
	var to sink
	l := New(&to, style, slog.LevelDebug)
	log := l.With("of", "test")
	log.Debug("d")
	log.Info("i", Linked, "a", "b c")
	log.Warn("w")
	log.Error("e")
	l.Lines.Close(time.Minute)
	return strings.Split(strings.TrimSuffix(to.said(), "\n"), "\n")
}

func TestStyle_Text(t *testing.T) {
	got := linesIn(t, Style{})
	if len(got) != 4 || !regexp.MustCompile(`^time=\S+ level=INFO msg=i of=test event=linked a="b c"$`).MatchString(got[1]) {
		t.Errorf("%q", got)
	}
}

// sd-daemon(3): the priorities of syslog, from 3 for an error to 7.
func TestStyle_JournalHasPrioritiesAndNoTime(t *testing.T) {
	got := linesIn(t, Style{Journal: true})
	want := []string{
		"<7>level=DEBUG msg=d of=test", `<6>level=INFO msg=i of=test event=linked a="b c"`,
		"<4>level=WARN msg=w of=test", "<3>level=ERROR msg=e of=test",
	}
	if strings.Join(got, "\n") != strings.Join(want, "\n") {
		t.Errorf("%q, want %q", got, want)
	}
}

func TestStyle_JSONHasItsTimeInUTC(t *testing.T) {
	for _, journal := range []bool{false, true} {
		got := linesIn(t, Style{JSON: true, Journal: journal})
		if len(got) != 4 {
			t.Fatalf("%q", got)
		}
		text, prefixed := strings.CutPrefix(got[1], "<6>")
		var line struct{ Time, Level, Msg, Of, Event, A string }
		if err := json.Unmarshal([]byte(text), &line); err != nil || prefixed != journal {
			t.Fatalf("%q: %v", got[1], err)
		}
		at, err := time.Parse(time.RFC3339, line.Time)
		if err != nil || !strings.HasSuffix(line.Time, "Z") || time.Since(at).Abs() > time.Minute {
			t.Errorf("time %q", line.Time)
		}
		line.Time = ""
		if line != (struct{ Time, Level, Msg, Of, Event, A string }{"", "INFO", "i", "test", "linked", "b c"}) {
			t.Errorf("%+v", line)
		}
	}
}

// The line about missing lines is in the style of the others, and counts.
func TestStyle_OfMissingLines(t *testing.T) {
	for style, want := range map[Style]string{
		{}:              `^time=\S+ level=WARN msg="log lines were dropped: [^"]+" event=log_dropped lines=\d+\n$`,
		{Journal: true}: `^<4>level=WARN msg="log lines were dropped: [^"]+" event=log_dropped lines=\d+\n$`,
		{JSON: true}:    `^{"time":"\S+Z","level":"WARN","msg":"log lines were dropped: [^"]+","event":"log_dropped","lines":\d+}\n$`,
	} {
		synctest.Test(t, func(t *testing.T) {
			to := &sink{shut: make(chan struct{})}
			l := New(to, style, slog.LevelDebug)
			l.Info("first")
			synctest.Wait()
			for range roomBytes / 1000 {
				l.Debug(strings.Repeat("x", 1000))
			}
			to.open()
			l.Lines.Close(time.Second)
			said := strings.SplitAfter(to.said(), "\n")
			if last := said[len(said)-2]; !regexp.MustCompile(want).MatchString(last) {
				t.Errorf("%+v: %q", style, last)
			}
			if got := l.Events.Counts()["log_dropped"]; got != 1 {
				t.Errorf("counted %d times", got)
			}
		})
	}
}

func TestStyleFor_WhereTheLogGoes(t *testing.T) {
	file, err := os.Create(filepath.Join(t.TempDir(), "log"))
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	device, err := os.OpenFile(os.DevNull, os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer device.Close()
	info, _ := file.Stat()
	for _, tt := range []struct {
		format Format
		file   *os.File
		stream string
		want   Style
	}{
		{FormatAuto, file, "", Style{JSON: true}},
		{FormatAuto, device, "", Style{}},
		{FormatAuto, file, deviceAndInode(info), Style{Journal: true}},
		{FormatAuto, file, "1:1", Style{JSON: true}}, // stderr was redirected since
		{FormatText, file, "", Style{}},
		{FormatJSON, device, "", Style{JSON: true}},
		{FormatJSON, file, deviceAndInode(info), Style{JSON: true, Journal: true}},
	} {
		t.Setenv("JOURNAL_STREAM", tt.stream)
		if got := StyleFor(tt.format, tt.file); got != tt.want {
			t.Errorf("%s to %s: %+v, want %+v", tt.format, tt.file.Name(), got, tt.want)
		}
	}
	if got := StyleFor(FormatAuto, new(sink)); got != (Style{JSON: true}) {
		t.Errorf("what is no file: %+v", got)
	}
	if _, err := ParseFormat("xml"); err == nil {
		t.Error("xml is a format")
	}
}
