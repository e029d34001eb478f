package memproto

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"
)

// A transcript is a conversation in testdata/client/*.txt:
//
//	# a comment; empty lines are for the eye
//	> text          send text and CR LF
//	>> text         send text as it is
//	< text          expect this line (and CR LF)
//	<~ regexp       expect a line that matches
//	<stock text     memcached sends this line instead of the one above;
//	                several make several lines, an empty text makes none
//	<1.6.18 text    the same, for memcached 1.6.18 only
//	= closed        the server has closed the conn
//	@server -F      first line only: an option of memcached and of the engine
//	@since 1.6.45   memcached 1.6.18 does not know what follows
//	@engine         what follows is for the engine only
//	@time +5s       moves the engine's clock; what follows is for the engine only
//
// In text, \r \n \t \\ \xHH are bytes, {x*250} is x 250 times, and {cas:NAME}
// is a CAS unique: taken from the line where it is first expected, and put in
// wherever it is sent.
type transcript struct {
	name    string
	options []string
	steps   []step
}

// step sends something, or moves the clock, and expects lines.
type step struct {
	line       int // in the file
	send       string
	advance    time.Duration
	since      bool // not for memcached 1.6.18
	engineOnly bool
	expect     []expectation
	closed     bool
}

type expectation struct {
	line    int
	text    string
	pattern bool
	any     []string // memcached's lines; nil: the same
	old     []string // memcached 1.6.18's lines; nil: the same as any
}

// stock is what a stock memcached sends in the place of the line.
func (x *expectation) stock(old bool) []string {
	switch {
	case old && x.old != nil:
		return x.old
	case x.any != nil:
		return x.any
	}
	return []string{x.text}
}

func loadTranscripts(t testing.TB) []*transcript {
	t.Helper()
	files, err := filepath.Glob("../testdata/client/*.txt")
	if err != nil || len(files) == 0 {
		t.Fatalf("no transcripts: %v", err)
	}
	var all []*transcript
	for _, f := range files {
		b, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		tr, err := parseTranscript(strings.TrimSuffix(filepath.Base(f), ".txt"), string(b))
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, tr)
	}
	return all
}

func parseTranscript(name, text string) (*transcript, error) {
	tr := &transcript{name: name}
	since, engineOnly := false, false
	var cur *step
	begin := func(line int) {
		tr.steps = append(tr.steps, step{line: line, since: since, engineOnly: engineOnly})
		cur = &tr.steps[len(tr.steps)-1]
	}
	for i, l := range strings.Split(text, "\n") {
		kind, rest, _ := strings.Cut(l, " ")
		bad := func() error { return fmt.Errorf("%s.txt:%d: %q is no transcript line", name, i+1, l) }
		switch kind {
		case "", "#":
			continue
		case "@server":
			tr.options = append(tr.options, rest)
			continue
		case "@since":
			if rest != testVersion {
				return nil, bad()
			}
			since, cur = true, nil
			continue
		case "@engine":
			engineOnly, cur = true, nil
			continue
		case "@time":
			d, err := time.ParseDuration(strings.TrimPrefix(rest, "+"))
			if err != nil {
				return nil, bad()
			}
			engineOnly = true
			begin(i + 1)
			cur.advance, cur = d, nil
			continue
		}
		if kind == ">" || kind == ">>" {
			if cur == nil || len(cur.expect) > 0 || cur.closed {
				begin(i + 1)
			}
			cur.send += unescape(rest)
			if kind == ">" {
				cur.send += "\r\n"
			}
			continue
		}
		if cur == nil {
			return nil, bad()
		}
		switch kind {
		case "<", "<~":
			cur.expect = append(cur.expect, expectation{line: i + 1, text: unescape(rest), pattern: kind == "<~"})
		case "<stock", "<1.6.18":
			e := &cur.expect[len(cur.expect)-1]
			lines := &e.any
			if kind == "<1.6.18" {
				lines = &e.old
			}
			if *lines == nil {
				*lines = []string{}
			}
			if rest != "" {
				*lines = append(*lines, unescape(rest))
			}
		case "=":
			cur.closed = true
		default:
			return nil, bad()
		}
	}
	return tr, nil
}

var (
	reRepeat = regexp.MustCompile(`\{([^{}*:]+)\*(\d+)\}`)
	reEscape = regexp.MustCompile(`\\(x[0-9a-fA-F]{2}|.)`)
	reCAS    = regexp.MustCompile(`\{cas:(\w+)\}`)
)

func unescape(s string) string {
	s = reRepeat.ReplaceAllStringFunc(s, func(m string) string {
		g := reRepeat.FindStringSubmatch(m)
		n, _ := strconv.Atoi(g[2])
		return strings.Repeat(g[1], n)
	})
	return reEscape.ReplaceAllStringFunc(s, func(m string) string {
		switch m[1] {
		case 'r':
			return "\r"
		case 'n':
			return "\n"
		case 't':
			return "\t"
		case 'x':
			b, _ := strconv.ParseUint(m[2:], 16, 8)
			return string([]byte{byte(b)})
		}
		return m[1:]
	})
}

// casNames remembers the CAS uniques of one run.
type casNames map[string]string

// fill puts the known ones into what is sent.
func (c casNames) fill(s string) string {
	return reCAS.ReplaceAllStringFunc(s, func(m string) string { return c[reCAS.FindStringSubmatch(m)[1]] })
}

// match compares a received line with an expected one and learns CAS uniques.
func (c casNames) match(want string, pattern bool, got string) bool {
	if pattern {
		return regexp.MustCompile("^(?:" + want + ")$").MatchString(got)
	}
	m := reCAS.FindStringSubmatchIndex(want)
	if m == nil {
		return want == got
	}
	name := want[m[2]:m[3]]
	if known, ok := c[name]; ok {
		return want[:m[0]]+known+want[m[1]:] == got
	}
	if !strings.HasPrefix(got, want[:m[0]]) || !strings.HasSuffix(got, want[m[1]:]) {
		return false
	}
	c[name] = got[m[0] : len(got)-len(want[m[1]:])]
	_, err := strconv.ParseUint(c[name], 10, 64)
	return err == nil
}
