package memproto

import (
	"bytes"
	"testing"

	"twincached/internal/testkit"
)

// FuzzProcess: no input makes the engine panic or answer without bound, and
// the replies do not depend on how the input was cut (engine.feed checks the
// contract of every single call).
func FuzzProcess(f *testing.F) {
	for i, tr := range loadTranscripts(f) {
		if i%testkit.Step != 0 {
			continue
		}
		var all []byte
		for _, s := range tr.steps {
			if len(s.send) > 4096 {
				continue
			}
			all = append(all, s.send...)
			f.Add([]byte(s.send), uint64(len(s.send)))
		}
		f.Add(all, uint64(1))
	}
	for _, seed := range []string{
		"set k 0 0 2147483645\r\n", "set k 0 0 4294967295\r\n", "set k 0 0 -0\r\n", "set k 0 0 99999999999999999999\r\n",
		"get", "get ", "gat", "gat 0", "set", "set ", "set  0 0 1\r\na\r\n", "set k 0 0 1048517\r\nabc",
		"set k 0 0 0\r\n\r", "set k 0 0 0\r\n\n\n", "gat -9223372036854775808 k\r\n", "flush_all 9223372036854775807\r\n",
		"\x80", "\x80\x01\x00\x03", "\r", "\n", "\r\n", "stats\r\nstats items\r\nstats slabs\r\nstats sizes\r\nstats conns\r\n",
	} {
		f.Add([]byte(seed), uint64(3))
	}
	f.Fuzz(func(t *testing.T, data []byte, seed uint64) {
		one := newEngine(t, newTestServer(t))
		many := newEngine(t, newTestServer(t))
		many.ignoreNeed = seed%2 == 0
		a := one.feed(data)
		b := many.feedAll(cutRandomly(seed)(data))
		if !bytes.Equal(a, b) {
			t.Fatalf("whole: %.300q\ncut:   %.300q", a, b)
		}
		if one.closed != many.closed || one.reason != many.reason {
			t.Fatalf("whole: closed %v (%s), cut: closed %v (%s)", one.closed, one.reason, many.closed, many.reason)
		}
		if !one.closed && !bytes.Equal(one.in, many.in) {
			t.Fatalf("whole leaves %.100q, cut leaves %.100q", one.in, many.in)
		}
	})
}

// FuzzNumbers: what is taken for a number is what it says.
func FuzzNumbers(f *testing.F) {
	for _, s := range []string{"0", "+1", "-1", "18446744073709551615", "18446744073709551616", "9223372036854775808", "-9223372036854775808", "\t5\t6", "--1", "-+1", "+-1", ""} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		u, okU := parseUint(b)
		i, okI := parseInt(b)
		if okU && okI && (i < 0 || uint64(i) != u) {
			t.Fatalf("%q: %d and %d", b, u, i)
		}
		wantU, wantOK := slowUint(b)
		if okU != wantOK || okU && u != wantU {
			t.Fatalf("%q: %d %v, want %d %v", b, u, okU, wantU, wantOK)
		}
	})
}
