package memproto

import (
	"encoding/base64"
	"fmt"
	"regexp"
	"strings"
	"testing"
)

// me with v shows all that two nodes have to agree on, and leaves no trace.
func TestInspect_ShowsTheValueWithoutATrace(t *testing.T) {
	s := newTestServer(t)
	e := newEngine(t, s)
	long := strings.Repeat("\x01", 250)
	wire := base64.StdEncoding.EncodeToString([]byte(long))
	e.feed([]byte("set k 7 100 5\r\nvalue\r\nset stale 0 0 0\r\n\r\nmd stale I\r\n"))
	e.feed(fmt.Appendf(nil, "ms %s 2 b F9\r\nEN\r\n", wire))
	for range 2 {
		for request, want := range map[string]string{
			"me k v":              `^ME k exp=100 la=0 cas=\d+ fetch=no cls=1 size=\d+ exp_ms=1900000100000 flags=7 bytes=5\r\nvalue\r\n$`,
			"me k":                `^ME k exp=100 la=0 cas=\d+ fetch=no cls=1 size=\d+\r\n$`,
			"me stale v":          `^ME stale exp=-1 la=0 cas=\d+ fetch=no cls=1 size=\d+ exp_ms=0 flags=0 bytes=0 stale=yes\r\n\r\n$`,
			"me none v":           `^EN\r\n$`,
			"me " + wire + " b v": `^ME ` + regexp.QuoteMeta(wire) + ` exp=-1 la=0 cas=\d+ fetch=no cls=\d+ size=\d+ exp_ms=0 flags=9 bytes=2\r\nEN\r\n$`,
			"me " + wire + " v b": ` flags=9 bytes=2\r\nEN\r\n$`,
		} {
			if got := string(e.feed([]byte(request + "\r\n"))); !regexp.MustCompile(want).MatchString(got) {
				t.Errorf("%.20q: %q, want %q", request, got, want)
			}
		}
	}
	rows := statMap(t, string(e.feed([]byte("stats\r\n"))))
	for _, name := range []string{"cmd_get", "get_hits", "get_misses"} {
		if rows[name] != "0" {
			t.Errorf("%s is %s", name, rows[name])
		}
	}
	if got := string(e.feed([]byte("mg stale\r\nme stale v\r\n"))); !strings.HasPrefix(got, "HD X W\r\n") || !strings.Contains(got, " stale=yes won=yes\r\n") {
		t.Errorf("got %q", got)
	}
}

// TestInspect_SecondsLeftAreAWholeNumber: what is left is rounded up, as t says it.
func TestInspect_SecondsLeftAreAWholeNumber(t *testing.T) {
	e := newEngine(t, newTestServer(t))
	e.feed([]byte("set k 0 100 1\r\nv\r\n"))
	for after, want := range map[int64]string{0: "100", 1: "100", 999: "100", 1000: "99", 1001: "99", 99_999: "1"} {
		e.now = testNow + after
		if got := string(e.feed([]byte("me k\r\nmg k t\r\n"))); !strings.HasPrefix(got, "ME k exp="+want+" ") || !strings.HasSuffix(got, "\r\nHD t"+want+"\r\n") {
			t.Errorf("after %d ms: %q", after, got)
		}
	}
}

// A key of 250 bytes has 336 in base64; no other key may be longer than 250.
func TestMeta_LongKeysInBase64(t *testing.T) {
	e := newEngine(t, newTestServer(t))
	encode := func(n int) string { return base64.StdEncoding.EncodeToString([]byte(strings.Repeat("\xff", n))) }
	for request, want := range map[string]string{
		"mg " + encode(250) + " b":              "EN\r\n",
		"mg " + encode(250) + " v q b\r\nmn":    "MN\r\n",
		"ms " + encode(250) + " 1 b\r\nx":       "HD\r\n",
		"mg " + encode(250):                     replyBadFormat,
		"mg " + encode(250) + " v":              replyBadFormat,
		"mg " + encode(251) + " b":              "CLIENT_ERROR error decoding key\r\n",
		"mg " + encode(252) + " b":              "CLIENT_ERROR error decoding key\r\n",
		"mg " + encode(253) + " b":              replyBadFormat,
		"mg " + strings.Repeat("-", 300) + " b": "CLIENT_ERROR error decoding key\r\n",
	} {
		e := newEngine(t, e.c.srv)
		if strings.HasPrefix(request, "ms") {
			e = newEngine(t, newTestServer(t))
		}
		if got := string(e.feed([]byte(request + "\r\n"))); got != want {
			t.Errorf("%.9q of %d: %q, want %q", request, len(request), got, want)
		}
	}
	if got := string(e.feed(fmt.Appendf(nil, "ms %s 1 b\r\nx\r\nlru_crawler mgdump all\r\n", encode(250)))); !strings.Contains(got, "HD\r\n") {
		t.Fatal(got)
	}
	dump := strings.TrimPrefix(string(e.feed([]byte("lru_crawler mgdump all\r\n"))), replyOK)
	line, _, _ := strings.Cut(dump, "\r\n")
	if got := string(e.feed([]byte(line + " v\r\n"))); got != "VA 1\r\nx\r\n" {
		t.Errorf("%q of a dump fetches %q", line, got)
	}
}
