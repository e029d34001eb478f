package memproto

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
	"testing"

	"twincached/store"
)

// TestArrive_IsNotCopied: a value that comes in pieces needs its memory once. There is room for one of it, and not for two.
func TestArrive_IsNotCopied(t *testing.T) {
	const limit = 4 << 20
	st, err := store.New(store.Config{MemoryBytes: 2 * limit, MaxItemBytes: limit, NoEviction: true}, testNow)
	if err != nil {
		t.Fatal(err)
	}
	defer st.Close()
	s := &Server{Store: st, Version: testVersion}
	value := bytes.Repeat([]byte("01234567"), (limit-100<<10)/8)
	newEngine(t, s).feed(fmt.Appendf(nil, "set fill 0 0 %d\r\n%s\r\n", 1<<20, value[:1<<20]))
	text := func(line string) []byte {
		return slices.Concat(fmt.Appendf(nil, line+"\r\n", len(value)), value, []byte("\r\n"))
	}
	for name, send := range map[string][]byte{
		"set":            text("set k 0 0 %d"),
		"set, with more": text("set  k 0 0 %d"),
		"replace":        text("replace k 0 0 %d"),
		"ms":             text("ms k %d"),
		"ms, replace":    text("ms k %d MR"),
		"binary set":     request(opSet, "k", storeExtras(0, 0), string(value)),
	} {
		newEngine(t, s).feed([]byte("set k 0 0 1\r\nv\r\n"))
		newEngine(t, s).feedAll(cutEvery(64 << 10)(send))
		got, _ := st.Get(testNow, []byte("k"), nil, func(dst []byte, v *store.View) []byte { return append(dst, v.Value...) })
		if !bytes.Equal(got, value) {
			t.Errorf("%s: there are %d bytes", name, len(got))
		}
		newEngine(t, s).feed([]byte("delete k\r\n"))
		st.Tick(testNow)
	}
}

// TestArrive_IsPutBesideWhatIsThere: what is appended or prepended comes in pieces, too.
func TestArrive_IsPutBesideWhatIsThere(t *testing.T) {
	s := newTestServer(t)
	value := strings.Repeat("0123456789abcdef", 10_000)
	for name, c := range map[string]struct{ send, want string }{
		"append":         {fmt.Sprintf("append k 0 0 %d\r\n%s\r\n", len(value), value), "there" + value},
		"prepend":        {fmt.Sprintf("prepend k 0 0 %d\r\n%s\r\n", len(value), value), value + "there"},
		"ms, append":     {fmt.Sprintf("ms k %d MA\r\n%s\r\n", len(value), value), "there" + value},
		"ms, prepend":    {fmt.Sprintf("ms k %d MP\r\n%s\r\n", len(value), value), value + "there"},
		"binary append":  {string(request(opAppend, "k", "", value)), "there" + value},
		"binary prepend": {string(request(opPrepend, "k", "", value)), value + "there"},
	} {
		newEngine(t, s).feed([]byte("set k 0 0 5\r\nthere\r\n"))
		newEngine(t, s).feedAll(cutEvery(20_000)([]byte(c.send)))
		want := fmt.Sprintf("VALUE k 0 %d\r\n%s\r\nEND\r\n", len(c.want), c.want)
		if out := string(newEngine(t, s).feed([]byte("get k\r\n"))); out != want {
			t.Errorf("%s: %.60q", name, out)
		}
	}
	if err := s.Store.CheckInvariants(); err != nil {
		t.Error(err)
	}
}

// TestArrive_WithoutAddressSpace: others have begun large values, and sent hardly any of them. A value that finds no place
// is refused and swallowed, and what follows is read as what it is.
func TestArrive_WithoutAddressSpace(t *testing.T) {
	s := newTestServer(t)
	var drafts []*store.Draft
	for _, size := range []int{1 << 20, arriveBytes} {
		for d := s.Store.NewDraft(1, size); d != nil; d = s.Store.NewDraft(1, size) {
			drafts = append(drafts, d)
		}
	}
	value := []byte(strings.Repeat("flush_all\r\n", 60_000))
	for _, c := range arrivals("key", value) {
		newEngine(t, s).feed([]byte("delete key\r\n"))
		behind := []byte("version\r\n")
		if c.binaryProto {
			behind = request(opNoop, "", "", "")
		}
		for j, cut := range []cutter{cutEvery(64 << 10), cutEvery(1448), cutAt(len(c.send) - 1)} {
			got := newEngine(t, s).feedAll(cut(slices.Concat(c.send, behind)))
			if !c.binaryProto && string(got) != c.short+"VERSION "+testVersion+"\r\n" {
				t.Errorf("%s, cut %d: %.100q", c.name, j, got)
			}
			if c.binaryProto {
				if replies := readFrames(t, got); len(replies) != 2 || replies[0].status != uint16(statusNoMemory) || replies[1].op != opNoop {
					t.Errorf("%s, cut %d: %.100q", c.name, j, got)
				}
			}
		}
	}
	for _, d := range drafts {
		d.Drop()
	}
	if v, _ := strconvStat(newEngine(t, s), "cmd_flush"); v != "0" {
		t.Error("a value was executed")
	}
}
