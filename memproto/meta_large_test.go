package memproto

import (
	"fmt"
	"regexp"
	"strings"
	"testing"
)

// TestMetaGet_WithoutTheValueTakesNoRoomForIt: a client that asks for the size of a value
// of a gigabyte again and again made the node clear a gigabyte each time, outside -m,
// and everything else stood still meanwhile.
func TestMetaGet_WithoutTheValueTakesNoRoomForIt(t *testing.T) {
	e := newEngine(t, newTestServer(t))
	value := strings.Repeat("x", 900_000)
	e.feed(fmt.Appendf(nil, "set k 0 0 %d\r\n%s\r\n", len(value), value))
	cas := regexp.MustCompile(`c(\d+)`).FindStringSubmatch(string(e.feed([]byte("mg k c\r\n"))))
	if cas == nil {
		t.Fatal("no cas unique")
	}
	for _, c := range []struct {
		line, reply string
		pinned      bool
	}{
		{"mg k s\r\n", "HD s900000\r\n", false},
		{"mg k k t q\r\n", "HD kk t-1\r\n", false},
		{"mg k v C" + cas[1] + "\r\n", "HD\r\n", false},
		{"mg k v C1\r\n", "VA 900000\r\n\r\n", true},
		{"mg k v\r\n", "VA 900000\r\n\r\n", true},
		{"me k\r\n", "", false},
	} {
		r := e.c.Process(testNow, []byte(c.line), nil)
		if cap(r.Out) > 16<<10 {
			t.Errorf("%.10q takes a buffer of %d bytes", c.line, cap(r.Out))
		}
		if (r.Pin != nil) != c.pinned {
			t.Errorf("%.10q keeps a value in place: %v", c.line, r.Pin != nil)
		}
		if c.reply != "" && string(r.Out) != c.reply {
			t.Errorf("%.10q is answered %.60q, want %q", c.line, r.Out, c.reply)
		}
		r.Pin.Release()
	}
}
