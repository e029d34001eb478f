package nodelog

import (
	"bytes"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"twincached/internal/testkit"
)

// sink is where a log goes: it can be shut, as a pipe that is full, and fail.
type sink struct {
	mu    sync.Mutex
	shut  chan struct{} // a write waits until it is closed; nil: none waits
	fails []error       // of the next writes
	text  bytes.Buffer
	calls int
}

func (s *sink) Write(p []byte) (int, error) {
	s.mu.Lock()
	shut := s.shut
	s.calls++
	s.mu.Unlock()
	if shut != nil {
		<-shut
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.fails) > 0 {
		err := s.fails[0]
		s.fails = s.fails[1:]
		n, _ := s.text.Write(p[:len(p)/2])
		return n, err
	}
	return s.text.Write(p)
}

func (s *sink) said() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.text.String()
}

// open lets the writes through, those that wait too.
func (s *sink) open() {
	s.mu.Lock()
	defer s.mu.Unlock()
	close(s.shut)
	s.shut = nil
}

func noteOf(n uint64) []byte { return fmt.Appendf(nil, "missing %d\n", n) }

func TestWriter_NothingIsLostAndTheOrderStays(t *testing.T) {
	var to sink
	w := NewWriter(&to, noteOf)
	var want strings.Builder
	for i := range 20_000 {
		fmt.Fprintf(w, "line %d\n", i)
		fmt.Fprintf(&want, "line %d\n", i)
	}
	w.Close(time.Minute)
	if to.said() != want.String() || w.Dropped() != 0 {
		t.Errorf("%d bytes of %d, %d lines dropped", len(to.said()), want.Len(), w.Dropped())
	}
}

func TestWriter_WhatNobodyReadsBlocksNobodyAndIsCounted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		to := &sink{shut: make(chan struct{})}
		w := NewWriter(to, noteOf)
		fmt.Fprint(w, "first\n")
		synctest.Wait() // it is on its way out, and hangs
		line := strings.Repeat("x", 1<<10-1) + "\n"
		const lines = 2 * roomBytes >> 10
		for range lines {
			w.Write([]byte(line)) // would end the test as a deadlock
		}
		if w.Dropped() != lines/2 || len(w.waiting) != roomBytes {
			t.Errorf("%d lines dropped, %d bytes wait", w.Dropped(), len(w.waiting))
		}
		to.open()
		synctest.Wait()
		fmt.Fprint(w, "last\n")
		w.Close(time.Second)
		want := "first\n" + strings.Repeat(line, lines/2) + fmt.Sprintf("missing %d\nlast\n", lines/2)
		if got := to.said(); got != want {
			t.Errorf("%d bytes, want %d; the end is %q", len(got), len(want), got[max(0, len(got)-60):])
		}
	})
}

func TestWriter_TheEndWaitsForAMomentOnly(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		to := &sink{shut: make(chan struct{})}
		w := NewWriter(to, noteOf)
		fmt.Fprint(w, "first\n")
		before := time.Now()
		w.Close(ExitGrace)
		if waited := time.Since(before); waited != ExitGrace {
			t.Errorf("waited %v", waited)
		}
		fmt.Fprint(w, "too late\n")
		if w.Dropped() != 1 {
			t.Errorf("%d dropped", w.Dropped())
		}
		to.open()
		synctest.Wait()
		if to.said() != "first\n" {
			t.Errorf("%q", to.said())
		}
	})
}

func TestWriter_AFailedWriteIsCountedAndTheNextIsTried(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		to := &sink{fails: []error{syscall.ENOSPC}}
		w := NewWriter(to, noteOf)
		fmt.Fprint(w, "abcd\n")
		synctest.Wait()
		if w.Dropped() != 1 || to.calls != 1 {
			t.Errorf("%d dropped, %d writes: it goes round in circles", w.Dropped(), to.calls)
		}
		fmt.Fprint(w, "next\n")
		w.Close(time.Second)
		if got := to.said(); got != "abnext\nmissing 1\n" {
			t.Errorf("%q", got)
		}
	})
}

func TestWriter_ATerminalThatIsBusyIsTriedAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		to := &sink{fails: []error{syscall.EAGAIN, fmt.Errorf("write: %w", syscall.EAGAIN)}}
		w := NewWriter(to, noteOf)
		fmt.Fprint(w, "abcdefgh\n")
		w.Close(time.Second)
		if to.said() != "abcdefgh\n" || w.Dropped() != 0 {
			t.Errorf("%q, %d dropped", to.said(), w.Dropped())
		}
	})
}

func TestWriter_GivesBackWhatAFloodTook(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var to sink
		w := NewWriter(&to, noteOf)
		w.Write(bytes.Repeat([]byte("x\n"), keepBytes))
		for range 4 {
			synctest.Wait()
			fmt.Fprint(w, "y\n")
		}
		w.Close(time.Second)
		if cap(w.waiting) > keepBytes {
			t.Errorf("it keeps %d bytes", cap(w.waiting))
		}
	})
}

// An error finds room in a log that -vvv fills, and the lines that do not are not
// even made.
func TestLog_AFloodOfDebugLinesLeavesRoomForAnError(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		to := &sink{shut: make(chan struct{})}
		l := New(to, Style{}, slog.LevelDebug)
		log, w := l.Logger, l.Lines
		log.Info("first")
		synctest.Wait()
		log = log.With("of", "test")
		key := strings.Repeat("k", 1000)
		for range 2 * roomBytes / len(key) {
			log.Debug("get", "key", key)
		}
		if !testkit.Race {
			if n := testing.AllocsPerRun(100, func() { log.Debug("get") }); n != 0 {
				t.Errorf("%v allocations for a line that is dropped", n)
			}
		}
		dropped := w.Dropped()
		log.WithGroup("g").Error("disk on fire", "at", "home")
		to.open()
		w.Close(time.Second)
		said := to.said()
		if !strings.Contains(said, `level=ERROR msg="disk on fire" of=test g.at=home`) || w.Dropped() != dropped {
			t.Errorf("the error is missing: %d dropped before it, %d after", dropped, w.Dropped())
		}
		if note := fmt.Sprintf("level=WARN msg=\"log lines were dropped: whoever reads the log is too slow\" event=log_dropped lines=%d\n", dropped); !strings.HasSuffix(said, note) {
			t.Errorf("the end is %q, want %q", said[max(0, len(said)-200):], note)
		}
	})
}

func TestLog_LevelIsKept(t *testing.T) {
	var to sink
	level := new(slog.LevelVar)
	l := New(&to, Style{}, level)
	log, w := l.Logger, l.Lines
	log.Debug("no")
	level.Set(slog.LevelDebug)
	log.Debug("yes", "error", errors.New("e"))
	w.Close(time.Minute)
	if got := to.said(); !strings.HasSuffix(got, "level=DEBUG msg=yes error=e\n") || strings.Contains(got, "no") {
		t.Errorf("%q", got)
	}
}

func TestSeldom_OnceInTenSecondsEach(t *testing.T) {
	var b bytes.Buffer
	log := slog.New(slog.NewTextHandler(&b, nil))
	var s Seldom
	say := func(now int64, key string) { s.Say(log, slog.LevelError, now, Flood, key, key, "k", 1) }
	for now := int64(0); now < 30_000; now += 1000 {
		say(now, "disk")
	}
	say(29_000, "net")
	say(5_000, "net") // the clock went back
	if got := strings.Count(b.String(), "msg=disk"); got != 3 || strings.Count(b.String(), "repeated=9") != 2 {
		t.Errorf("%d lines:\n%s", got, &b)
	}
	if got := strings.Count(b.String(), "msg=net"); got != 2 {
		t.Errorf("%d lines:\n%s", got, &b)
	}
}
