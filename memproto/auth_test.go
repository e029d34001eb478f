package memproto

import (
	"fmt"
	"strings"
	"testing"

	"twincached/internal/testkit"
)

// loginServer asks for the logins of file in the text protocol.
func loginServer(t *testing.T, file string) *Server {
	t.Helper()
	s := newTestServer(t)
	s.TextLogins = new(Logins)
	if err := s.TextLogins.Load([]byte(file)); err != nil {
		t.Fatal(err)
	}
	return s
}

const someLogins = "bob:secret\r\nann:a:b c\nnobody:\neve:x"

func TestLogin_TextAnswersAsMemcached(t *testing.T) {
	s := loginServer(t, someLogins)
	for _, row := range []struct{ send, want string }{
		{"version\r\n", replyStranger},
		{"get k\r\nstats\r\nstats x\n", replyStranger + replyStranger + replyStranger},
		{"\n", ""}, // memcached waits for more before it looks
		{"set a 0 0 10\r\nbob secret\r\nversion\r\n", replyStored + "VERSION 1.6.45\r\n"},
		{"set any-key-at-all 7 -1 10 ignored words\nbob secret\r\nversion\r\n", replyStored + "VERSION 1.6.45\r\n"},
		{"setx a 0 0 5\r\neve x\r\n", replyStored},
		{" set a 0 0 5\r\neve x\r\n", replyStranger + replyStranger},
		{"set a 0 0 9\r\nann a:b c\r\n", replyStored},
		{"set a 0 0 7\r\nnobody \r\n", replyStored},
		{"set a 0 0 5 noreply\r\neve y\r\n", replyLoginFailed},
		{"set a 0 0 5\r\neve y\r\nset a 0 0 5\r\neve x\r\n", replyLoginFailed + replyStored},
		{"set a 0 0 10\r\neve secret\r\n", replyLoginFailed}, // another's
		{"set a 0 0 11\r\nbob secret \r\n", replyLoginFailed},
		{"set a 0 0 9\r\nbob secre\r\n", replyLoginFailed},
		{"set a 0 0 1\r\n \r\n", replyLoginFailed},
		{"set a 0 0 3\r\nbob\r\n", replyLoginFormat},
		{"set a 0 0 0\r\n\r\n", replyLoginFormat},
		{"set a 0 0 3\r\nbob secret\r\n", replyLoginEnd + replyStranger},
		{"set a 0 0\r\n", replyStranger},
		{"set a 0 0 x\r\n", replyStranger},
		{"set a 0 0 -1\r\n", replyStranger},
		{"set a 0 0 4294967296\r\n", replyStranger},
		{"set a 0 0 16385\r\nversion\r\n", replyLoginTooLong + replyStranger},
		{"add a 0 0 5\r\neve x\r\n", replyStranger + replyStranger},
		{"get " + strings.Repeat("k", 3000) + "\r\n", replyStranger},
	} {
		for _, whole := range []bool{true, false} {
			e := newEngine(t, s)
			var out []byte
			if whole {
				out = e.feed([]byte(row.send))
			} else {
				e.ignoreNeed = true
				for i := range len(row.send) {
					out = append(out, e.feed([]byte(row.send[i:i+1]))...)
				}
			}
			if want := row.want; string(out) != want && !(want == replyStranger && len(row.send) > 2048 && !whole) || e.closed && whole {
				t.Errorf("%.60q, whole %v: got %q, want %q; closed %v", row.send, whole, out, row.want, e.closed)
			}
		}
	}
}

// TestLogin_ALineTooShortForOneEndsTheConn: as in memcached.
func TestLogin_ALineTooShortForOneEndsTheConn(t *testing.T) {
	s := loginServer(t, someLogins)
	for _, short := range []string{"quit\r\n", "stats\n", "mn\r\n", "\na\n"} {
		e := newEngine(t, s)
		if out := e.feed([]byte("get k\r\n" + short + "set a 0 0 5\r\neve x\r\n")); string(out) != replyStranger || e.reason != ReasonStranger {
			t.Errorf("%q: %q, closed for %q", short, out, e.reason)
		}
	}
}

func TestLogin_StrangerWithoutALineIsClosed(t *testing.T) {
	e := newEngine(t, loginServer(t, someLogins))
	if out := e.feed([]byte(strings.Repeat("x", MaxLineBytes+1))); len(out) != 0 || e.reason != ReasonStranger {
		t.Errorf("%q, closed for %q", out, e.reason)
	}
	e = newEngine(t, loginServer(t, someLogins))
	if out := e.feed(request(opNoop, "", "", "")); string(out) != replyBinary || e.reason != ReasonBinary {
		t.Errorf("binary: %q, closed for %q", out, e.reason)
	}
}

func TestLogin_NothingIsDoneForAStranger(t *testing.T) {
	s := loginServer(t, someLogins)
	e := newEngine(t, s)
	e.feed([]byte("set k 0 0 1\r\nv\r\nset a 0 0 5\r\neve y\r\nflush_all\r\n"))
	if st := s.Store.Stats(); st.CmdSet != 0 || st.CmdFlush != 0 || st.Items != 0 {
		t.Errorf("%+v", st)
	}
	e.feed([]byte("set a 0 0 5\r\neve x\r\n"))
	rows := statMap(t, string(e.feed([]byte("stats\r\n"))))
	if rows["auth_cmds"] != "2" || rows["auth_errors"] != "1" || rows["cmd_set"] != "0" {
		t.Errorf("%v", rows)
	}
	e.feed([]byte("stats reset\r\n"))
	rows = statMap(t, string(e.feed([]byte("stats\r\n"))))
	if rows["auth_cmds"] != "0" || rows["auth_errors"] != "0" {
		t.Errorf("after reset: %v", rows)
	}
}

func TestLogins_ABadFileChangesNothing(t *testing.T) {
	var l Logins
	if l.Match([]byte("bob"), []byte("secret")) || l.Match(nil, nil) {
		t.Error("the zero value lets in")
	}
	if err := l.Load([]byte(someLogins)); err != nil {
		t.Fatal(err)
	}
	for _, bad := range []string{"ann:new\nbob\n", "ann:new\n\n", "ann:new\n" + strings.Repeat("x", 300) + ":y"} {
		err := l.Load([]byte(bad))
		if err == nil || !strings.Contains(err.Error(), "line 2 ") || strings.Contains(err.Error(), "bob") {
			t.Errorf("%.20q: %v", bad, err)
		}
	}
	if err := l.Load(nil); err == nil || !strings.Contains(err.Error(), "nobody could log in") {
		t.Error("an empty file, which memcached refuses too:", err)
	}
	if !l.Match([]byte("bob"), []byte("secret")) || l.Match([]byte("ann"), []byte("new")) {
		t.Error("a bad file changed the logins")
	}
}

func TestLogins_MoreThanMemcachedsEight(t *testing.T) {
	var file strings.Builder
	for i := range 100 {
		fmt.Fprintf(&file, "name%d:password%d\n", i, i)
	}
	var l Logins
	if err := l.Load([]byte(file.String())); err != nil {
		t.Fatal(err)
	}
	if !l.Match([]byte("name99"), []byte("password99")) || l.Match([]byte("name99"), []byte("password98")) {
		t.Error("the last of a hundred")
	}
}

func TestLogin_KnownConnsDoNotAllocate(t *testing.T) {
	if testkit.Race {
		t.Skip("the race detector allocates")
	}
	c := NewConn(loginServer(t, someLogins))
	c.Process(testNow, []byte("set a 0 0 5\r\neve x\r\nset k 0 0 1\r\nv\r\n"), nil)
	out := make([]byte, 0, 1<<10)
	in := []byte("get k\r\nset k 0 0 1\r\nv\r\n")
	if n := testing.AllocsPerRun(200, func() { c.Process(testNow, in, out) }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

func TestShutdown_OnlyWhereAllowedAndWithoutAReply(t *testing.T) {
	s := newTestServer(t)
	if out := newEngine(t, s).feed([]byte("shutdown\r\nshutdown graceful\r\n")); string(out) != replyNoShutdown+replyNoShutdown {
		t.Errorf("%q", out)
	}
	asked := 0
	s.Shutdown = func() { asked++ }
	if out := newEngine(t, s).feed([]byte("shutdown now\r\nshutdown graceful now\r\nversion\r\n")); string(out) != replyBadShutdown+replyBadShutdown+"VERSION 1.6.45\r\n" || asked != 0 {
		t.Errorf("%q, asked %d", out, asked)
	}
	for i, line := range []string{"shutdown\r\n", "shutdown graceful\r\n"} {
		e := newEngine(t, s)
		if out := e.feed([]byte("version\r\n" + line + "version\r\n")); string(out) != "VERSION 1.6.45\r\n" || e.reason != ReasonShutdown || asked != i+1 {
			t.Errorf("%q: %q, closed for %q, asked %d", line, out, e.reason, asked)
		}
	}
}
