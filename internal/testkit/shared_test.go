package testkit

import (
	"fmt"
	"net"
	"os"
	"syscall"
	"testing"
	"testing/synctest"
	"time"
)

func TestLog_TellsWhatWasWritten(t *testing.T) {
	var log Log
	fmt.Fprintln(&log, "one two three")
	fmt.Fprint(&log, "four")
	if got := log.String(); got != "one two three\nfour" {
		t.Errorf("it holds %q", got)
	}
	if log.Tail(5) != "\nfour" || log.Tail(100) != log.String() {
		t.Errorf("its tail is %q, the longest %q", log.Tail(5), log.Tail(100))
	}
	if !log.Has("three", "one") || !log.Has("four") || log.Has("one", "four") {
		t.Error("the parts are to be in one line")
	}
}

func TestFreePorts_AreFreeAndDiffer(t *testing.T) {
	seen := map[string]bool{}
	for _, port := range FreePorts(t, 5) {
		l, err := net.Listen("tcp", "127.0.0.1:"+port)
		if err != nil {
			t.Error(err)
			continue
		}
		l.Close()
		seen[port] = true
	}
	if len(seen) != 5 {
		t.Errorf("%d of 5 ports are free", len(seen))
	}
	for _, port := range FreePorts(t, 5) {
		if seen[port] {
			t.Errorf("%s was given twice", port)
		}
	}
}

// Another process that looks at the same time must not find the same ones.
func TestFreePorts_AreOfThisProcessOnly(t *testing.T) {
	FreePorts(t, 1)
	f, err := os.OpenFile(block.lock.Name(), os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != syscall.EWOULDBLOCK {
		t.Errorf("its lock can be taken: %v", err)
	}
}

// failing is a test that ends where the true one would.
type failing struct {
	testing.TB
	said string
}

func (f *failing) Helper()                           {}
func (f *failing) Fatalf(format string, args ...any) { f.said = fmt.Sprintf(format, args...); panic(f) }

func TestEventually_WaitsAndGivesUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		begun := time.Now()
		Eventually(t, "half a minute passes", func() bool { return time.Since(begun) >= Patience/2 })
		f := &failing{TB: t}
		defer func() {
			if recover() != f || f.said != "waited in vain: the end of time" {
				t.Errorf("it said %q", f.said)
			}
			if waited := time.Since(begun); waited < 3*Patience/2 {
				t.Errorf("it gave up after %v", waited-Patience/2)
			}
		}()
		Eventually(f, "the end of time", func() bool { return false })
	})
}
