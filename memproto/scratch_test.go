package memproto

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"unsafe"

	"twincached/internal/testkit"
	"twincached/store"
)

// TestConn_IsSmall: there may be a hundred thousand idle ones. 112 is a size that Go's heap
// has; the next one is 128.
func TestConn_IsSmall(t *testing.T) {
	if n := unsafe.Sizeof(Conn{}); n > 112 {
		t.Errorf("a Conn has %d bytes: does the new field have to outlive a call, and does every conn need it?", n)
	}
}

// sharer plays a client in small steps, each of them one call of Process at most.
type sharer struct {
	t       *testing.T
	c       *Conn
	now     int64
	script  []byte // still to be sent
	in      []byte
	fill    []byte
	need    int
	more    bool
	over    bool
	reply   []byte // that the client takes before the next step
	pin     Pinned // of reply
	written []byte
	log     []byte
}

func newSharer(t *testing.T, name string, script script, s *Scratch) *sharer {
	srv := script.server(t)
	p := &sharer{t: t, c: NewConnWith(srv, s), now: testNow, script: script.lines(name)}
	srv.Log = func(line string) { p.log = append(append(p.log, line...), '\n') }
	srv.SetVerbosity(2)
	p.c.Opened(testNow, Client{FD: len(name)})
	return p
}

// step sends n bytes at most, or goes on with what was sent. false: that was all.
func (s *sharer) step(n int) bool {
	s.t.Helper()
	if v := s.pin.Value(); v != nil {
		s.written = append(append(append(s.written, s.reply[:s.pin.At]...), v...), s.reply[s.pin.At:]...)
		s.pin.Release()
		s.reply = nil
		return true
	}
	if s.over {
		if r := s.c.Process(s.now, s.in, nil); !r.Close || len(r.Out) > 0 {
			s.t.Fatalf("it goes on after its end: %.100q", r.Out)
		}
		return false
	}
	if !s.more {
		if len(s.script) == 0 {
			return false
		}
		n = min(n, len(s.script))
		data := s.script[:n]
		s.script = s.script[n:]
		filled := copy(s.fill, data)
		s.fill = s.fill[filled:]
		s.in = bytes.Join([][]byte{s.in, data[filled:]}, nil)
		if len(s.fill) > 0 || len(s.in) < s.need {
			return true
		}
	}
	r := s.c.Process(s.now, s.in, nil)
	clear(s.in[:r.N]) // nothing of it may be needed any more
	s.in, s.fill, s.need, s.more, s.over = s.in[r.N:], r.Fill, r.Need, r.More, r.Close
	if r.Until > 0 {
		if r.Until <= s.now {
			s.t.Fatalf("at %d it waits until %d", s.now, r.Until)
		}
		s.now, s.more = r.Until, true
	}
	if r.Pin != nil {
		s.reply, s.pin = r.Out, r.Pin.Take()
	} else {
		s.written = append(s.written, r.Out...)
	}
	return true
}

// answers are all that was written, and what the log says. The lines of a dump are in another order on each server.
func (s *sharer) answers(name string) []byte {
	if name != "dump" {
		return slices.Concat(s.written, s.log)
	}
	lines := bytes.Split(s.written, []byte{'\n'})
	slices.SortFunc(lines, bytes.Compare)
	return bytes.Join(lines, []byte{'\n'})
}

// script is what a client of some kind sends. Each has a server of its own, so that its
// answers are the same whoever else is served.
type script struct {
	server func(*testing.T) *Server
	lines  func(name string) []byte
}

// smallServer is one whose values soon are too large.
func smallServer(t *testing.T) *Server {
	st, err := store.New(store.Config{MemoryBytes: 16 << 20, MaxItemBytes: 32 << 10}, testNow)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(st.Close)
	return &Server{Store: st, Version: testVersion, FlushEnabled: true, NoWatch: true}
}

func scripts() map[string]script {
	return map[string]script{
		"text":     {smallServer, textScript},
		"long get": {smallServer, longGetScript},
		"meta":     {smallServer, metaScript},
		"binary":   {smallServer, binaryScript},
		"login":    {func(t *testing.T) *Server { return loginServer(t, someLogins) }, loginScript},
		"sasl":     {saslServer, saslScript},
		"dump":     {smallServer, dumpScript},
		"browser":  {smallServer, func(name string) []byte { return []byte("GET /" + name + " HTTP/1.1\r\nset a 0 0 1\r\n") }},
	}
}

// textScript has large values both ways, a reply that needs many calls, values that are
// refused, and errors.
func textScript(name string) []byte {
	var b bytes.Buffer
	large := strings.Repeat(name+" large ", 20<<10/(len(name)+7))
	for i := range 10 {
		fmt.Fprintf(&b, "set %s:%d %d 0 9000\r\n%s\r\n", name, i, i, strings.Repeat(string(name[0]), 9000))
	}
	b.WriteString("get")
	for i := range 20 {
		fmt.Fprintf(&b, " %s:%d", name, i%12)
	}
	fmt.Fprintf(&b, "\r\nset %s:large 7 0 %d\r\n%s\r\nget %[1]s:large %[1]s:0\r\n", name, len(large), large)
	fmt.Fprintf(&b, "set %s:huge 0 0 33000\r\n%s\r\nadd %[1]s:0 0 0 33000 noreply\r\n%[2]s\r\n", name, strings.Repeat("get x\r\n", 5000)[:33000])
	fmt.Fprintf(&b, "set %s:bad 0 0 2\r\nxyz\r\nappend %[1]s:large 0 0 3\r\nabc\r\n", name)
	fmt.Fprintf(&b, "gat 100 %s:large\r\nset %[1]s:n 0 0 1\r\n7\r\nincr %[1]s:n 5\r\ntouch %[1]s:n 9\r\ndelete %[1]s:9\r\nnonsense %[1]s\r\nquit\r\nversion\r\n", name)
	return b.Bytes()
}

// longGetScript has lines that are answered before their end has come.
func longGetScript(name string) []byte {
	var b bytes.Buffer
	fmt.Fprintf(&b, "set %s 1 0 3\r\nabc\r\n", name)
	for _, command := range []string{"get", "gat 100", "gat soon"} {
		b.WriteString(command)
		for i := range 1200 {
			fmt.Fprintf(&b, " %s no:such:key:%d", name, i)
		}
		b.WriteString("\r\nversion\r\n")
	}
	fmt.Fprintf(&b, "get %s %s %[2]s\r\nversion\r\n", strings.Repeat("k ", getWindowBytes/2), strings.Repeat(name, 200))
	fmt.Fprintf(&b, "%s\r\nversion\r\n", strings.Repeat(name, MaxLineBytes))
	return b.Bytes()
}

func metaScript(name string) []byte {
	var b bytes.Buffer
	large := strings.Repeat(name+" ", 20<<10/(len(name)+1))
	fmt.Fprintf(&b, "ms %s 5 F5 T0 O%[1]s k\r\nhello\r\nmg %[1]s v f t k O%[1]s\r\n", name)
	fmt.Fprintf(&b, "ms %s:large %d F9 O%[1]s k\r\n%[3]s\r\nmg %[1]s:large v f k O%[1]s\r\nmg %[1]s:large s q\r\n", name, len(large), large)
	fmt.Fprintf(&b, "ms %s:huge 33000 O%[1]s\r\n%s\r\nms %[1]s 5 MX\r\nhello\r\nms %[1]s 3\r\nhello\r\n", name, strings.Repeat("mn\r\n", 9000)[:33000])
	fmt.Fprintf(&b, "mg YWJj b k v\r\nms YWJj 3 b k\r\nabc\r\nmg YWJj b k v\r\nma %s:n N0 J5 v\r\nma %[1]s:n D3 v O%[1]s\r\n", name)
	fmt.Fprintf(&b, "md %s I T30\r\nmg %[1]s v\r\nmd %[1]s q\r\nmg %[1]s v O%[1]s k\r\nmg\r\nmg %[1]s v v\r\nme %[1]s:none\r\nmn\r\n", name)
	return b.Bytes()
}

func binaryScript(name string) []byte {
	var b bytes.Buffer
	large := strings.Repeat(name+" ", 20<<10/(len(name)+1))
	flags := string([]byte{0, 0, 0, 9, 0, 0, 0, 0})
	for i := range 10 {
		b.Write(request(opSet, fmt.Sprint(name, i), flags, strings.Repeat(string(name[0]), 9000)))
	}
	for i := range 12 {
		b.Write(request(opGetKQ, fmt.Sprint(name, i), "", ""))
	}
	b.Write(request(opSet, name, flags, large))
	b.Write(request(opAppend, name, "", "more"))
	b.Write(request(opGetK, name, "", ""))
	b.Write(request(opSet, name, flags, strings.Repeat("x", 33000)))
	b.Write(request(opGet, name, "", ""))
	b.Write(request(0x77, name, "", strings.Repeat(name, 100)))
	b.Write(request(opDelete, name+"0", "", ""))
	b.Write(request(opNoop, "", "", ""))
	b.Write(request(opGet, "", "", "")) // malformed
	return b.Bytes()
}

func loginScript(name string) []byte {
	var b bytes.Buffer
	fmt.Fprintf(&b, "get %s\r\n", name)
	for range freeOwnFailures + 3 {
		b.WriteString("set a 0 0 9\r\nbob wrong\r\n")
	}
	fmt.Fprintf(&b, "set a 0 0 10\r\nbob secret\r\nset %s 0 0 2\r\nhi\r\nget %[1]s\r\n", name)
	return b.Bytes()
}

func saslScript(name string) []byte {
	var b bytes.Buffer
	b.Write(request(opSASLList, "", "", ""))
	for range freeOwnFailures + 3 {
		b.Write(auth("\x00bob\x00" + name))
	}
	b.Write(request(opSASLAuth, "PLAIN", "", ""))
	b.Write(request(opSASLStep, "PLAIN", "", "\x00bob\x00secret"))
	b.Write(request(opSet, name, string(make([]byte, 8)), name))
	b.Write(request(opGetK, name, "", ""))
	return b.Bytes()
}

func dumpScript(name string) []byte {
	var b bytes.Buffer
	for i := range 1500 {
		fmt.Fprintf(&b, "set %s:%s:%d 0 0 1 noreply\r\nx\r\n", name, strings.Repeat("long", 10), i)
	}
	b.WriteString("lru_crawler mgdump all\r\nversion\r\nstats cachedump 1 0\r\n")
	return b.Bytes()
}

// TestScratch_IsNothingBetweenTwoCalls: conns that share a Scratch and are served in turns answer as if each were alone.
func TestScratch_IsNothingBetweenTwoCalls(t *testing.T) {
	alone := func(name string) []byte {
		s := newSharer(t, name, scripts()[name], new(Scratch))
		for s.step(1) {
		}
		return s.answers(name)
	}
	want := map[string][]byte{}
	for name := range scripts() {
		want[name] = alone(name)
		if len(want[name]) == 0 && name != "browser" {
			t.Fatalf("%s: no answer", name)
		}
	}
	for seed := range uint64(1 + 3/testkit.Step) {
		r := rand.New(rand.NewPCG(seed, 1))
		shared := new(Scratch)
		var all []*sharer
		var names []string
		for name, script := range scripts() {
			all, names = append(all, newSharer(t, name, script, shared)), append(names, name)
		}
		for going := true; going; {
			going = false
			for _, s := range all {
				n := 1 // byte by byte
				if seed > 0 {
					n += r.IntN(1 + r.IntN(300))
				}
				going = s.step(n) || going
			}
		}
		for i, s := range all {
			if got, want := s.answers(names[i]), want[names[i]]; !bytes.Equal(got, want) {
				at := differsAt(string(got), string(want))
				from := max(0, at-60)
				t.Errorf("seed %d, %s: byte %d of %d: shared %.150q\nalone %.150q", seed, names[i], at, len(want), got[from:], want[from:])
			}
		}
	}
}

// TestScratch_AValueThatIsNotTakenIsNobodyElses: whoever forgets it does not send it to another client.
func TestScratch_AValueThatIsNotTakenIsNobodyElses(t *testing.T) {
	s, shared := newTestServer(t), new(Scratch)
	a, b := NewConnWith(s, shared), NewConnWith(s, shared)
	value := strings.Repeat("v", store.PinBytes)
	a.Process(testNow, fmt.Appendf(nil, "set k 0 0 %d\r\n%s\r\n", len(value), value), nil)
	r := a.Process(testNow, []byte("get k\r\n"), nil)
	if r.Pin == nil {
		t.Fatal("the value is copied")
	}
	if other := b.Process(testNow, []byte("version\r\n"), nil); other.Pin != nil || len(other.Out) > 0 || !other.More {
		t.Errorf("the other conn gets %+v", other)
	}
	pin := r.Pin.Take()
	defer pin.Release()
	if other := b.Process(testNow, []byte("version\r\n"), nil); string(other.Out) != "VERSION 1.6.45\r\n" || other.Pin != nil {
		t.Errorf("the other conn gets %+v", other)
	}
	if string(pin.Value()) != value {
		t.Error("the value has changed")
	}
}
