package e2e

import (
	"io"
	"os"
	"syscall"
	"testing"

	"twincached/internal/testkit"
)

// logUnread gives the node, from its next start on, a stderr that nobody reads and
// that takes nothing more. It returns the end that could be read.
func logUnread(n *node) *os.File {
	n.t.Helper()
	r, w, err := testkit.FullPipe()
	if err != nil {
		n.t.Fatal(err)
	}
	n.t.Cleanup(func() { r.Close(); w.Close() })
	n.stderr = w
	return r
}

// TestFailure_LogThatNobodyReads: both nodes' stderr is a pipe that is full
// from the start, and one of them logs every command.
func TestFailure_LogThatNobodyReads(t *testing.T) {
	t.Parallel()
	a, b := newPair(t)
	a.args = append(a.args, "-vvv")
	logUnread(a)
	logUnread(b)
	startAll(a, b)
	waitLinked(a, b)

	names := keys("logged", 20_000) // 4 lines of the log each: more than any buffer has room for
	a.load(names, func(i int) string { return names[i] })
	for range 2 { // the link says more of its end and its beginning than the pipe has room for
		b.kill()
		c := a.dial()
		if got := c.set("alone", "1"); got != "STORED" {
			t.Errorf("without its peer: %q", got)
		}
		b.start()
		b.waitServing()
		waitLinked(a, b)
	}
	if lost := b.lacks(names); len(lost) > 0 {
		t.Errorf("%d of %d keys are not on the other node", len(lost), len(names))
	}
	if a.number("log_lines_dropped") == 0 {
		t.Error("no line was dropped: the test shows nothing")
	}
	stopsLackingNothing(t, a, b)
}

// TestLog_SaysHowManyLinesNobodyRead: the pipe is read again.
func TestLog_SaysHowManyLinesNobodyRead(t *testing.T) {
	t.Parallel()
	a := newNode(t, "a", newNet()+".1", "", "-vvv")
	pipe := logUnread(a)
	startAll(a)
	a.load(keys("logged", 20_000), func(int) string { return "v" })
	dropped := a.stat("log_lines_dropped")
	if dropped == "0" {
		t.Fatal("no line was dropped: the test shows nothing")
	}
	a.stderr.Close() // the node has it too
	read := make(chan struct{})
	go func() {
		defer close(read)
		_, _ = io.Copy(a.log, pipe)
	}()
	a.waitLog("level=WARN", "log lines were dropped", "lines=")
	a.dial().do("get sure-to-be-logged")
	a.waitLog("<", "get sure-to-be-logged")
	a.signal(syscall.SIGTERM)
	if code := a.wait(); code != 0 {
		t.Errorf("status %d", code)
	}
	<-read
	if !a.logged("msg=stopped") {
		t.Error("the last line is missing")
	}
}
