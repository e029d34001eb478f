package memproto

import (
	"bytes"
	"fmt"
	"strings"
	"testing"

	"twincached/store"
)

// stuckServer's store evicts, but has nothing left that it could: its large items are being
// read, and its small ones, of which one has the key, have just been moved. It has no memory to
// move one again.
func stuckServer(t *testing.T) (s *Server, key string) {
	t.Helper()
	st, err := store.New(store.Config{MemoryBytes: store.MinMemoryBytes, MaxItemBytes: 1 << 16}, testNow)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(st.Close)
	s = &Server{Store: st, Version: testVersion}
	e := newEngine(t, s)
	set := func(key string, size int) (stored bool) {
		return strings.HasPrefix(string(e.feed(fmt.Appendf(nil, "set %s 0 0 %d\r\n%s\r\n", key, size, make([]byte, size)))), "STORED")
	}
	const hot = 16
	for i := range hot {
		set(fmt.Sprint("hot-", i), 1)
	}
	for i := 0; i%100 != 0 || s.Store.Stats().Evictions < 200; i++ { // what is read is not evicted, but moved
		e.feed(fmt.Appendf(nil, "get hot-%d\r\n", i%hot))
		set(fmt.Sprint("cold-", i), 900)
	}
	for size := 60_000; size > 16<<10; size /= 2 {
		for i := 0; ; i++ {
			key := fmt.Sprint("fill-", size, "-", i)
			if !set(key, size) {
				break
			}
			pin := new(store.Pinned)
			s.Store.GetPinned(testNow, []byte(key), nil, renderItem, pin, nil)
			t.Cleanup(pin.Release)
		}
	}
	for _, size := range []int{900, 0} {
		for i := 0; set(fmt.Sprint("fill-", size, "-", i), size); i++ {
		}
	}
	for i := range hot {
		key := fmt.Sprint("hot-", i)
		if out := e.feed(fmt.Appendf(nil, "touch %s 100\r\n", key)); string(out) == replyNoMemory {
			return s, key
		}
	}
	t.Fatal("no item is stuck: the test shows nothing")
	return nil, ""
}

// TestTouch_WithoutMemoryIsAnError: in all protocols, also where the touch comes with a read.
// The item stays, the rest of the line is dropped, and the conn is in step.
func TestTouch_WithoutMemoryIsAnError(t *testing.T) {
	s, key := stuckServer(t)
	for _, line := range []string{
		"touch " + key + " 100", "gat 100 " + key, "gats 100 " + key, "gat 100 absent " + key + " absent " + key,
		"mg " + key + " T100", "mg " + key + " s v q T100", "mg " + key + " v N9 R30 T100",
	} {
		got := string(newEngine(t, s).feed([]byte(line + "\r\nversion\r\nmg " + key + " v t\r\n")))
		if want := replyNoMemory + "VERSION " + testVersion + "\r\nVA 1 t-1\r\n\x00\r\n"; got != want {
			t.Errorf("%s: %q, want %q", line, got, want)
		}
	}
	for _, op := range []byte{opTouch, opGAT, opGATK, opGATQ, opGATKQ} {
		out := newEngine(t, s).feed(bytes.Join([][]byte{request(op, key, u32(100), ""), request(opGet, key, "", "")}, nil))
		if f := readFrames(t, out); len(f) != 2 || f[0].op != op || f[0].status != uint16(statusNoMemory) || f[1].status != 0 {
			t.Errorf("%#x: %v", op, f)
		}
	}
}
