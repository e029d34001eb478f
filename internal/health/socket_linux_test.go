package health

import (
	"crypto/rand"
	"log/slog"
	"net"
	"os"
	"reflect"
	"runtime"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"twincached/internal/testkit"
)

// ownName keeps the nodes of this machine out.
func ownName() string { return "@twincached-test-" + rand.Text() }

func open(t *testing.T, name string, r Report) *Socket {
	t.Helper()
	s := Open(name, slog.New(slog.DiscardHandler), func() Report { return r })
	if s == nil {
		t.Fatal("no socket")
	}
	t.Cleanup(func() { s.l.Close() })
	return s
}

// answering is what Local finds when it finds anything: on a busy machine an answer may come
// too late.
func answering(t *testing.T, name string) (nodes []Report) {
	t.Helper()
	testkit.Eventually(t, "an answer", func() bool {
		nodes, _ = Local(name)
		return len(nodes) > 0
	})
	return nodes
}

func TestLocal_FindsANodeUntilItEnds(t *testing.T) {
	name := ownName()
	if nodes, silent := Local(name); len(nodes)+len(silent) > 0 {
		t.Fatalf("%v, %v", nodes, silent)
	}
	told := Report{Version: "1", State: "copying", Qualifier: "alone", Full: true, Clients: []string{"0.0.0.0:11211", "/a b"}}
	s := open(t, name, told)
	told.PID = os.Getpid() // the kernel's word for it
	if nodes := answering(t, name); len(nodes) != 1 || !reflect.DeepEqual(nodes[0], told) {
		t.Fatalf("%+v, want %+v", nodes, told)
	}
	s.Close()
	if nodes, silent := Local(name); len(nodes)+len(silent) > 0 {
		t.Fatalf("after the end: %v, %v", nodes, silent)
	}
	(*Socket)(nil).Close() // a system without such sockets
}

func TestLocal_NamesANodeThatGivesNoAnswer(t *testing.T) {
	for _, answer := range []string{"", "{", strings.Repeat("x", maxReportBytes+1)} {
		name := ownName()
		l, err := listen(name)
		if err != nil {
			t.Fatal(err)
		}
		done := make(chan struct{})
		go func() {
			defer close(done)
			if c, err := l.Accept(); err == nil && answer != "" {
				_, _ = c.Write([]byte(answer))
				c.Close()
			}
		}()
		if nodes, silent := Local(name); len(nodes) != 0 || len(silent) != 1 || silent[0] != os.Getpid() {
			t.Errorf("%.10q: %v, %v", answer, nodes, silent)
		}
		l.Close()
		<-done
	}
}

// asNobody runs f on a thread of another user. The thread ends with it.
func asNobody(t *testing.T, f func()) {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("SKIPPED: only root can be another user")
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		runtime.LockOSThread()
		keep := ^uintptr(0)
		if _, _, errno := unix.RawSyscall(unix.SYS_SETRESUID, keep, 65534, keep); errno != 0 {
			t.Errorf("setresuid: %v", errno)
			return
		}
		f()
	}()
	<-done
}

func TestLocal_DoesNotBelieveAnotherUser(t *testing.T) {
	name := ownName()
	var stranger net.Listener
	asNobody(t, func() {
		var err error
		if stranger, err = listen(name); err != nil {
			t.Error(err)
		}
	})
	if stranger == nil {
		return
	}
	defer stranger.Close()
	if nodes, silent := Local(name); len(nodes)+len(silent) > 0 {
		t.Errorf("%v, %v", nodes, silent)
	}
}

func TestSocket_AnswersItsOwnUserAndRootOnly(t *testing.T) {
	name := ownName()
	s := open(t, name, Report{State: "ready"})
	defer s.Close()
	asNobody(t, func() {
		if r, pid, ok := ask(listed(name)[0]); ok || pid != os.Getpid() {
			t.Errorf("a stranger was told %+v by %d", r, pid)
		}
	})
	if nodes := answering(t, name); len(nodes) != 1 {
		t.Errorf("and afterwards: %v", nodes)
	}
}
