package nodelog

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"
)

// closer is a sink of which a write that hangs ends with Close, half way.
type closer struct {
	sink
	half []byte // how much of that write went out
}

func (c *closer) Write(p []byte) (int, error) {
	if c.shut == nil {
		return c.sink.Write(p)
	}
	<-c.shut
	c.half = append(c.half, p[:len(p)/2]...)
	return len(p) / 2, &os.PathError{Op: "write", Path: "log", Err: os.ErrClosed}
}

func (c *closer) Close() error {
	close(c.shut)
	return nil
}

func TestWriter_SwapLeavesAFileThatHangs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		hangs, next := &closer{sink: sink{shut: make(chan struct{})}}, new(closer)
		w := NewWriter(hangs, noteOf)
		fmt.Fprint(w, "abcd\n")
		synctest.Wait()
		fmt.Fprint(w, "efgh\n")
		if err := w.Swap(next); err != nil {
			t.Fatal(err)
		}
		fmt.Fprint(w, "ijkl\n")
		w.Close(time.Second)
		if got := string(hangs.half) + "|" + next.said(); got != "ab|cd\nefgh\nijkl\n" || w.Dropped() != 0 {
			t.Errorf("%q, %d dropped", got, w.Dropped())
		}
	})
}

// One that was closed by somebody else is an error as any other: it does not go round
// in circles.
func TestWriter_AClosedFileIsNotTriedForEver(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		to := &sink{fails: []error{os.ErrClosed}}
		w := NewWriter(to, noteOf)
		fmt.Fprint(w, "abcd\n")
		synctest.Wait()
		w.Close(time.Second)
		if to.calls != 1 || w.Dropped() != 1 {
			t.Errorf("%d writes, %d dropped", to.calls, w.Dropped())
		}
	})
}

func TestOpenFile_AddsAndWaitsForNobody(t *testing.T) {
	dir := t.TempDir()
	fifo, file := filepath.Join(dir, "fifo"), filepath.Join(dir, "file")
	if err := syscall.Mkfifo(fifo, 0o600); err != nil {
		t.Fatal(err)
	}
	made := 0
	owner := func(*os.File) error { made++; return nil }
	for _, name := range []string{file, file, fifo} {
		f, err := OpenFile(name, owner)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := f.WriteString("x"); err != nil {
			t.Error(err)
		}
		f.Close()
	}
	if text, err := os.ReadFile(file); string(text) != "xx" || err != nil || made != 1 {
		t.Errorf("%q, %v, made %d times", text, err, made)
	}
	if _, err := OpenFile(dir, owner); err == nil || !strings.Contains(err.Error(), dir) {
		t.Errorf("a directory: %v", err)
	}
	failed := fmt.Errorf("no")
	if _, err := OpenFile(file+"2", func(*os.File) error { return failed }); err == nil || !strings.Contains(err.Error(), file+"2") {
		t.Errorf("%v", err)
	}
}
