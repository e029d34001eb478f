package memproto

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"twincached/internal/testkit"
	"twincached/store"
)

// testNow is where the clock of every test starts: after the start of any
// stock memcached, so that absolute times mean the same to both.
const testNow = int64(1_900_000_000_000)

// testVersion is that of the memcached whose answers ours are.
const testVersion = "1.6.45"

func newTestServer(t testing.TB, options ...string) *Server {
	t.Helper()
	st, err := store.New(store.Config{MemoryBytes: 16 << 20}, testNow)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(st.Close)
	s := &Server{Store: st, Version: testVersion, FlushEnabled: true, NoWatch: true}
	for _, o := range options {
		if o != "-F" {
			t.Fatalf("unknown @server option %q", o)
		}
		s.FlushEnabled = false
	}
	return s
}

// engine plays the socket's side for one Conn, and checks that Process keeps
// to its contract on the way.
type engine struct {
	t          testing.TB
	c          *Conn
	now        int64
	in         []byte
	need       int
	fill       []byte
	ignoreNeed bool // call Process for every byte, wanted or not
	closed     bool
	reason     string
}

func newEngine(t testing.TB, s *Server) *engine {
	return &engine{t: t, c: NewConn(s), now: testNow}
}

// feed is one read of the socket; it returns what is written.
func (e *engine) feed(data []byte) (written []byte) {
	e.t.Helper()
	if e.closed {
		return nil
	}
	n := copy(e.fill, data)
	if e.fill, data = e.fill[n:], data[n:]; len(e.fill) > 0 {
		return nil
	}
	// A fresh buffer each time, and the old one overwritten, finds whoever
	// keeps a part of it.
	in := slices.Concat(e.in, data)
	for i := range e.in {
		e.in[i] = '#'
	}
	e.in = in
	if len(e.in) < e.need && !e.ignoreNeed {
		return nil
	}
	for {
		r := e.c.Process(e.now, e.in, nil)
		if r.N < 0 || r.N > len(e.in) {
			e.t.Fatalf("N = %d of %d", r.N, len(e.in))
		}
		r.Out = r.Whole()
		if max := OutSoftLimitBytes + store.DefaultMaxItemBytes + 64<<10; len(r.Out) > max {
			e.t.Fatalf("%d bytes of reply in one call", len(r.Out))
		}
		written = append(written, r.Out...)
		e.in, e.need, e.fill = e.in[r.N:], r.Need, r.Fill
		if len(e.fill) > 0 && len(e.in) > 0 {
			e.t.Fatalf("a value is to be filled in, and %d bytes of it are left", len(e.in))
		}
		if r.Close {
			e.closed, e.reason = true, r.Reason
			return written
		}
		if !r.More {
			if r.Need != 0 && r.Need <= len(e.in) {
				e.t.Fatalf("Need = %d of %d bytes that are there", r.Need, len(e.in))
			}
			return written
		}
		if r.N == 0 && len(r.Out) == 0 {
			e.t.Fatal("More without progress")
		}
	}
}

func (e *engine) feedAll(chunks [][]byte) (written []byte) {
	for _, c := range chunks {
		written = append(written, e.feed(c)...)
	}
	return written
}

// cutter cuts what is sent into reads.
type cutter func(data []byte) [][]byte

func whole(data []byte) [][]byte { return [][]byte{data} }

func cutEvery(n int) cutter {
	return func(data []byte) [][]byte { return slices.Collect(slices.Chunk(data, n)) }
}

func cutAt(at int) cutter {
	return func(data []byte) [][]byte {
		if at >= len(data) {
			return whole(data)
		}
		return [][]byte{data[:at], data[at:]}
	}
}

func cutRandomly(seed uint64) cutter {
	r := rand.New(rand.NewPCG(seed, 1))
	return func(data []byte) (chunks [][]byte) {
		for len(data) > 0 {
			n := min(len(data), 1+r.IntN(1+r.IntN(40)))
			chunks = append(chunks, data[:n])
			data = data[n:]
		}
		return chunks
	}
}

// runEngine plays tr against the engine and returns the first difference.
func runEngine(t testing.TB, tr *transcript, s *Server, cut cutter, ignoreNeed bool) error {
	e := newEngine(t, s)
	e.ignoreNeed = ignoreNeed
	names := casNames{}
	for _, st := range tr.steps {
		if st.advance != 0 {
			e.now += int64(st.advance / time.Millisecond)
			s.Store.Tick(e.now)
			continue
		}
		out := string(e.feedAll(cut([]byte(names.fill(st.send)))))
		for _, x := range st.expect {
			got, rest, ok := strings.Cut(out, "\r\n")
			if !ok || !names.match(x.text, x.pattern, got) {
				return fmt.Errorf("%s.txt:%d: got %.200q, want %.200q", tr.name, x.line, out, x.text)
			}
			out = rest
		}
		if out != "" {
			return fmt.Errorf("%s.txt:%d: more than expected: %.200q", tr.name, st.line, out)
		}
		if e.closed != st.closed {
			return fmt.Errorf("%s.txt:%d: closed %v, want %v", tr.name, st.line, e.closed, st.closed)
		}
		if st.closed {
			e = newEngine(t, s)
		}
	}
	return nil
}

func TestTranscripts_Engine(t *testing.T) {
	for _, tr := range loadTranscripts(t) {
		t.Run(tr.name, func(t *testing.T) {
			if err := runEngine(t, tr, newTestServer(t, tr.options...), whole, false); err != nil {
				t.Error(err)
			}
		})
	}
}

// TestTranscripts_AnySplit: replies do not depend on how the input is cut.
func TestTranscripts_AnySplit(t *testing.T) {
	const maxSplits = 400
	for _, tr := range loadTranscripts(t) {
		t.Run(tr.name, func(t *testing.T) {
			longest, total := 0, 0
			for _, s := range tr.steps {
				longest = max(longest, len(s.send))
				total += len(s.send)
			}
			check := func(what string, cut cutter, ignoreNeed bool) {
				t.Helper()
				if err := runEngine(t, tr, newTestServer(t, tr.options...), cut, ignoreNeed); err != nil {
					t.Fatalf("%s: %v", what, err)
				}
			}
			splits, sizes, seeds := min(longest, maxSplits), []int{1, 2, 3, 7, 64, 4096}, uint64(8)
			if total > 1<<20 { // large values: the cuts that matter are in the lines
				splits, sizes, seeds = 30, []int{1 << 16}, 0
			}
			for at := 1; at < splits; at += testkit.Step {
				check(fmt.Sprintf("cut at %d", at), cutAt(at), at%2 == 0)
			}
			for i := 0; i < len(sizes); i += testkit.Step {
				n := sizes[i]
				check(fmt.Sprintf("cut every %d", n), cutEvery(n), true)
			}
			for seed := uint64(0); seed < seeds; seed += testkit.Step {
				check(fmt.Sprintf("random cuts, seed %d", seed), cutRandomly(seed), seed%2 == 0)
			}
		})
	}
}

func TestProcess_ResumesMultigetInMidLine(t *testing.T) {
	s := newTestServer(t)
	e := newEngine(t, s)
	value := bytes.Repeat([]byte{'v'}, 10_000)
	var want []byte
	line := []byte("get")
	for i := range 100 {
		key := fmt.Sprintf("key%d", i)
		e.feed(fmt.Appendf(nil, "set %s 7 0 %d\r\n%s\r\n", key, len(value), value))
		line = append(append(line, "  "...), key...)
		want = fmt.Appendf(want, "VALUE %s 7 %d\r\n%s\r\n", key, len(value), value)
	}
	want = append(want, "END\r\nVERSION 1.6.45\r\n"...)
	line = append(line, "  \r\nversion\r\n"...)

	in, got, calls := line, []byte(nil), 0
	for {
		r := e.c.Process(testNow, in, nil)
		calls++
		if limit := OutSoftLimitBytes + len(value) + 100; len(r.Out) > limit {
			t.Fatalf("%d bytes in one call", len(r.Out))
		}
		got = append(got, r.Out...)
		in = in[r.N:]
		if !r.More {
			break
		}
	}
	if !bytes.Equal(got, want) {
		t.Fatalf("got %d bytes, want %d", len(got), len(want))
	}
	if calls < 10 {
		t.Errorf("a million bytes in %d calls", calls)
	}
	if len(in) != 0 {
		t.Errorf("%d bytes left", len(in))
	}
}

func TestProcess_FullOutputAsksForAWriteFirst(t *testing.T) {
	c := NewConn(newTestServer(t))
	full := make([]byte, OutSoftLimitBytes+1)
	r := c.Process(testNow, []byte("version\r\n"), full)
	if !r.More || r.N != 0 || len(r.Out) != len(full) {
		t.Errorf("More %v, N %d, %d bytes", r.More, r.N, len(r.Out))
	}
}

// TestProcess_SwallowsWithoutBuffering: a refused value of any length asks for
// no buffer and leaves the conn in step.
func TestProcess_SwallowsWithoutBuffering(t *testing.T) {
	c := NewConn(newTestServer(t))
	const size = 2_000_000_000
	r := c.Process(testNow, fmt.Appendf(nil, "set k 0 0 %d\r\n", size), nil)
	if string(r.Out) != replyTooLarge || r.Need != 0 {
		t.Fatalf("%q, Need %d", r.Out, r.Need)
	}
	chunk := make([]byte, 1<<20)
	for left := size + 2; left > 0; {
		n := min(left, len(chunk))
		if r = c.Process(testNow, chunk[:n], nil); r.N != n || len(r.Out) != 0 || r.Need != 0 {
			t.Fatalf("N %d of %d, Out %q, Need %d", r.N, n, r.Out, r.Need)
		}
		left -= n
	}
	if r = c.Process(testNow, []byte("version\r\n"), nil); string(r.Out) != "VERSION 1.6.45\r\n" {
		t.Errorf("%q", r.Out)
	}
}

func TestProcess_CloseReasons(t *testing.T) {
	long := strings.Repeat("x", MaxLineBytes+1)
	for in, want := range map[string]string{
		"quit\r\nget a\r\n":                      ReasonQuit,
		"\x80\x00\x00\x03":                       "", // binary, and not complete
		string(request(opGet, "", "", "")):       ReasonMalformed,
		string(sentinel) + long:                  ReasonMagic,
		long:                                     ReasonLineTooLong,
		long + "\r\n":                            ReasonLineTooLong,
		"GET / HTTP/1.1\r\nset x":                ReasonHTTP,
		"get a\r\n\x80\r\n":                      "",
		"get " + long[:240] + "\r\n":             "",
		"gets " + long + " " + long:              "",
		"get " + strings.Repeat("k ", 4<<20):     "",
		strings.Repeat(" ", 101) + "get " + long: ReasonLineTooLong,
		strings.Repeat(" ", 100) + "get " + long: ReasonLineTooLong,
		strings.Repeat(" ", MaxLineBytes+1):      ReasonLineTooLong,
	} {
		e := newEngine(t, newTestServer(t))
		e.feed([]byte(in))
		if e.reason != want {
			t.Errorf("%.40q: closed for %q, want %q", in, e.reason, want)
		}
		if !e.closed {
			continue
		}
		if r := e.c.Process(testNow, []byte("version\r\n"), nil); !r.Close || len(r.Out) != 0 {
			t.Errorf("%.40q: answers after the close", in)
		}
	}
}

// TestProcess_RandomBatchesAnySplit is TestTranscripts_AnySplit for commands
// nobody thought of.
func TestProcess_RandomBatchesAnySplit(t *testing.T) {
	one, many, careless := newEngine(t, newTestServer(t)), newEngine(t, newTestServer(t)), newEngine(t, newTestServer(t))
	careless.ignoreNeed = true
	const seed = 7
	g := &generator{r: rand.New(rand.NewPCG(seed, 3))}
	sides := [3]*side{newSide(), newSide(), newSide()}
	for i := range 400 / testkit.Step {
		batch := g.batch()
		want := sides[0].normalise(string(one.feed([]byte(sides[0].fill(batch)))))
		for j, e := range []*engine{many, careless} {
			s := sides[j+1]
			got := s.normalise(string(e.feedAll(cutRandomly(uint64(i))([]byte(s.fill(batch))))))
			if got != want {
				t.Fatalf("seed %d, batch %d, ignoreNeed %v: %q\ncut   %q\nwhole %q", seed, i, e.ignoreNeed, batch, got, want)
			}
		}
	}
}
