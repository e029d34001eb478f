package memproto

import (
	"fmt"
	"strings"
	"testing"

	"twincached/store"
)

// TestProcess_OutOfMemory: without eviction a full store says so, keeps the
// conn in step, and a set that failed does not leave the older value.
func TestProcess_OutOfMemory(t *testing.T) {
	st, err := store.New(store.Config{MemoryBytes: 8 << 20, NoEviction: true}, testNow)
	if err != nil {
		t.Fatal(err)
	}
	defer st.Close()
	e := newEngine(t, &Server{Store: st, Version: testVersion, FlushEnabled: true})
	set := func(key string, size int) string {
		return string(e.feed(fmt.Appendf(nil, "set %s 0 0 %d\r\n%s\r\n", key, size, strings.Repeat("x", size))))
	}
	if out := set("old", 10); out != replyStored {
		t.Fatal(out)
	}
	full := false
	for i := 0; i < 1000 && !full; i++ {
		switch out := set(fmt.Sprintf("key%d", i), 50_000); out {
		case replyStored:
		case replyNoMemoryStore:
			full = true
		default:
			t.Fatal(out)
		}
	}
	if !full {
		t.Fatal("50 MB fit into 8 MiB")
	}
	if out := set("old", 500_000); out != replyNoMemoryStore {
		t.Fatalf("%q", out)
	}
	if out := string(e.feed([]byte("get old\r\nget key0\r\nversion\r\n"))); !strings.HasPrefix(out, "END\r\nVALUE key0 0 50000\r\n") || !strings.HasSuffix(out, "\r\nEND\r\nVERSION 1.6.45\r\n") {
		t.Errorf("%.100q", out)
	}
	if m := statMap(t, string(e.feed([]byte("stats\r\n")))); m["store_no_memory"] == "0" {
		t.Error("store_no_memory is 0")
	}
}

// TestProcess_SmallItemLimit: -I counts here as it counts in the store.
func TestProcess_SmallItemLimit(t *testing.T) {
	const limit = 2048
	st, err := store.New(store.Config{MemoryBytes: 8 << 20, MaxItemBytes: limit}, testNow)
	if err != nil {
		t.Fatal(err)
	}
	defer st.Close()
	e := newEngine(t, &Server{Store: st})
	fit := limit - store.ItemBytes(1, 0)
	for _, c := range []struct {
		name string
		size int
		want string
	}{
		{"set", fit, replyStored}, {"set", fit + 1, replyTooLarge}, {"add", fit + 1, replyTooLarge}, {"add", fit, replyStored},
		{"append", 1, replyTooLarge}, {"prepend", 1, replyTooLarge}, {"append", 0, replyStored},
	} {
		out := e.feed(fmt.Appendf(nil, "%s k 0 0 %d\r\n%s\r\n", c.name, c.size, strings.Repeat("x", c.size)))
		if string(out) != c.want {
			t.Errorf("%s of %d bytes: %q, want %q", c.name, c.size, out, c.want)
		}
	}
}
