package memproto

import (
	"bytes"
	"strings"
	"testing"

	"twincached/internal/testkit"
)

// FuzzMeta: no meta command line, with any value behind it, makes the engine panic
// or depend on how the input was cut, and the store is in order at the end.
func FuzzMeta(f *testing.F) {
	n := 0
	for _, tr := range loadTranscripts(f) {
		if !strings.HasPrefix(tr.name, "meta") {
			continue
		}
		for _, s := range tr.steps {
			if len(s.send) > 3 && len(s.send) < 300 && s.send[0] == 'm' {
				if n++; n%testkit.Step != 0 {
					continue
				}
				f.Add(s.send[1], s.send[2:], uint64(len(s.send)))
			}
		}
	}
	f.Fuzz(func(t *testing.T, letter byte, rest string, seed uint64) {
		data := []byte("ms k 2 T100\r\n40\r\nm" + string(rune(letter&0x7f)) + rest + "\r\nmg k v t\r\n")
		one, many := newEngine(t, newTestServer(t)), newEngine(t, newTestServer(t))
		many.ignoreNeed = seed%2 == 0
		cut := cutRandomly(seed)(data)
		if bytes.Contains(data, []byte("stats")) {
			return // counts the reads
		}
		a, b := one.feed(data), many.feedAll(cut)
		if !bytes.Equal(a, b) {
			t.Fatalf("whole: %.300q\ncut:   %.300q", a, b)
		}
		if !bytes.HasPrefix(a, []byte("HD\r\n")) || !one.closed && !bytes.HasSuffix(a, []byte("\r\n")) {
			t.Fatalf("%.300q", a)
		}
		if err := one.c.srv.Store.CheckInvariants(); err != nil {
			t.Fatal(err)
		}
	})
}
