package memproto

import (
	"strings"
	"testing"
)

func saslServer(t *testing.T) *Server {
	t.Helper()
	s := newTestServer(t)
	s.SASLLogins = new(Logins)
	if err := s.SASLLogins.LoadSASL([]byte("bob:secret:more:\r\n# no login\nann:a:b\nann:late")); err != nil {
		t.Fatal(err)
	}
	return s
}

func auth(value string) []byte { return request(opSASLAuth, "PLAIN", "", value) }

func authed(op byte) []frame { return got(op, statusOK, "", "", "Authenticated", 0) }

// refused is a step that ends the conn.
func refused(op byte) binaryStep {
	return binaryStep{send: request(op, "k", "", ""), want: failed(op, statusAuth), closed: true}
}

func TestSASL_AnswersAsMemcached(t *testing.T) {
	for name, steps := range map[string][]binaryStep{
		"list":            {does(request(opSASLList, "", "", ""), got(opSASLList, statusOK, "", "", "PLAIN", 0)), refused(opGet)},
		"version":         {does(request(opVersion, "", "", ""), got(opVersion, statusOK, "", "", "1.6.45", 0))},
		"stranger gets":   {refused(opGet)},
		"quietly":         {refused(opGetQ)},
		"stranger quits":  {refused(opQuit)},
		"unknown op":      {refused(0x50)},
		"in":              {does(auth("\x00bob\x00secret"), authed(opSASLAuth)), has("k", "v"), holds("k", 7, "v")},
		"for itself":      {does(auth("bob\x00bob\x00secret"), authed(opSASLAuth))},
		"mechanism":       {does(request(opSASLAuth, "plain", "", "\x00bob\x00secret"), authed(opSASLAuth))},
		"more fields":     {does(auth("\x00bob\x00secret:more"), authed(opSASLAuth)), does(auth("\x00bob\x00secret:more:"), authed(opSASLAuth))},
		"first line":      {does(auth("\x00ann\x00a:b"), authed(opSASLAuth)), does(auth("\x00ann\x00late"), failed(opSASLAuth, statusAuth))},
		"for another":     {does(auth("ann\x00bob\x00secret"), failed(opSASLAuth, statusAuth)), refused(opGet)},
		"wrong":           {does(auth("\x00bob\x00wrong"), failed(opSASLAuth, statusAuth)), does(auth("\x00bob\x00secret"), authed(opSASLAuth)), has("k", "v")},
		"nobody":          {does(auth("\x00\x00"), failed(opSASLAuth, statusAuth)), refused(opDelete)},
		"no fields":       {does(auth("bobsecret"), failed(opSASLAuth, statusAuth))},
		"one field":       {does(auth("\x00bob"), failed(opSASLAuth, statusAuth))},
		"other mechanism": {does(request(opSASLAuth, "CRAM-MD5", "", "\x00bob\x00secret"), failed(opSASLAuth, statusAuth)), refused(opGet)},
		"long mechanism":  {does(request(opSASLAuth, strings.Repeat("X", 40), "", "\x00bob\x00secret"), failed(opSASLAuth, statusInvalid)), refused(opGet)},
		"long message":    {does(auth(strings.Repeat("z", maxLoginBytes+1)), failed(opSASLAuth, statusNoMemory)), refused(opGet)},
		"step": {does(auth(""), got(opSASLAuth, statusAuthContinue, "", "", "", 0)),
			does(request(opSASLStep, "PLAIN", "", "\x00bob\x00secret"), authed(opSASLStep)), has("k", "v")},
		"step, wrong": {does(auth(""), got(opSASLAuth, statusAuthContinue, "", "", "", 0)),
			does(request(opSASLStep, "PLAIN", "", "\x00bob\x00wrong"), failed(opSASLStep, statusAuth)),
			does(request(opSASLStep, "PLAIN", "", "\x00bob\x00secret"), failed(opSASLStep, statusAuth)), refused(opGet)},
		"step alone":       {does(request(opSASLStep, "PLAIN", "", "\x00bob\x00secret"), failed(opSASLStep, statusAuth)), refused(opGet)},
		"out again":        {does(auth("\x00bob\x00secret"), authed(opSASLAuth)), does(auth("\x00bob\x00wrong"), failed(opSASLAuth, statusAuth)), refused(opGet)},
		"begun, not ended": {does(auth(""), got(opSASLAuth, statusAuthContinue, "", "", "", 0)), refused(opGet)},
	} {
		t.Run(name, func(t *testing.T) {
			s := saslServer(t)
			for _, bytewise := range []bool{false, true} {
				e := newEngine(t, s)
				playSteps(t, e, steps, bytewise)
			}
		})
	}
}

// playSteps is runBinary without the flush, which is no stranger's.
func playSteps(t *testing.T, e *engine, steps []binaryStep, bytewise bool) {
	t.Helper()
	for i, st := range steps {
		var out []byte
		if bytewise {
			e.ignoreNeed = true
			for j := range st.send {
				out = append(out, e.feed(st.send[j:j+1])...)
			}
		} else {
			out = e.feed(st.send)
		}
		frames := readFrames(t, out)
		if len(frames) != len(st.want) || e.closed != st.closed {
			t.Fatalf("step %d: %v, closed %v; want %v, closed %v", i, frames, e.closed, st.want, st.closed)
		}
		for j, f := range frames {
			if st.want[j].cas == anyCAS {
				f.cas = anyCAS
			}
			if f != st.want[j] {
				t.Fatalf("step %d: %v, want %v", i, f, st.want[j])
			}
		}
	}
}

func TestSASL_TextIsRefusedUnlessItHasLoginsOfItsOwn(t *testing.T) {
	s := saslServer(t)
	e := newEngine(t, s)
	if out := e.feed([]byte("get a\r\nget a\r\nget a\r\nget a\r\n")); len(out) != 0 || e.reason != ReasonMagic {
		t.Errorf("%q, closed for %q", out, e.reason)
	}
	s.TextLogins = new(Logins)
	if err := s.TextLogins.Load([]byte("eve:x")); err != nil {
		t.Fatal(err)
	}
	for _, row := range []struct{ send, want string }{
		{"get a\r\n", replyStranger},
		{"set a 0 0 10\r\nbob secret\r\n", replyLoginFailed}, // SASL's
		{"set a 0 0 5\r\neve x\r\nget a\r\n", replyStored + replyEnd},
	} {
		if out := newEngine(t, s).feed([]byte(row.send)); string(out) != row.want {
			t.Errorf("%q: %q", row.send, out)
		}
	}
	playSteps(t, newEngine(t, s), []binaryStep{refused(opGet)}, false)
	playSteps(t, newEngine(t, s), []binaryStep{does(auth("\x00eve\x00x"), failed(opSASLAuth, statusAuth)), refused(opGet)}, false)
}

func TestSASL_CountsLogins(t *testing.T) {
	s := saslServer(t)
	e := newEngine(t, s)
	for _, value := range []string{"\x00bob\x00wrong", "nothing", "\x00bob\x00secret"} {
		e.feed(auth(value))
	}
	replies, _ := e.exchange(t, request(opStat, "", "", ""))
	rows := map[string]string{}
	for _, f := range replies {
		rows[f.key] = f.value
	}
	if rows["auth_cmds"] != "3" || rows["auth_errors"] != "2" {
		t.Errorf("%v", rows)
	}
}
