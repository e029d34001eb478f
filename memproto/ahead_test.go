package memproto

import (
	"bytes"
	"fmt"
	"strings"
	"testing"

	"twincached/internal/testkit"
	"twincached/store"
)

// TestNextKey_FindsTheKeysOfAPipeline: each request gives its key, and the next one is found
// behind its value.
func TestNextKey_FindsTheKeysOfAPipeline(t *testing.T) {
	packet := func(op byte, key, value string) string {
		p := make([]byte, binaryHeadBytes)
		p[0], p[1], p[3], p[4] = binaryMagic, op, byte(len(key)), 8
		p[11] = byte(8 + len(key) + len(value))
		return string(p) + "extras: " + key + value
	}
	longPacket := packet(opSet, "a", "get no\r\n")
	longPacket = longPacket[:8] + "\xb2\xd0\x5e\x00" + longPacket[12:]
	for _, tc := range []struct{ in, want string }{
		{"get a\r\nget b\nget  c\r\n", "a b -"},
		{"gets a\r\nget a b c\r\ngat 10 d\r\ngats 10 e f\r\ngat\r\nget\r\n\r\n\n", "a - d - - - - -"},
		{"set a 0 0 5\r\nget b\r\nget c\r\n", "a c"},
		{"add a 1 2 5\r\nget b\r\nreplace c 0 0 1 noreply\r\nx\r\nget d\r\n", "a c d"},
		{"append a 0 0 0\r\n\r\nprepend b 0 0 1\r\n \r\ncas c 0 0 1 77\r\n\n\r\nincr d 5\r\n", "a b c d"},
		{"ms a 5 T0\r\nget b\r\nmg c v t\r\nmd d\r\nma e N0\r\nmn\r\ntouch f 5\r\n", "a c d e - f"},
		{"set a 0 0 99999999999999999999\r\nget b\r\n", "a"},
		{"set a 0 0 3000000000\r\nget b\r\n", "a"}, // more than an int of 32 bits
		{"ms a 9999999999\r\nget b\r\n", "a"},
		{longPacket, "a"},
		{"set a 0 0 -1\r\nget b\r\n", "a b"},
		{"set a\r\nget b\r\nset\r\nms\r\nms a\r\n", "a b - - a"},
		{"get a\r\nget b", "a -"},
		{packet(opSet, "a", "get no\r\n") + packet(opGet, "b", "") + packet(opGet, "c", "")[:30], "a b -"},
	} {
		var got []string
		for in := []byte(tc.in); len(in) > 0; {
			key, n := nextKey(in)
			if n <= 0 || n > len(in) {
				t.Fatalf("%q: a request of %d bytes", in, n)
			}
			if len(key) == 0 {
				key = []byte("-")
			}
			got = append(got, string(key))
			in = in[n:]
		}
		if s := strings.Join(got, " "); s != tc.want {
			t.Errorf("%q: keys %q, want %q", tc.in, s, tc.want)
		}
	}
}

// TestAhead_ChangesNoReply: a conn that looked ahead, at this input or at another, answers as
// one that did not.
func TestAhead_ChangesNoReply(t *testing.T) {
	var pipeline strings.Builder
	for i := range 3 * store.AheadKeys {
		fmt.Fprintf(&pipeline, "set k%d 0 0 3\r\nabc\r\nget k%d k%d\r\nmg k%d v\r\nbad\r\n", i, i, i+1, i-5)
	}
	in := []byte(pipeline.String())
	want := newEngine(t, newTestServer(t)).feed(in)
	for _, seen := range [][]byte{in, in[:100], []byte("get x\r\n"), []byte("\x80"), nil} {
		e := newEngine(t, newTestServer(t))
		var a Ahead
		e.c.Ahead(seen, &a)
		if bytes.Equal(seen, in) && !a.Full() {
			t.Error("a long pipeline has not filled it")
		}
		e.c.Ahead(seen, &a)
		a.Run()
		if got := e.feed(in); !bytes.Equal(got, want) {
			t.Errorf("after looking at %.20q: %q, want %q", seen, got, want)
		}
	}
}

// TestAhead_LooksOnlyWhereRequestsAre: what follows is a value, or belongs to nobody known.
func TestAhead_LooksOnlyWhereRequestsAre(t *testing.T) {
	c := NewConn(newTestServer(t))
	c.swallow = 9
	keys := func() (n int) {
		a := new(Ahead)
		c.Ahead([]byte("get no\r\n\nget a\r\n"), a)
		for ; !a.Full(); n++ {
			a.Add(c.srv.Store, []byte("k"))
		}
		return store.AheadKeys - n
	}
	if n := keys(); n != 1 {
		t.Errorf("behind a value that is dropped: %d keys, want 1", n)
	}
	c.swallow, c.stranger = 0, true
	if n := keys(); n != 0 {
		t.Errorf("of a stranger: %d keys", n)
	}
}

func TestAhead_DoesNotAllocate(t *testing.T) {
	if testkit.Race {
		t.Skip("the race detector allocates")
	}
	c, a := hotConn(t), new(Ahead)
	in := []byte(hotPaths()["pipeline"])
	if n := testing.AllocsPerRun(100, func() {
		c.Ahead(in, a)
		a.Run()
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
}
