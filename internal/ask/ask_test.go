package ask

import (
	"cmp"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode"
	"unicode/utf8"

	"twincached/internal/health"
	"twincached/internal/status"
)

// soon is how to ask a server that will never answer.
const soon = 50 * time.Millisecond

// newNode waits longer than for people, where an answer is to come.
func newNode(address string, opt Options) *Node {
	opt.timeout = cmp.Or(opt.timeout, 5*Timeout)
	return NewNode(address, opt)
}

func mustAnswer(t *testing.T, n *Node) *status.Pair {
	t.Helper()
	t.Cleanup(n.Close)
	p, err := n.Status()
	if err != nil || p.Node.State.Word != "ready" {
		t.Fatalf("%+v, %v", p, err)
	}
	return p
}

func mustFail(t *testing.T, n *Node, want string) {
	t.Helper()
	t.Cleanup(n.Close)
	p, err := n.Status()
	if err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "dial ") {
		t.Errorf("%+v, %v; want %q", p, err, want)
	}
}

func TestNode_IsAskedAgainOnOneConnection(t *testing.T) {
	f := serve(t, listen(t), node)
	n := newNode(f.address(), Options{})
	for range 3 {
		mustAnswer(t, n)
	}
	if f.conns != 1 || len(f.heard()) != 4 {
		t.Errorf("%d connections, %q", f.conns, f.heard())
	}
	n.conn.Close() // the node was restarted: the next question finds out
	mustAnswer(t, n)
}

func TestNode_UnixSocket(t *testing.T) {
	path := filepath.Join(t.TempDir(), "s")
	l, err := net.Listen("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	serve(t, l, node)
	mustAnswer(t, newNode(path, Options{}))
}

func TestNode_HotKeysWhereTheNodeHasThem(t *testing.T) {
	n := newNode(serve(t, listen(t), node).address(), Options{})
	mustAnswer(t, n)
	want := []HotKey{{`user:1\n`, 12.5}, {"b", 0}}
	if got := n.HotKeys(); !slices.Equal(got, want) {
		t.Errorf("%v, want %v", got, want)
	}
	f := serve(t, listen(t), func(line string) string {
		if strings.Contains(line, "hotkeys") {
			return "ERROR\r\n"
		}
		return node(line)
	})
	n = newNode(f.address(), Options{})
	mustAnswer(t, n)
	if got := [2]int{len(n.HotKeys()), len(n.HotKeys())}; got != [2]int{} || len(f.heard()) != 3 {
		t.Errorf("%v, %q", got, f.heard())
	}
	mustAnswer(t, n)
}

// behindLogin is a node with -Y whose one login is ann, "a word".
func behindLogin() func(string) string {
	in := false
	return func(line string) string {
		switch {
		case in:
			return node(line)
		case strings.HasPrefix(line, "set login 0 0 "):
			return nothing // the value's line is next
		case line == "ann a word\r\n":
			in = true
			return "STORED\r\n"
		case strings.HasPrefix(line, "ann "):
			return "CLIENT_ERROR authentication failure\r\n"
		}
		return strangerReply + "\r\n"
	}
}

func TestNode_LogsInWhereItIsAskedTo(t *testing.T) {
	f := serve(t, listen(t), behindLogin())
	mustAnswer(t, newNode(f.address(), Options{Name: "ann", Password: "a word", LoginFrom: "--auth-file"}))

	f = serve(t, listen(t), behindLogin())
	mustFail(t, newNode(f.address(), Options{}), "clients have to log in: name a file with a line name:password by --auth-file")
	mustFail(t, newNode(f.address(), Options{LoginError: errors.New("cannot read it")}), "clients have to log in: cannot read it")

	n := newNode(f.address(), Options{Name: "ann", Password: "wrong", LoginFrom: "--auth-file"})
	mustFail(t, n, "it refused the login of --auth-file")
	before := len(f.heard())
	mustFail(t, n, "it refused the login of --auth-file")
	if len(f.heard()) != before {
		t.Error("a login that was refused is tried again")
	}

	f = serve(t, listen(t), node) // it asks for none
	mustAnswer(t, newNode(f.address(), Options{Name: "ann", Password: "a word"}))
	for _, line := range f.heard() {
		if strings.Contains(line, "word") {
			t.Errorf("the password was sent unasked: %q", line)
		}
	}
}

func TestNode_SpeaksTLSWhereTheNodeDoes(t *testing.T) {
	cert, roots := authority(t)
	_, others := authority(t)
	secure := func(answer func(string) string) string {
		return serve(t, tls.NewListener(listen(t), &tls.Config{Certificates: []tls.Certificate{cert}}), answer).address()
	}
	mustAnswer(t, newNode(secure(node), Options{}))
	mustAnswer(t, newNode(secure(node), Options{Roots: roots}))
	mustFail(t, newNode(secure(node), Options{Roots: others}), "over TLS: tls: failed to verify certificate")
	login := Options{Name: "ann", Password: "a word"}
	mustFail(t, newNode(secure(behindLogin()), login), "no password is sent over TLS to a node that anybody could be")
	login.Roots = roots
	mustAnswer(t, newNode(secure(behindLogin()), login))

	// Whoever names an authority means TLS: a password is not to be had in plain words.
	f := serve(t, listen(t), behindLogin())
	mustFail(t, newNode(f.address(), login), "over TLS: ")
	for _, line := range f.heard() {
		if strings.Contains(line, "word") || line == versionLine {
			t.Errorf("in plain words: %q", line)
		}
	}
}

func TestNode_ShowsItsCertificate(t *testing.T) {
	cert, roots := authority(t)
	l := tls.NewListener(listen(t), &tls.Config{Certificates: []tls.Certificate{cert}, ClientAuth: tls.RequireAndVerifyClientCert, ClientCAs: roots})
	f := serve(t, l, node)
	mustAnswer(t, newNode(f.address(), Options{Roots: roots, Certificate: &cert}))
	mustFail(t, newNode(f.address(), Options{Roots: roots}), "what it wants to see, --tls-cert and --tls-key give it")
}

func TestNode_WhoeverIsNoNodeIsTold(t *testing.T) {
	says := func(status string) func(string) string {
		return func(line string) string {
			if line == versionLine {
				return "VERSION 1.6.18\r\n"
			}
			return status
		}
	}
	for _, c := range []struct {
		answer func(string) string
		want   string
	}{
		{says("ERROR\r\n"), "it is a memcached 1.6.18 without stats status: only a twincached can be shown"},
		{says("END\r\n"), "with 0 rows"},
		{says("STAT status x\r\nSTAT status y\r\nEND\r\n"), "with 2 rows"},
		{says("STAT status {}\r\nEND\r\n"), "something else than a status"},
		{says("STAT status [1]\r\nEND\r\n"), "what it says of itself cannot be read"},
		{says("STAT status {\"this\":7}\r\nEND\r\n"), "what it says of itself cannot be read"},
		{says("HTTP/1.1 200 OK\r\n\r\n"), `it answered "HTTP/1.1 200 OK" to stats status`},
		{says("STAT status " + strings.Repeat("x", maxBytes)), "a line of more than"},
		{says(strings.Repeat("STAT a b\r\n", maxBytes/4)), "more than"},
		{says(""), "it ended the connection: -B binary"},
		{func(string) string { return "SSH-2.0-x\x1b[2J\r\n" }, `it answered "SSH-2.0-x\x1b[2J" when asked for its version: that is no memcached`},
		{func(string) string { return "\x00\x00\x00B\n\n" }, "that is a replication port: name the clients' port"},
		{func(string) string { return fullReply + "\r\n" }, "it has as many clients as it takes"},
		{func(string) string { return "" }, "it ended the connection: -B binary"},
	} {
		mustFail(t, newNode(serve(t, listen(t), c.answer).address(), Options{}), c.want)
	}
	half := serve(t, listen(t), func(string) string { return "\x81\x0b\x00" })
	mustFail(t, newNode(half.address(), Options{timeout: soon}), "it gave no answer within")
	l := listen(t)
	mustFail(t, newNode(l.Addr().String(), Options{timeout: soon}), "it gave no answer within 50ms: is it stopped, or cut off?") // nobody accepts
	mustFail(t, newNode(l.Addr().String(), Options{timeout: 1}), "it gave no answer within 1ns: is it stopped, or cut off?")     // not even the dial is through
	l.Close()
	mustFail(t, newNode(l.Addr().String(), Options{}), "connection refused")
	mustFail(t, newNode(filepath.Join(t.TempDir(), "none"), Options{}), "no such file")
}

// A node that copies serves no client, but tells who is on its machine.
func TestNode_WhoeverServesNobodyIsAskedOnTheSocketForHealthChecks(t *testing.T) {
	l := listen(t)
	address := l.Addr().String()
	l.Close()
	name := fmt.Sprintf("%s-ask-%d", health.DefaultName, os.Getpid())
	s := health.Open(name, slog.New(slog.DiscardHandler), func() health.Report {
		return health.Report{Clients: []string{address}, Status: []byte(`{"this":{"at_ms":5,"node":{"id":"ab"},"state":{"word":"copying"}}}`)}
	})
	if s == nil {
		t.Skip("there are no such sockets here")
	}
	defer s.Close()
	p, err := newNode(address, Options{LocalName: name}).Status()
	if err != nil || p.Node.State.Word != "copying" {
		t.Errorf("%+v, %v", p, err)
	}
	mustFail(t, newNode(address, Options{}), "connection refused")
	mustFail(t, newNode(strings.Replace(address, "127.0.0.1", "127.0.0.2", 1), Options{LocalName: name}), "connection refused")
}

// hostile puts text into each place for text of v.
func hostile(v reflect.Value, text string) {
	switch v.Kind() {
	case reflect.String:
		v.SetString(text)
	case reflect.Pointer:
		v.Set(reflect.New(v.Type().Elem()))
		hostile(v.Elem(), text)
	case reflect.Struct:
		for i := range v.NumField() {
			hostile(v.Field(i), text)
		}
	case reflect.Slice:
		v.Set(reflect.MakeSlice(v.Type(), 1, 1))
		hostile(v.Index(0), text)
	case reflect.Map:
		v.Set(reflect.MakeMap(v.Type()))
		key, value := reflect.New(v.Type().Key()).Elem(), reflect.New(v.Type().Elem()).Elem()
		hostile(key, text)
		hostile(value, text)
		v.SetMapIndex(key, value)
	}
}

// texts calls f for each text in v.
func texts(v reflect.Value, f func(string)) {
	switch v.Kind() {
	case reflect.String:
		f(v.String())
	case reflect.Pointer:
		texts(v.Elem(), f)
	case reflect.Struct:
		for i := range v.NumField() {
			texts(v.Field(i), f)
		}
	case reflect.Slice:
		for i := range v.Len() {
			texts(v.Index(i), f)
		}
	case reflect.Map:
		for k, e := range v.Seq2() {
			texts(k, f)
			texts(e, f)
		}
	}
}

func TestRead_NoControlCharacterIsLeft(t *testing.T) {
	var said status.Pair
	hostile(reflect.ValueOf(&said).Elem(), "a\x1b]0;x\a\u202e\u009b2J\xff b")
	said.Node.AtMillis = 5
	text, err := json.Marshal(&said)
	if err != nil {
		t.Fatal(err)
	}
	p, err := read(string(text))
	if err != nil {
		t.Fatal(err)
	}
	n := 0
	texts(reflect.ValueOf(*p), func(s string) {
		n++
		if strings.ContainsFunc(s, func(r rune) bool { return !unicode.IsPrint(r) }) || !utf8.ValidString(s) || !strings.HasPrefix(s, `a\x1b`) {
			t.Errorf("%q", s)
		}
	})
	if n < 50 {
		t.Errorf("%d texts only", n)
	}
}
