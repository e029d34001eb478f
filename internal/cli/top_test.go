package cli

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"twincached/internal/testkit"
)

func TestTop_NeedsATerminal(t *testing.T) {
	if _, code, out, stderr := parse("top", "127.0.0.1"); code != exitUnable || out != "" || !strings.Contains(stderr, "top: it needs a terminal; twincached status shows the same once") {
		t.Errorf("exit %d, %q, %q", code, out, stderr)
	}
}

// terminal is one of tmux, of its own server.
type terminal struct {
	t      *testing.T
	tmux   string
	socket string
	busy   func() // before each look at the screen; nil: nothing
}

func (s *terminal) do(words ...string) string {
	s.t.Helper()
	cmd := exec.Command(s.tmux, append([]string{"-f", "/dev/null", "-S", s.socket}, words...)...)
	cmd.Env = append(os.Environ(), asProgram+"=1", "LC_ALL=C.UTF-8", "TERM=screen")
	out, err := cmd.CombinedOutput()
	if err != nil {
		s.t.Fatalf("tmux %q: %v, %s", words, err, out)
	}
	return string(out)
}

// shows waits until all of this stands on the screen.
func (s *terminal) shows(what ...string) {
	s.t.Helper()
	text := ""
	defer func() {
		if s.t.Failed() {
			s.t.Log(text)
		}
	}()
	waitFor(s.t, "a screen with "+strings.Join(what, ", "), func() bool {
		if s.busy != nil {
			s.busy()
		}
		text = s.do("capture-pane", "-p")
		for _, w := range what {
			if !strings.Contains(text, w) {
				return false
			}
		}
		return true
	})
}

// The real program in a real terminal, over a pair of which a node dies and comes back.
func TestTop_InATerminal(t *testing.T) {
	s := &terminal{t: t, tmux: testkit.NeedTool(t, "tmux", "top is tried in it"), socket: filepath.Join(t.TempDir(), "tmux")}
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	a, b, clients := twoNodes(t)
	s.do("new-session", "-d", "-x", "80", "-y", "24", self+" top "+strings.Join(clients, " ")+"; echo status $?; read x")
	defer s.do("kill-server")
	s.shows("A "+clients[0], "B "+clients[1], "link        stream for", "gets        0/s", "INFO ready")
	for y, row := range strings.Split(s.do("capture-pane", "-p"), "\n") {
		if len([]rune(row)) > 80 || y > 24 {
			t.Errorf("row %d: %q", y, row)
		}
	}
	c := newClient(clients[0])
	defer c.Close()
	s.busy = func() { _, _ = c.Get("miss") } // a rate stands there for a second
	s.shows("/s, 0.0% hits")
	s.busy = nil

	b.cmd.Process.Kill()
	b.exit()
	s.shows("no answer", "A one_copy_left", "B no_answer: "+clients[1])
	again := run(t, b.cmd.Args[1:]...)
	again.waitSaid("msg=ready")
	s.shows("B "+clients[1], "asked itself                      asked itself")

	a.stop() // it stands still, and so does nothing else
	defer a.cmd.Process.Signal(syscall.SIGCONT)
	s.shows("A no_answer", "asked itself")
	s.do("resize-window", "-x", "50", "-y", "12")
	s.shows("A no_answer")
	a.cmd.Process.Signal(syscall.SIGCONT)
	s.do("send-keys", "h")
	s.shows("pause, and go on")
	s.do("send-keys", "h")
	s.do("send-keys", "p")
	s.shows("PAUSED")
	s.do("send-keys", "q")
	s.shows("status 0")
}
