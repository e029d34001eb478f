package memproto

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
	"testing"

	"twincached/store"
)

// arrivals are commands that bring size bytes, and what each answers on a key that is not there, in a store that has room.
func arrivals(key string, value []byte) []struct {
	name        string
	send        []byte
	want        string
	short       string // without memory
	binaryProto bool
} {
	text := func(head string) []byte { return slices.Concat([]byte(head), value, []byte("\r\n")) }
	n := len(value)
	return []struct {
		name        string
		send        []byte
		want        string
		short       string
		binaryProto bool
	}{
		{"set", text(fmt.Sprintf("set %s 5 0 %d\r\n", key, n)), replyStored, replyNoMemoryStore, false},
		{"set, bare line end", text(fmt.Sprintf("set %s 5 0 %d\n", key, n)), replyStored, replyNoMemoryStore, false},
		{"set, quiet", text(fmt.Sprintf("set %s 5 0 %d noreply\r\n", key, n)), "", "", false},
		{"add", text(fmt.Sprintf("add %s 5 0 %d\r\n", key, n)), replyStored, replyNoMemoryStore, false},
		{"replace", text(fmt.Sprintf("replace %s 5 0 %d\r\n", key, n)), replyNotStored, replyNoMemoryStore, false},
		{"append", text(fmt.Sprintf("append %s 5 0 %d\r\n", key, n)), replyNotStored, replyNoMemoryStore, false},
		{"cas", text(fmt.Sprintf("cas %s 5 0 %d 7\r\n", key, n)), replyNotFound, replyNoMemoryStore, false},
		{"ms", text(fmt.Sprintf("ms %s %d F5 Oq k\r\n", key, n)), "HD Oq k" + key + "\r\n", replyNoMemoryStore, false},
		{"bad chunk", slices.Concat(fmt.Appendf(nil, "set %s 5 0 %d\r\n", key, n), value, []byte("!!")), replyBadChunk, replyNoMemoryStore, false},
		{"binary set", request(opSet, key, storeExtras(5, 0), string(value)), "", "", true},
	}
}

// TestArrive_AnyCut: a large value is stored, and answered, in the same way however it is cut into reads, and what follows
// it is read as what it is.
func TestArrive_AnyCut(t *testing.T) {
	value := []byte(strings.Repeat("0123456789abcdef", 40_000)) // 640 KB
	s := newTestServer(t)
	for i, c := range arrivals("key", value) {
		behind := []byte("version\r\n")
		if c.binaryProto {
			behind = request(opNoop, "", "", "")
		}
		send := slices.Concat(c.send, behind)
		var first []byte
		for j, cut := range []cutter{whole, cutEvery(64 << 10), cutEvery(1448), cutEvery(fillBytes), cutAt(len(c.send) - 1), cutAt(len(c.send) - 2), cutAt(len(c.send) - 3), cutAt(40 + arriveBytes), cutAt(20)} {
			newEngine(t, s).feed([]byte("delete key\r\n"))
			e := newEngine(t, s)
			got := e.feedAll(cut(send))
			if j == 0 {
				first = got
			}
			if !c.binaryProto && string(got) != c.want+"VERSION "+testVersion+"\r\n" {
				t.Fatalf("%s, cut %d: %.100q", c.name, j, got)
			}
			if c.binaryProto && (len(got) != 2*binaryHeadBytes || got[7] != byte(statusOK)) {
				t.Fatalf("%s, cut %d: %x, want %x", c.name, j, got, first)
			}
			if e.c.coming != nil {
				t.Fatalf("%s, cut %d: a value is still on its way", c.name, j)
			}
			out := string(newEngine(t, s).feed([]byte("get key\r\n")))
			want := fmt.Sprintf("VALUE key 5 %d\r\n%s\r\nEND\r\n", len(value), value)
			if stored := i < 4 && c.name != "replace" || c.name == "ms" || c.binaryProto; !stored {
				want = replyEnd
			}
			if out != want {
				t.Fatalf("%s, cut %d: then there is %.60q of %d bytes", c.name, j, out, len(out))
			}
		}
	}
}

// TestArrive_WithoutMemory: a value that finds none is swallowed, however far it had come; its bytes are never commands, and
// a set that fails leaves nothing of the older value.
func TestArrive_WithoutMemory(t *testing.T) {
	st, err := store.New(store.Config{MemoryBytes: 8 << 20, NoEviction: true}, testNow)
	if err != nil {
		t.Fatal(err)
	}
	defer st.Close()
	s := &Server{Store: st, Version: testVersion, FlushEnabled: true}
	value := []byte(strings.Repeat("flush_all\r\n", 60_000))
	for i := 0; ; i++ {
		out := newEngine(t, s).feed(fmt.Appendf(nil, "set fill%d 0 0 300000\r\n%s\r\n", i, strings.Repeat("x", 300_000)))
		if string(out) != replyStored {
			break
		}
	}
	newEngine(t, s).feed([]byte("delete fill0\r\n"))
	before, _ := strconvStat(newEngine(t, s), "cmd_flush")
	committed := st.Stats().CommittedBytes
	for _, c := range arrivals("key", value) {
		newEngine(t, s).feed([]byte("set key 0 0 1\r\nv\r\n"))
		behind := []byte("version\r\n")
		if c.binaryProto {
			behind = request(opNoop, "", "", "")
		}
		for j, cut := range []cutter{cutEvery(64 << 10), cutEvery(1448), cutAt(len(c.send) - 1)} {
			e := newEngine(t, s)
			got := e.feedAll(cut(slices.Concat(c.send, behind)))
			if !c.binaryProto && string(got) != c.short+"VERSION "+testVersion+"\r\n" {
				t.Fatalf("%s, cut %d: %.100q", c.name, j, got)
			}
			if f := got[:min(len(got), 8)]; c.binaryProto && f[7] != byte(statusNoMemory) {
				t.Fatalf("%s, cut %d: %x", c.name, j, got)
			}
		}
		if strings.HasPrefix(c.name, "set") || c.name == "ms" || c.binaryProto {
			if out := string(newEngine(t, s).feed([]byte("get key\r\n"))); out != replyEnd {
				t.Errorf("%s: the older value is there: %.40q", c.name, out)
			}
		}
	}
	if after, _ := strconvStat(newEngine(t, s), "cmd_flush"); after != before {
		t.Error("a value was executed")
	}
	newEngine(t, s).feed([]byte("delete key\r\n"))
	if st.Tick(testNow); st.Stats().CommittedBytes > committed+128<<10 { // a segment for small items
		t.Errorf("%d bytes more are taken than before", st.Stats().CommittedBytes-committed)
	}
}

func strconvStat(e *engine, name string) (string, bool) {
	v, ok := statMap(e.t.(*testing.T), string(e.feed([]byte("stats\r\n"))))[name]
	return v, ok
}

// TestArrive_EndOfTheConnGivesBack: what had come of a value costs nothing when its client has gone.
func TestArrive_EndOfTheConnGivesBack(t *testing.T) {
	s := newTestServer(t)
	before := s.Store.Stats().CommittedBytes
	var all []*Conn
	for i := range 10 {
		c := NewConn(s)
		if r := c.Process(testNow, fmt.Appendf(nil, "set k%d 0 0 1000000\r\n", i), nil); r.Fill != nil || r.Need == 0 {
			t.Fatal("a header alone gets memory")
		}
		r := c.Process(testNow, fmt.Appendf(nil, "set k%d 0 0 1000000\r\n%s", i, strings.Repeat("x", 100_000)), nil)
		if len(r.Fill) == 0 {
			t.Fatal("the value is not taken into the store")
		}
		all = append(all, c)
	}
	held := s.Store.Stats().CommittedBytes - before
	if most := uint64(10 * (100_000 + fillBytes + 8<<10)); held < 1_000_000 || held > most {
		t.Errorf("%d bytes are held for what has come, want %d at most", held, most)
	}
	for _, c := range all {
		c.Closed(testNow, CloseError)
	}
	s.Store.Tick(testNow)
	if left := s.Store.Stats().CommittedBytes; left > before+1<<20 {
		t.Errorf("%d bytes are left", left-before)
	}
}

// TestReply_LargeValuesAreNotCopied: in every protocol they are handed out where they stand, one a call.
func TestReply_LargeValuesAreNotCopied(t *testing.T) {
	s := newTestServer(t)
	value := strings.Repeat("x", 700_000)
	set := fmt.Sprintf("set k 0 0 %d\r\n%s\r\n", len(value), value)
	for _, command := range []string{
		"get k k k\r\n", "gets k k\r\n", "gat 0 k k\r\n", "mg k v f\r\n", "me k v\r\n",
		string(request(opGet, "k", "", "")), string(request(opGetK, "k", "", "")), string(request(opGAT, "k", u32(0), "")),
	} {
		newEngine(t, s).feed([]byte(set))
		c, in, values := NewConn(s), []byte(command), 0
		for more := true; more; {
			r := c.Process(testNow, in, nil)
			if len(r.Out) > 1000 {
				t.Fatalf("%q: %d bytes are copied", command, len(r.Out))
			}
			if r.Pin != nil {
				if values++; string(r.Pin.Value()) != value || r.Pin.At > len(r.Out) {
					t.Fatalf("%q: another value", command)
				}
				r.Pin.Release()
			}
			in, more = in[r.N:], r.More
		}
		if want := strings.Count(command, " k") + strings.Count(command, "\x00k"); values != max(1, want) && values != strings.Count(command, "k") {
			t.Errorf("%q: %d values", command, values)
		}
	}
	for _, command := range []string{"mg k s\r\n", "mg k\r\n", "touch k 0\r\n", string(request(opTouch, "k", u32(0), ""))} {
		if r := NewConn(s).Process(testNow, []byte(command), nil); r.Pin != nil || len(r.Out) > 100 {
			t.Errorf("%q: a value is handed out", command)
		}
	}
	cas := strings.Fields(string(newEngine(t, s).feed([]byte("mg k c\r\n"))))[1][1:]
	if out := newEngine(t, s).feed([]byte("mg k v C" + cas + "\r\n")); !bytes.HasPrefix(out, []byte("HD")) || len(out) > 10 {
		t.Errorf("%.60q", out)
	}
}
