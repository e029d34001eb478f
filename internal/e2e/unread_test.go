package e2e

import (
	"io"
	"os"
	"syscall"
	"testing"

	"twincached/internal/testkit"
	"twincached/internal/testkit/rig"
)

// logUnread gives the node, from its next start on, a stderr that nobody reads and
// that takes nothing more. It returns the end that could be read.
func logUnread(n *rig.Node) *os.File {
	n.T.Helper()
	r, w, err := testkit.FullPipe()
	if err != nil {
		n.T.Fatal(err)
	}
	n.T.Cleanup(func() { r.Close(); w.Close() })
	n.Stderr = w
	return r
}

// TestFailure_LogThatNobodyReads: both nodes' stderr is a pipe that is full
// from the start, and one of them logs every command.
func TestFailure_LogThatNobodyReads(t *testing.T) {
	t.Parallel()
	a, b := rig.NewPair(t)
	a.Args = append(a.Args, "-vvv")
	logUnread(a)
	logUnread(b)
	rig.StartAll(a, b)
	rig.WaitLinked(a, b)

	names := rig.Keys("logged", 20_000) // 4 lines of the log each: more than any buffer has room for
	a.Load(names, func(i int) string { return names[i] })
	for range 2 { // the link says more of its end and its beginning than the pipe has room for
		b.Kill()
		c := a.Dial()
		if got := c.Set("alone", "1"); got != "STORED" {
			t.Errorf("without its peer: %q", got)
		}
		b.Start()
		b.WaitServing()
		rig.WaitLinked(a, b)
	}
	if lost := lacks(b, names); len(lost) > 0 {
		t.Errorf("%d of %d keys are not on the other node", len(lost), len(names))
	}
	if a.Number("log_lines_dropped") == 0 {
		t.Error("no line was dropped: the test shows nothing")
	}
	saw(t, "log", a, a, b)
	stopsLackingNothing(t, a, b)
}

// TestLog_SaysHowManyLinesNobodyRead: the pipe is read again.
func TestLog_SaysHowManyLinesNobodyRead(t *testing.T) {
	t.Parallel()
	a := rig.NewNode(t, "a", rig.NewNet(t)+".1", "", "-vvv")
	pipe := logUnread(a)
	rig.StartAll(a)
	a.Load(rig.Keys("logged", 20_000), func(int) string { return "v" })
	dropped := a.Stat("log_lines_dropped")
	if dropped == "0" {
		t.Fatal("no line was dropped: the test shows nothing")
	}
	a.Stderr.Close() // the node has it too
	read := make(chan struct{})
	go func() {
		defer close(read)
		_, _ = io.Copy(a.Log, pipe)
	}()
	a.WaitLog("level=WARN", "log lines were dropped", "lines=")
	a.Dial().Do("get sure-to-be-logged")
	a.WaitLog("<", "get sure-to-be-logged")
	a.Signal(syscall.SIGTERM)
	if code := a.Wait(); code != 0 {
		t.Errorf("status %d", code)
	}
	<-read
	if !a.Logged("msg=stopped") {
		t.Error("the last line is missing")
	}
}
