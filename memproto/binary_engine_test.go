package memproto

import (
	"bytes"
	"maps"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"twincached/internal/testkit"
)

func TestBinary_DoesNotAllocate(t *testing.T) {
	if testkit.Race {
		t.Skip("the race detector allocates")
	}
	c := NewConn(newTestServer(t))
	value := strings.Repeat("v", 100)
	c.Process(testNow, slices.Concat(request(opSet, "key:1", storeExtras(0, 0), value), request(opSet, "number", storeExtras(0, 0), strings.Repeat("0", 20))), nil)
	out := make([]byte, 0, 2*OutSoftLimitBytes)
	for name, in := range map[string][]byte{
		"get hit":   request(opGet, "key:1", "", ""),
		"get miss":  request(opGet, "missing", "", ""),
		"getk":      request(opGetK, "key:1", "", ""),
		"getq":      request(opGetQ, "missing", "", ""),
		"gat":       request(opGAT, "key:1", u32(100), ""),
		"touch":     request(opTouch, "key:1", u32(100), ""),
		"set":       request(opSet, "key:1", storeExtras(5, 3600), value),
		"setq":      request(opSetQ, "key:1", storeExtras(5, 3600), value),
		"set CAS":   request(opSet, "key:1", storeExtras(5, 3600), value, badCAS),
		"add":       request(opAdd, "key:1", storeExtras(5, 3600), value),
		"increment": request(opIncrement, "number", deltaExtras(1, 1, 0), ""),
		"delete":    request(opDelete, "missing", "", ""),
		"pipeline":  slices.Concat(bytes.Repeat(request(opGetKQ, "key:1", "", ""), 100), request(opNoop, "", "", "")),
	} {
		if n := testing.AllocsPerRun(200, func() {
			if r := c.Process(testNow, in, out); r.N != len(in) {
				t.Fatalf("%s: %d of %d bytes", name, r.N, len(in))
			}
		}); n != 0 {
			t.Errorf("%s: %v allocations", name, n)
		}
	}
}

// TestBinary_StatsAreTheTextRows: each group has the rows that the text
// protocol prints, and an end.
func TestBinary_StatsAreTheTextRows(t *testing.T) {
	s := newTestServer(t)
	s.General = func() []Stat { return []Stat{{"pid", "77"}, {"empty", ""}, {"words", "a b c"}} }
	s.Settings = func() []Stat { return []Stat{{"maxbytes", "1"}} }
	s.Conns = func() []Stat { return []Stat{{"1:addr", "tcp:1"}} }
	s.Status = func() []byte { return []byte(`{"this":{"a b":1}}`) }
	for _, group := range []string{"", "settings", "items", "slabs", "sizes", "conns", "status"} {
		text, bin := newEngine(t, s), newEngine(t, s)
		text.feed([]byte("set k 0 0 1\r\nv\r\n"))
		want := statMap(t, string(text.feed([]byte("stats "+group+"\r\n"))))
		replies, _ := bin.exchange(t, request(opStat, group, "", ""))
		rows := map[string]string{}
		for i, f := range replies {
			if last := i == len(replies)-1; last != (f.key == "") || f.status != 0 || f.opaque != 0xdeadbeef || f.op != opStat {
				t.Errorf("%q, reply %d of %d: %v", group, i, len(replies), f)
			}
			if f.key != "" {
				rows[f.key] = f.value
			}
		}
		if !maps.Equal(rows, want) || len(rows) == 0 {
			t.Errorf("%q: %v, want %v", group, rows, want)
		}
	}
	for _, group := range []string{"cachedump 1 1", "x\r\nget k", "END", "reset\r\n"} {
		e := newEngine(t, s)
		if replies, _ := e.exchange(t, request(opStat, group, "", "")); len(replies) != 1 || replies[0].status != uint16(statusNotFound) {
			t.Errorf("%q: %v", group, replies)
		}
	}
}

func TestBinary_ServerOptions(t *testing.T) {
	s := newTestServer(t, "-F")
	level := -1
	s.Verbosity = func(l int) { level = l }
	runBinary(t, newEngine(t, s), []binaryStep{
		has("k", "v"),
		does(request(opFlush, "", "", ""), failed(opFlush, statusAuth)),
		does(request(opFlushQ, "", u32(0), ""), failed(opFlushQ, statusAuth)),
		holds("k", 7, "v"),
		does(request(opVerbosity, "", u32(0xffffffff), ""), done(opVerbosity, 0)),
	})
	if level != 2 { // memcached's highest at run time
		t.Errorf("verbosity %d", level)
	}
	text := newTestServer(t)
	text.TextOnly = true
	e := newEngine(t, text)
	if out := e.feed(request(opNoop, "", "", "")); string(out) != replyBinary || e.reason != ReasonBinary {
		t.Errorf("text only: %q, closed for %q", out, e.reason)
	}
	if out := newEngine(t, text).feed([]byte("version\r\n")); string(out) != "VERSION 1.6.45\r\n" {
		t.Errorf("text only: %q", out)
	}
	bin := newTestServer(t)
	bin.BinaryOnly = true
	e = newEngine(t, bin)
	if out := e.feed([]byte("get a\r\nget a\r\nget a\r\nget a\r\n")); len(out) != 0 || e.reason != ReasonMagic {
		t.Errorf("binary only: %q, closed for %q", out, e.reason)
	}
	runBinary(t, newEngine(t, bin), []binaryStep{has("k", "v"), holds("k", 7, "v")})
}

// TestBinary_SwallowsWithoutBuffering: a refused value of any length asks for
// no buffer and leaves the conn in step.
func TestBinary_SwallowsWithoutBuffering(t *testing.T) {
	for _, op := range []byte{opSet, opAdd, opAppend, 0x50} {
		const size = int64(3_000_000_000)
		extras := ""
		if op == opSet || op == opAdd {
			extras = storeExtras(0, 0)
		}
		c := NewConn(newTestServer(t))
		head := request(op, "k", extras, "")
		copy(head[8:], u32(uint32(size+1+int64(len(extras)))))
		r := c.Process(testNow, head, nil)
		if f := readFrames(t, r.Out); len(f) != 1 || f[0].status == 0 || r.Need != 0 || r.N != len(head) {
			t.Fatalf("%#x: %v, Need %d", op, f, r.Need)
		}
		chunk := bytes.Repeat(request(opFlush, "", "", ""), 1<<16)
		for left := size; left > 0; {
			n := int(min(left, int64(len(chunk))))
			if r = c.Process(testNow, chunk[:n], nil); r.N != n || len(r.Out) != 0 || r.Need != 0 {
				t.Fatalf("%#x: N %d of %d, Out %q, Need %d", op, r.N, n, r.Out, r.Need)
			}
			left -= int64(n)
		}
		if f := readFrames(t, c.Process(testNow, request(opNoop, "", "", ""), nil).Out); len(f) != 1 || f[0].op != opNoop {
			t.Errorf("%#x: %v", op, f)
		}
	}
}

// TestBinary_CreateRace: of conns that count the same missing keys at once, one
// creates each and no count is lost. They wait for each other before every key.
func TestBinary_CreateRace(t *testing.T) {
	s := newTestServer(t)
	const conns, keys = 4, 5000
	var arrived [keys]atomic.Int32
	var wg sync.WaitGroup
	for range conns {
		wg.Go(func() {
			c := NewConn(s)
			for i := range keys {
				arrived[i].Add(1)
				for spins := 0; arrived[i].Load() < conns; spins++ {
					if spins > 100 {
						runtime.Gosched()
					}
				}
				c.Process(testNow, request(opIncrement, "n"+u32(uint32(i)), deltaExtras(1, 1, 0), ""), nil)
			}
		})
	}
	wg.Wait()
	e := newEngine(t, s)
	for i := range keys {
		if f, _ := e.exchange(t, request(opIncrement, "n"+u32(uint32(i)), deltaExtras(0, 0, 0xffffffff), "")); len(f) != 1 || f[0].value != u64(conns) {
			t.Fatalf("key %d: %v, want %d", i, f, conns)
		}
	}
}

// TestBinary_PipelineAsksForWrites: a pipeline of large replies is cut by More.
func TestBinary_PipelineAsksForWrites(t *testing.T) {
	c := NewConn(newTestServer(t))
	c.Process(testNow, request(opSet, "k", storeExtras(0, 0), strings.Repeat("v", 10_000)), nil)
	in := slices.Concat(bytes.Repeat(request(opGetKQ, "k", "", ""), 100), request(opNoop, "", "", ""))
	total := 0
	for calls := 1; ; calls++ {
		r := c.Process(testNow, in, nil)
		if len(r.Out) > OutSoftLimitBytes+11_000 {
			t.Fatalf("%d bytes in one call", len(r.Out))
		}
		total += len(readFrames(t, r.Out))
		in = in[r.N:]
		if !r.More {
			if calls < 10 || total != 101 || len(in) != 0 {
				t.Errorf("%d replies in %d calls, %d bytes left", total, calls, len(in))
			}
			return
		}
	}
}

// FuzzBinary: no stream of packets makes the engine panic or answer without
// bound or in another form, and the replies do not depend on how it was cut.
func FuzzBinary(f *testing.F) {
	for i, row := range binaryRows() {
		if i%testkit.Step != 0 {
			continue
		}
		var all []byte
		for _, st := range row.steps {
			if len(st.send) < 1000 {
				all = append(all, st.send...)
			}
		}
		f.Add(all, uint64(len(all)))
	}
	f.Add([]byte{binaryMagic}, uint64(1))
	f.Add(request(opStat, "", "", ""), uint64(3))
	f.Fuzz(func(t *testing.T, data []byte, seed uint64) {
		if len(data) == 0 {
			return
		}
		servers := [2]*Server{newTestServer(t), newTestServer(t)}
		for _, s := range servers {
			s.BinaryOnly = true
		}
		one, many := newEngine(t, servers[0]), newEngine(t, servers[1])
		many.ignoreNeed = seed%2 == 0
		a, b := one.feed(data), many.feedAll(cutRandomly(seed)(data))
		if !bytes.Equal(a, b) {
			t.Fatalf("whole: %.300q\ncut:   %.300q", a, b)
		}
		readFrames(t, a)
		if one.closed != many.closed || one.reason != many.reason || !one.closed && !bytes.Equal(one.in, many.in) {
			t.Fatalf("whole: closed %v (%s), left %.100q, cut: closed %v (%s), left %.100q", one.closed, one.reason, one.in, many.closed, many.reason, many.in)
		}
		if err := servers[0].Store.CheckInvariants(); err != nil {
			t.Fatal(err)
		}
	})
}
