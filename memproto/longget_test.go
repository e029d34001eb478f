package memproto

import (
	"bytes"
	"fmt"
	"strings"
	"testing"

	"twincached/internal/testkit"
)

// longGetLine is a retrieval of n keys of keyBytes each, of which every tenth is there, and what it answers.
func longGetLine(e *engine, command string, n, keyBytes int) (line, want []byte) {
	line = append(line, command...)
	for i := range n {
		key := fmt.Sprintf("%0*d", keyBytes, i)
		line = append(append(line, ' '), key...)
		if i%10 == 0 {
			if out := e.feed(fmt.Appendf(nil, "set %s 0 0 10\r\n%010d\r\n", key, i)); string(out) != replyStored {
				e.t.Fatalf("%q", out)
			}
			want = fmt.Appendf(want, "VALUE %s 0 10\r\n%010d\r\n", key, i)
		}
	}
	return append(line, "\r\n"...), append(want, replyEnd...)
}

// TestGet_LineWithoutBound: a multiget of any length is answered, in pieces, and neither its line nor its reply is ever held as a whole.
func TestGet_LineWithoutBound(t *testing.T) {
	for _, c := range []struct {
		command     string
		n, keyBytes int
	}{{"get", 100_000 / testkit.Step, 32}, {"get", 10_000, 245}, {"gat 0", 20_000, 120}} {
		e := newEngine(t, newTestServer(t))
		line, want := longGetLine(e, c.command, c.n, c.keyBytes)
		line = append(line, "version\r\n"...)
		want = append(want, "VERSION "+testVersion+"\r\n"...)
		for _, read := range []int{64 << 10, 1500, len(line)} {
			var in, got []byte
			for at := 0; at < len(line); {
				n := min(read, len(line)-at)
				in = append(in, line[at:at+n]...)
				at += n
				for more := true; more; {
					r := e.c.Process(testNow, in, nil)
					if len(r.Out) > OutSoftLimitBytes+1000 || r.Close || r.Need != 0 {
						t.Fatalf("%s: %d bytes in one reply, close %v, need %d", c.command, len(r.Out), r.Close, r.Need)
					}
					got, in, more = append(got, r.Out...), in[r.N:], r.More
				}
				if len(in) > getWindowBytes {
					t.Fatalf("%s: %d bytes of the line are kept", c.command, len(in))
				}
			}
			if !bytes.Equal(got, want) {
				t.Fatalf("%s of %d keys of %d bytes, read by %d: %d bytes, want %d: ends in %.80q", c.command, c.n, c.keyBytes, read, len(got), len(want), got[max(0, len(got)-80):])
			}
		}
	}
}

// TestGet_LongLineAnySplit: what a line beyond the window answers does not depend on how it is cut.
func TestGet_LongLineAnySplit(t *testing.T) {
	e := newEngine(t, newTestServer(t))
	e.feed([]byte("set a 0 0 1\r\nx\r\n"))
	hit, long := "VALUE a 0 1\r\nx\r\n", strings.Repeat("k", 251)
	fill := func(n int) string { return strings.Repeat("b ", n/2) }
	n := 0
	for _, c := range []struct{ line, want string }{
		{"get " + fill(getWindowBytes) + "a\r\n", hit + replyEnd},
		{"get " + fill(getWindowBytes) + "a \r\n", hit + replyEnd},
		{"get " + fill(getWindowBytes) + "a\n", hit + replyEnd},
		{"get " + fill(getWindowBytes) + " \r\n", replyEnd},
		{"get a " + fill(getWindowBytes) + long + " a\r\n", hit + replyBadFormat},
		{"get a " + fill(getWindowBytes) + long + "\r\n", hit + replyBadFormat},
		{"get a " + fill(getWindowBytes) + strings.Repeat(long, 200) + "\r\n", hit + replyBadFormat},
		{"get a " + fill(getWindowBytes) + long[1:] + "\r\n", hit + replyEnd},
		{"get a " + fill(2000) + long + "\r\n", replyBadFormat},
		{"get " + strings.Repeat(" ", getWindowBytes) + "\r\n", replyBadFormat},
		{"get " + strings.Repeat(" ", getWindowBytes) + "a\r\n", hit + replyEnd},
		{"get " + strings.Repeat("k", 2*getWindowBytes) + "\r\n", replyBadFormat},
		{"gat x " + fill(2*getWindowBytes) + "a\r\n", replyBadExptime},
		{"gat 0 " + fill(2*getWindowBytes) + "a\r\n", hit + replyEnd},
		{"gat " + strings.Repeat("1", 2*getWindowBytes) + " a\r\n", replyBadExptime},
	} {
		for _, behind := range []int{0, 1, 2, 3, 252, 253, 254, 300, getWindowBytes, len(c.line) / 2} {
			for _, piece := range []int{1, 7, 4096, len(c.line)} {
				if n++; n%testkit.Step != 0 {
					continue
				}
				e := newEngine(t, e.c.srv)
				cut := max(0, len(c.line)-behind)
				got := string(e.feed([]byte(c.line[:cut])))
				for at := cut; at < len(c.line); at += piece {
					got += string(e.feed([]byte(c.line[at:min(at+piece, len(c.line))])))
				}
				got += string(e.feed([]byte("version\r\n")))
				if want := c.want + "VERSION " + testVersion + "\r\n"; got != want {
					t.Fatalf("%.20q, %d bytes, cut %d before its end, by %d: %.200q, want %.200q", c.line, len(c.line), behind, piece, got, want)
				}
			}
		}
	}
}
