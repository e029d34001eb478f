package memproto

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"twincached/store"
)

// fillForDump stores items that a dump has to tell apart, and some it must not show.
func fillForDump(feed func(string)) {
	for i := range 200 {
		size := i * i % 4000
		feed(fmt.Sprintf("set key%d %d %d %d\r\n%s\r\n", i, i%3, i%2*5000, size, strings.Repeat("x", size)))
	}
	feed("set a%b+c~.-_/:\x01\xff\x7f&=\"' 5 100 1\r\n1\r\n")
	feed("set dead 0 -1 1\r\n1\r\n")
	feed("get key7 key9\r\n")
	feed("delete key11\r\n")
}

// TestMetadump_IsStockMemcacheds: the same lines but for times, CAS uniques, and the client's flags, which 1.6.18 leaves out.
func TestMetadump_IsStockMemcacheds(t *testing.T) {
	conn := startStock(t).dial(t)
	e := newEngine(t, newTestServer(t))
	fillForDump(func(s string) {
		e.feed([]byte(s))
		conn.Write([]byte(s + "mn\r\n"))
		for l := ""; l != "MN"; {
			var err error
			if l, err = conn.readLine(); err != nil {
				t.Fatal(err)
			}
		}
	})
	reLA, reCAS, reFlags, reExp := regexp.MustCompile(` la=\d{10} `), regexp.MustCompile(` cas=\d+ `), reFlagsEnd, regexp.MustCompile(` exp=\d{10} `)
	plain := func(l string) string {
		for _, r := range []*regexp.Regexp{reLA, reCAS, reExp} {
			l = r.ReplaceAllString(l, " ... ")
		}
		return reFlags.ReplaceAllString(l, "")
	}
	for _, what := range []string{"all", "hash", "1,5", "12"} {
		command := "lru_crawler metadump " + what + "\r\n"
		want := stockDump(t, conn, command, plain)
		out, ok := strings.CutSuffix(string(e.feed([]byte(command))), " \nEND\r\n")
		out, begun := strings.CutPrefix(out, replyOK)
		if !ok || !begun {
			t.Fatalf("%s: no OK or no END: %q", what, out)
		}
		var got []string
		for l := range strings.SplitSeq(out, "\n") {
			if !reFlags.MatchString(l) || !reLA.MatchString(l) || !reCAS.MatchString(l) {
				t.Errorf("%s: line %q", what, l)
			}
			got = append(got, plain(l))
		}
		slices.Sort(got)
		slices.Sort(want)
		if !slices.Equal(got, want) {
			t.Errorf("%s: %d lines, want %d\ngot  %q\nwant %q", what, len(got), len(want), got, want)
		}
	}
}

var reFlagsEnd = regexp.MustCompile(` flags=\d+ ?$`)

// stockDump returns the lines of a stock metadump. While its crawler is still putting the last one away, it is asked again.
func stockDump(t *testing.T, conn *stockConn, command string, plain func(string) string) (lines []string) {
	t.Helper()
	deadline := time.Now().Add(20 * time.Second)
	conn.Write([]byte(command))
	for {
		l, err := conn.readLine()
		switch {
		case err != nil || time.Now().After(deadline):
			t.Fatalf("%q: %q, %v", command, l, err)
		case l == "END":
			return lines
		case l == "OK": // 1.6.18 leaves it out
		case strings.HasPrefix(l, "ERROR"), strings.HasPrefix(l, "BUSY"):
			conn.Write([]byte(command))
		default:
			lines = append(lines, plain(strings.TrimSuffix(l, "\n")))
		}
	}
}

func TestMetadump_SaysWhatMetaDebugSays(t *testing.T) {
	e := newEngine(t, newTestServer(t))
	e.feed([]byte("set a 77 5000 3\r\nabc\r\nset b 0 0 1\r\nx\r\nget a\r\n"))
	e.now += 90_500
	cas := strings.Fields(string(e.feed([]byte("gets b\r\n"))))[4]
	want := fmt.Sprintf("key=b exp=-1 la=%d cas=%s fetch=yes cls=1 size=61 flags=0 \n", e.now/1000, cas)
	out := string(e.feed([]byte("lru_crawler metadump all\r\n")))
	if !strings.Contains(out, want) {
		t.Errorf("got %q, want %q", out, want)
	}
	want = fmt.Sprintf("key=a exp=%d la=%d cas=", testNow/1000+5000, testNow/1000)
	if !strings.Contains(out, want) || !strings.Contains(out, " fetch=yes cls=1 size=67 flags=77 \n") {
		t.Errorf("got %q, want %q", out, want)
	}
	tail := func(s string) string { return s[strings.Index(s, " fetch="):] }
	for _, key := range []string{"a", "b"} {
		me := strings.TrimSuffix(string(e.feed([]byte("me "+key+"\r\n"))), "\r\n")
		line := regexp.MustCompile("(?m)^key=" + key + " .*$").FindString(out)
		if got := reFlagsEnd.ReplaceAllString(tail(line), ""); got != tail(me) {
			t.Errorf("%q, and me says %q", line, me)
		}
	}
	again := string(e.feed([]byte("lru_crawler metadump all\r\n")))
	if again != out {
		t.Errorf("a dump changes what it shows: %q, then %q", out, again)
	}
}

// TestDump_GoesOnWhenOutIsWritten: a large dump comes in parts of the usual size, whatever stands behind it waits, and every
// key is shown once.
func TestDump_GoesOnWhenOutIsWritten(t *testing.T) {
	s := newTestServer(t)
	e := newEngine(t, s)
	const items = 5000
	for i := range items {
		e.feed(fmt.Appendf(nil, "set some:longer:key:%d 0 0 1 noreply\r\nx\r\n", i))
	}
	for command, line := range map[string]string{
		"lru_crawler metadump all": `(?m)^key=some%3Alonger%3Akey%3A(\d+) `,
		"lru_crawler mgdump all":   `(?m)^mg some:longer:key:(\d+)\r$`,
		"stats cachedump 1 0":      `(?m)^ITEM some:longer:key:(\d+) \[1 b; 0 s\]\r$`,
	} {
		in, calls := []byte(command+"\r\nversion\r\n"), 0
		var got []byte
		for more := true; more; calls++ {
			r := e.c.Process(e.now, in, nil)
			if len(r.Out) > OutSoftLimitBytes+400 {
				t.Fatalf("%s: %d bytes in one call", command, len(r.Out))
			}
			got, in, more = append(got, r.Out...), in[r.N:], r.More
			e.feed([]byte{}) // another conn's turn
		}
		if len(in) != 0 || calls < 2 {
			t.Errorf("%s: %d calls, %d bytes left", command, calls, len(in))
		}
		seen := map[string]int{}
		for _, m := range regexp.MustCompile(line).FindAllSubmatch(got, -1) {
			seen[string(m[1])]++
		}
		for i := range items {
			if n := seen[fmt.Sprint(i)]; n != 1 {
				t.Fatalf("%s: key %d is shown %d times", command, i, n)
			}
		}
		if !regexp.MustCompile(`\nEND?\r\nVERSION 1.6.45\r\n$`).Match(got) {
			t.Errorf("%s ends %q", command, got[len(got)-60:])
		}
	}
}

// TestDump_AFewAtOnceTheOthersAreBusy: a dump counts from its first line to its last, or to the end of its conn.
func TestDump_AFewAtOnceTheOthersAreBusy(t *testing.T) {
	s := newTestServer(t)
	e := newEngine(t, s)
	for i := range 3000 {
		e.feed(fmt.Appendf(nil, "set some:longer:key:%d 0 0 1 noreply\r\nx\r\n", i))
	}
	begin := func(command string) (c *Conn, busy bool) {
		c = NewConn(s)
		r := c.Process(testNow, []byte(command+"\r\n"), nil)
		if r.More && !r.Later {
			t.Error("a dump goes on in the turn that it had")
		}
		return c, string(r.Out) == "BUSY currently processing crawler request\r\n"
	}
	for round := range 3 {
		var open []*Conn
		for range maxDumps {
			c, busy := begin("lru_crawler metadump all")
			if busy {
				t.Fatalf("round %d: busy with %d dumps", round, len(open))
			}
			open = append(open, c)
		}
		for _, command := range []string{"lru_crawler metadump all", "lru_crawler mgdump all"} {
			if _, busy := begin(command); !busy {
				t.Errorf("%s: %d dumps at once", command, maxDumps+1)
			}
		}
		if c, _ := begin("stats cachedump 1 0"); c.dump == nil || c.dump.kind != dumpOld {
			t.Error("cachedump is counted as a dump")
		}
		for i, c := range open {
			if i%2 == 0 {
				c.Closed(testNow, CloseError)
				continue
			}
			for in := []byte("\n"); len(in) > 0; {
				in = in[c.Process(testNow, in, nil).N:]
			}
			c.Closed(testNow, CloseNormal)
		}
	}
}

// TestDump_MayStandAmongOtherCommands: it begins with OK, each line ends as memcached's
// do, and the replies stand in the order of the commands, however they were cut.
func TestDump_MayStandAmongOtherCommands(t *testing.T) {
	for kind, lines := range map[string]string{
		"metadump": "OK\r\nkey=k exp=-1 la=1900000000 cas=N fetch=no cls=1 size=61 flags=0 \nEND\r\n",
		"mgdump":   "OK\r\nmg k\r\nEN\r\n",
	} {
		for seed := range uint64(30) {
			e := newEngine(t, newTestServer(t))
			sent := "set k 0 0 1\r\nx\r\nmg foo v\r\nlru_crawler " + kind + " all\r\nmn\r\nlru_crawler " + kind + " all noreply x\r\nlru_crawler " + kind + " 1\nmg k v\r\n"
			out := string(e.feedAll(cutRandomly(seed)([]byte(sent))))
			out = regexp.MustCompile(` cas=\d+ `).ReplaceAllString(out, " cas=N ")
			if want := "STORED\r\nEN\r\n" + lines + "MN\r\nERROR\r\n" + lines + "VA 1\r\nx\r\n"; out != want {
				t.Fatalf("%s, seed %d: %q, want %q", kind, seed, out, want)
			}
		}
	}
}

// TestMgdump_CanBeSentBack: the dump's lines are commands that fetch the items.
func TestMgdump_CanBeSentBack(t *testing.T) {
	s := newTestServer(t)
	e := newEngine(t, s)
	fillForDump(func(in string) { e.feed([]byte(in)) })
	s.Store.Do(e.now, &store.Request{Op: store.OpSet, Key: []byte("with space\r\n\x00"), Value: []byte("v")})
	out, ok := strings.CutSuffix(string(e.feed([]byte("lru_crawler mgdump all\r\n"))), "EN\r\n")
	out = strings.TrimPrefix(out, replyOK)
	if !ok || strings.Count(out, "\r\n") != 201 {
		t.Fatalf("%d lines in %q", strings.Count(out, "\r\n"), out)
	}
	if want := "HD\r\n"; string(e.feed([]byte(out))) != strings.Repeat(want, 201) {
		t.Errorf("not every line fetches: %q", e.feed([]byte(out)))
	}
}

func TestCachedump_KeepsItsLimits(t *testing.T) {
	e := newEngine(t, newTestServer(t))
	key := strings.Repeat("k", 240)
	const items = 9000 // 9000 * 262 bytes are more than 2 MB
	for i := range items {
		e.feed(fmt.Appendf(nil, "set %s%d 0 0 1 noreply\r\nx\r\n", key, i))
	}
	class := store.ClassOf(store.ItemBytes(len(key)+4, 1))
	for limit, want := range map[int]int{1: 1, 100: 100, 5000: 5000} {
		out := string(e.feed(fmt.Appendf(nil, "stats cachedump %d %d\r\n", class, limit)))
		if n := strings.Count(out, "ITEM "); n != want {
			t.Errorf("a limit of %d shows %d items", limit, n)
		}
	}
	out := e.feed(fmt.Appendf(nil, "stats cachedump %d 0\r\n", class))
	if len(out) > cachedumpBytes || len(out) < cachedumpBytes-300 {
		t.Errorf("without a limit: %d bytes", len(out))
	}
	if !strings.HasSuffix(string(out), " s]\r\nEND\r\n") {
		t.Errorf("ends %q", out[len(out)-40:])
	}
}

func TestNoDumps_RefusesWhatListsKeys(t *testing.T) {
	s := newTestServer(t)
	s.NoDumps = true
	e := newEngine(t, s)
	for command, want := range map[string]string{
		"stats cachedump 1 0": replyNoCachedump, "stats detail on": replyNoDetail, "stats detail dump": replyNoDetail,
		"lru_crawler metadump all": replyNoMetadump, "lru_crawler mgdump all": replyNoMgdump, "lru_crawler crawl 1": replyOK,
	} {
		if out := string(e.feed([]byte(command + "\r\n"))); out != want {
			t.Errorf("%s: %q, want %q", command, out, want)
		}
	}
	bin := newEngine(t, s)
	if replies, _ := bin.exchange(t, request(opStat, "detail dump", "", "")); len(replies) != 1 || replies[0].status != uint16(statusNotFound) {
		t.Errorf("binary detail: %v", replies)
	}
}

func TestDetail_OverTheBinaryProtocol(t *testing.T) {
	s := newTestServer(t)
	s.PrefixDelimiter = '/'
	e := newEngine(t, s)
	for _, p := range []struct{ group, want string }{
		{"detail on", ""}, {"detail dump", "END\r\n"}, {"detail", "END\r\n"}, {"detail off", ""}, {"sizes", "disabled"},
	} {
		replies, _ := e.exchange(t, request(opStat, p.group, "", ""))
		if last := replies[len(replies)-1]; last.key != "" || last.status != 0 || (len(replies) == 2) != (p.want != "") || replies[0].value != p.want {
			t.Errorf("%s: %v", p.group, replies)
		}
	}
	e.exchange(t, request(opStat, "detail on", "", ""))
	e.exchange(t, slices.Concat(request(opSet, "a/b", strings.Repeat("\x00", 8), "v"), request(opGet, "a/c", "", ""), request(opDelete, "a:b", "", "")))
	replies, _ := e.exchange(t, request(opStat, "detail dump", "", ""))
	if want := "PREFIX a get 1 hit 0 set 1 del 0\r\nEND\r\n"; replies[0].key != "detailed" || replies[0].value != want {
		t.Errorf("%v, want %q", replies, want)
	}
}
