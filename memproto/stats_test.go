package memproto

import (
	"fmt"
	"strconv"
	"strings"
	"testing"

	"twincached/store"
)

// statMap reads a stats reply and checks its form.
func statMap(t *testing.T, reply string) map[string]string {
	t.Helper()
	lines := strings.Split(strings.TrimSuffix(reply, "\r\n"), "\r\n")
	if lines[len(lines)-1] != "END" {
		t.Fatalf("no END: %q", reply)
	}
	m := map[string]string{}
	for _, l := range lines[:len(lines)-1] {
		f := strings.SplitN(l, " ", 3)
		if len(f) != 3 || f[0] != "STAT" {
			t.Fatalf("line %q", l)
		}
		if _, twice := m[f[1]]; twice {
			t.Errorf("%s stands there twice", f[1])
		}
		m[f[1]] = f[2]
	}
	return m
}

func TestStats_General(t *testing.T) {
	s := newTestServer(t)
	s.General = func() []Stat { return []Stat{{"pid", "42"}, {"version", testVersion}} }
	resets := 0
	s.Reset = func() { resets++ }
	e := newEngine(t, s)
	for _, c := range []string{
		"set a 0 0 1\r\n5\r\n", "add a 0 0 1\r\n5\r\n", "get a b a\r\n", "incr a 1\r\n", "incr b 1\r\n", "decr a 1\r\n", "touch a 0\r\n",
		"touch b 0\r\n", "gat 0 a\r\n", "cas a 0 0 1 5\r\nx\r\n", "cas b 0 0 1 5\r\nx\r\n", "delete a\r\n", "delete a\r\n",
		"set b 0 0 1\r\nx\r\n", "flush_all\r\n", "get b\r\n", "set c 0 0 1\r\nx\r\n", "set big 0 0 2000000\r\n" + strings.Repeat("x", 2000002),
	} {
		e.feed([]byte(c))
	}
	m := statMap(t, string(e.feed([]byte("stats\r\n"))))
	for name, want := range map[string]string{
		"pid": "42", "version": testVersion, "cmd_get": "4", "get_hits": "2", "get_misses": "2", "get_flushed": "1", "cmd_flush": "1",
		"cmd_touch": "3", "touch_hits": "2", "touch_misses": "1", "incr_hits": "1", "incr_misses": "1", "decr_hits": "1", "decr_misses": "0",
		"cas_misses": "1", "cas_badval": "1", "cas_hits": "0", "delete_hits": "1", "delete_misses": "1", "store_too_large": "1",
		"curr_items": "1", "limit_maxbytes": strconv.Itoa(16 << 20), "evictions": "0",
	} {
		if m[name] != want {
			t.Errorf("%s = %q, want %s", name, m[name], want)
		}
	}
	for _, name := range []string{"cmd_set", "total_items", "bytes", "reclaimed", "expired_unfetched", "evicted_unfetched", "get_expired", "store_no_memory"} {
		if _, err := strconv.ParseUint(m[name], 10, 64); err != nil {
			t.Errorf("%s = %q", name, m[name])
		}
	}
	if out := string(e.feed([]byte("stats reset\r\n"))); out != "RESET\r\n" || resets != 1 {
		t.Errorf("%q, %d resets", out, resets)
	}
	if m = statMap(t, string(e.feed([]byte("stats\r\n")))); m["cmd_get"] != "0" || m["curr_items"] != "1" {
		t.Errorf("after reset: cmd_get %s, curr_items %s", m["cmd_get"], m["curr_items"])
	}
}

// TestStats_ItemsAndSlabsAgree: the two tables speak of the same classes and
// the same items, as tools that join them expect.
func TestStats_ItemsAndSlabsAgree(t *testing.T) {
	e := newEngine(t, newTestServer(t))
	const items = 300
	for i := range items {
		size := 1 + i*i%5000
		e.feed(fmt.Appendf(nil, "set key%d 0 0 %d\r\n%s\r\n", i, size, strings.Repeat("x", size)))
	}
	list := statMap(t, string(e.feed([]byte("stats items\r\n"))))
	slabs := statMap(t, string(e.feed([]byte("stats slabs\r\n"))))
	total, classes, before := 0, 0, 0
	for class := range 64 {
		number, ok := list[fmt.Sprintf("items:%d:number", class)]
		if used := slabs[fmt.Sprintf("%d:used_chunks", class)]; used != number {
			t.Errorf("class %d: %q items, %q chunks used", class, number, used)
		}
		if !ok {
			continue
		}
		classes++
		n, _ := strconv.Atoi(number)
		total += n
		chunk, _ := strconv.Atoi(slabs[fmt.Sprintf("%d:chunk_size", class)])
		if chunk <= before {
			t.Errorf("class %d: chunk_size %d after %d", class, chunk, before)
		}
		before = chunk
		for _, row := range []string{"chunks_per_page", "total_pages", "total_chunks", "free_chunks"} {
			if slabs[fmt.Sprintf("%d:%s", class, row)] == "" {
				t.Errorf("class %d: no %s", class, row)
			}
		}
	}
	if total != items {
		t.Errorf("%d items in all classes, want %d", total, items)
	}
	if slabs["active_slabs"] != strconv.Itoa(classes) {
		t.Errorf("active_slabs %s, want %d", slabs["active_slabs"], classes)
	}
	if out := string(e.feed([]byte("stats sizes\r\n"))); out != "STAT sizes_status disabled\r\nEND\r\n" {
		t.Errorf("%q", out)
	}
	e.c.srv.SetTrackSizes(true)
	sizes, sum := statMap(t, string(e.feed([]byte("stats sizes\r\n")))), 0
	for size, n := range sizes {
		if b, err := strconv.Atoi(size); err != nil || b%32 != 0 {
			t.Errorf("size %q", size)
		}
		k, _ := strconv.Atoi(n)
		sum += k
	}
	if sum != items {
		t.Errorf("%d items in all sizes, want %d", sum, items)
	}
}

func TestStats_Hooks(t *testing.T) {
	s := newTestServer(t)
	e := newEngine(t, s)
	for _, kind := range []string{"conns", "replication", "status"} {
		if out := string(e.feed([]byte("stats " + kind + "\r\n"))); out != "END\r\n" {
			t.Errorf("stats %s without a hook: %q", kind, out)
		}
	}
	s.Settings = func() []Stat { return []Stat{{"maxbytes", "67108864"}, {"evictions", "on"}} }
	if out, want := string(e.feed([]byte("stats settings\r\n"))), "STAT maxbytes 67108864\r\nSTAT evictions on\r\n"; !strings.HasPrefix(out, want) {
		t.Errorf("%q", out)
	}
	s.Replication = func(data *store.Stats) []Stat { return []Stat{{"items_too", strconv.FormatUint(data.Items, 10)}} }
	e.feed([]byte("set k 0 0 1\r\nv\r\n"))
	for _, kind := range []string{"", "replication"} {
		if m := statMap(t, string(e.feed([]byte("stats "+kind+"\r\n")))); m["items_too"] != "1" {
			t.Errorf("stats %s: the node was told of %q items", kind, m["items_too"])
		}
	}
	s.Conns = func() []Stat { return make([]Stat, MaxStatRows+10) }
	if n := strings.Count(string(e.feed([]byte("stats conns\r\n"))), "STAT"); n != MaxStatRows {
		t.Errorf("%d rows", n)
	}
	line := `{"this":{},"peer":null}`
	s.Status = func() []byte { return []byte(line) }
	if out, want := string(e.feed([]byte("stats status\r\n"))), "STAT status "+line+"\r\nEND\r\n"; out != want {
		t.Errorf("%q, want %q", out, want)
	}
	line = "{\r\n}" // whoever reads lines would lose the thread
	if out := string(e.feed([]byte("stats status\r\n"))); out != "END\r\n" {
		t.Errorf("%q", out)
	}
	level := -1
	s.Verbosity = func(l int) { level = l }
	if e.feed([]byte("verbosity 4294967295\r\n")); level != 2 { // memcached's highest at run time
		t.Errorf("level %d", level)
	}
	if e.feed([]byte("verbosity 1 noreply\r\n")); level != 1 {
		t.Errorf("level %d", level)
	}
}
