package memproto

import (
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"
	"sync"
	"testing"

	"twincached/internal/testkit"
)

// sampling is a server whose clock says that each step takes 1 us, and an engine.
func sampling(t *testing.T) (*Server, *engine) {
	s := newTestServer(t)
	var now int64
	s.Nanos = func() int64 { now += 1000; return now }
	return s, newEngine(t, s)
}

// timedKinds are the kinds that were timed, and how often.
func timedKinds(s *Server) map[string]uint64 {
	m := map[string]uint64{}
	for _, l := range s.Stats().Latency {
		if l.Count > 0 {
			m[l.Command] = l.Count
		}
	}
	return m
}

// sampledKeys are the keys that were counted, in their order.
func sampledKeys(s *Server) (keys []string) {
	for i := range s.samples.hot.sets {
		for j, h := range s.samples.hot.sets[i].hash {
			if h != 0 {
				keys = append(keys, string(appendURI(nil, s.samples.hot.sets[i].of[j].key.bytes())))
			}
		}
	}
	slices.Sort(keys)
	return keys
}

func TestSample_KindAndKeyOfEachCommand(t *testing.T) {
	large := strings.Repeat("v", 40_000)
	for _, c := range []struct{ send, kind, keys string }{
		{"get a\r\n", "get", "a"},
		{"get  a   b \r\n", "get", "a b"},
		{"gets a b\n", "get", "a b"},
		{"gat 10 a b\r\n", "gat", "a b"},
		{"gats 10 a\r\n", "gat", "a"},
		{"set a 0 0 1\r\nv\r\n", "set", "a"},
		{"set a 0 0 1 noreply\r\nv\r\n", "set", "a"},
		{"set a 0 0 40000\r\n" + large + "\r\n", "set", "a"},
		{"ms a 40000\r\n" + large + "\r\n", "ms", "a"},
		{"add a 0 0 1\r\nv\r\n", "set", "a"},
		{"cas a 0 0 1 5\r\nv\r\n", "set", "a"},
		{"append a 0 0 1\r\nv\r\n", "set", "a"},
		{"delete a\r\n", "delete", "a"},
		{"incr a 1\r\n", "incr", "a"},
		{"decr a 1\r\n", "incr", "a"},
		{"touch a 5\r\n", "touch", "a"},
		{"mg a v\r\n", "mg", "a"},
		{"mg YQ== s b v\r\n", "mg", "a"},
		{"mg ! b v\r\n", "mg", ""},
		{"ms a 1 T5\r\nv\r\n", "ms", "a"},
		{"md a q\r\n", "md", "a"},
		{"ma a N0\r\n", "ma", "a"},
		{"mn\r\n", "other", ""},
		{"me a\r\n", "other", ""},
		{"version\r\n", "other", ""},
		{"nonsense a\r\n", "other", ""},
		{"get\r\n", "get", ""},
		{"get " + strings.Repeat("x", 251) + "\r\n", "get", ""},
		{string(request(opGetQ, "a b", "", "")), "get", "a%20b"},
		{string(request(opGATK, "a", "\x00\x00\x00\x05", "")), "gat", "a"},
		{string(request(opTouch, "a", "\x00\x00\x00\x05", "")), "touch", "a"},
		{string(request(opSetQ, "\x00\xff", strings.Repeat("\x00", 8), "v")), "set", "%00%FF"},
		{string(request(opAdd, "a", strings.Repeat("\x00", 8), large)), "set", "a"},
		{string(request(opDelete, "a", "", "")), "delete", "a"},
		{string(request(opDecrement, "a", strings.Repeat("\x00", 20), "")), "incr", "a"},
		{string(request(opNoop, "", "", "")), "other", ""},
	} {
		for _, cut := range []int{len(c.send), 1 + len(c.send)/1000, 1 + len(c.send)/6} {
			s, e := sampling(t)
			e.c.untilSample = 0
			for _, chunk := range cutEvery(cut)([]byte(c.send)) {
				e.feed(chunk)
			}
			if got := timedKinds(s); !maps.Equal(got, map[string]uint64{c.kind: 1}) {
				t.Errorf("%.40q by %d bytes: %v were timed, want one %s", c.send, cut, got, c.kind)
			}
			if got := strings.Join(sampledKeys(s), " "); got != c.keys {
				t.Errorf("%.40q by %d bytes: the keys %q, want %q", c.send, cut, got, c.keys)
			}
			if e.c.untilSample < 1 {
				t.Errorf("%.40q: the next sample is in %d requests", c.send, e.c.untilSample)
			}
		}
	}
}

// A request that comes in pieces takes one turn, as any other.
func TestSample_PiecesAreOneRequest(t *testing.T) {
	_, e := sampling(t)
	e.c.untilSample = 100
	for range 3 {
		for _, piece := range []string{"se", "t a 0 0", " 9\r", "\nval", "ue", "s...", "\r", "\n"} {
			e.feed([]byte(piece))
		}
	}
	if e.c.untilSample != 97 {
		t.Errorf("3 requests took %d turns", 100-e.c.untilSample)
	}
}

// TestSample_TimeIsOfTheCommandAlone: not of its arrival, nor of what stands before it.
func TestSample_TimeIsOfTheCommandAlone(t *testing.T) {
	s, e := sampling(t)
	e.c.untilSample = 3
	e.feed([]byte("get a\r\nget a\r\ndelete a\r\nget a\r\nge"))
	l := s.Stats().Latency[kindDelete]
	if l.Count != 1 || l.Sum != 1000 || l.Max != 1000 {
		t.Errorf("%d deletes in %v, at most %v", l.Count, l.Sum, l.Max)
	}
}

// TestSample_LargeValueCountsWhenItIsThere: until then nothing has been done for it.
func TestSample_LargeValueCountsWhenItIsThere(t *testing.T) {
	s, e := sampling(t)
	e.c.untilSample = 0
	e.feed([]byte("set a 0 0 100000\r\n" + strings.Repeat("v", 99_000)))
	if got := timedKinds(s); len(got) != 0 {
		t.Errorf("before it is there: %v", got)
	}
	e.feed([]byte(strings.Repeat("v", 1000) + "\r\n"))
	if l := s.Stats().Latency[kindSet]; l.Count != 1 || l.Sum != 1000 {
		t.Errorf("%d in %v", l.Count, l.Sum)
	}
}

// TestSample_StrangersAreNotTimed: the wait after a wrong password is no work of ours.
func TestSample_StrangersAreNotTimed(t *testing.T) {
	s := loginServer(t, someLogins)
	s.Nanos = func() int64 { return 0 }
	e := newEngine(t, s)
	e.c.untilSample = 0
	e.feed([]byte("set auth 0 0 10\r\nbob secret\r\n"))
	if got := timedKinds(s); len(got) != 0 {
		t.Errorf("%v", got)
	}
	e.feed([]byte("get a\r\n"))
	if got := timedKinds(s); !maps.Equal(got, map[string]uint64{"get": 1}) {
		t.Errorf("then %v", got)
	}
}

// TestSample_LongRetrievalInParts: each part that fills a reply may be looked at, with
// the keys that are in it.
func TestSample_LongRetrievalInParts(t *testing.T) {
	s, e := sampling(t)
	var line strings.Builder
	line.WriteString("get")
	for i := range 5000 {
		fmt.Fprintf(&line, " key:%d", i)
		e.feed(fmt.Appendf(nil, "set key:%d 0 0 100\r\n%0100d\r\n", i, i))
	}
	s.samples.reset()
	e.c.untilSample = 0
	e.feed([]byte(line.String() + "\r\n"))
	if got := s.Stats().Latency[kindGet].Count; got < 1 {
		t.Errorf("%d parts were timed", got)
	}
	if got := s.samples.hot.total; got < 1 || got > 5000 {
		t.Errorf("%v keys were counted", got)
	}
	e.feed([]byte(line.String() + " "))
	s.samples.reset()
	e.c.untilSample = 0
	e.feed([]byte("last\r\n"))
	if got := sampledKeys(s); !slices.Equal(got, []string{"last"}) {
		t.Errorf("of the last part: %q", got)
	}
}

func TestGap_OneInSampleEvery(t *testing.T) {
	const many = 400_000
	sum, short := 0.0, 0
	for range many {
		n := gap()
		if n <= SampleEvery/8 {
			short++
		}
		if n < 1 {
			t.Fatalf("a gap of %d", n)
		}
		sum += float64(n)
	}
	if mean := sum / many; math.Abs(mean-SampleEvery) > 0.02*SampleEvery {
		t.Errorf("one in %v", mean)
	}
	if want := many * (1 - math.Exp(-1.0/8)); math.Abs(float64(short)-want) > 0.05*want {
		t.Errorf("%d of %d gaps are short, want %.0f", short, many, want)
	}
}

func TestSample_DoesNotAllocate(t *testing.T) {
	if testkit.Race {
		t.Skip("the race detector allocates")
	}
	c := hotConn(t)
	out := make([]byte, 0, 2*OutSoftLimitBytes)
	requests := hotPaths()
	requests["big value"] = "get big\r\n"
	c.Process(testNow, fmt.Appendf(nil, "set big 0 0 2000\r\n%02000d\r\n", 0), nil)
	for name, request := range requests {
		in := []byte(request)
		if n := testing.AllocsPerRun(200, func() {
			c.untilSample = 0
			if r := c.Process(testNow, in, out); r.N != len(in) {
				t.Fatalf("%s: %d of %d bytes", name, r.N, len(in))
			}
		}); n != 0 {
			t.Errorf("%s: %v allocations", name, n)
		}
	}
}

// TestSample_ConnsAtTheSameTime is for the race detector.
func TestSample_ConnsAtTheSameTime(t *testing.T) {
	s := newTestServer(t)
	s.Nanos = func() int64 { return 0 }
	var wg sync.WaitGroup
	for i := range 4 {
		wg.Go(func() {
			c, out := NewConn(s), []byte(nil)
			in := fmt.Appendf(nil, "set key:%d 0 0 2000\r\n%02000d\r\nget key:0 key:1 key:2\r\n", i, i)
			for range 500 {
				c.untilSample = 1
				out = c.Process(testNow, in, out[:0]).Out
			}
		})
	}
	reader := newEngine(t, s)
	for range 50 {
		reader.feed([]byte("stats latency\r\nstats hotkeys\r\nstats reset\r\n"))
	}
	wg.Wait()
}
