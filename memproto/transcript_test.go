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
//	<1.6.18 text    memcached 1.6.18 sends this line instead of the one above;
//	                several make several lines, an empty text makes none
//	= closed        the server has closed the conn
//	@server -F      first line only: an option of memcached and of the engine
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
	engineOnly bool
	expect     []expectation
	closed     bool
}

type expectation struct {
	line    int
	text    string
	pattern bool
	old     []string // memcached 1.6.18's lines; nil: the same
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
	engineOnly := false
	var cur *step
	begin := func(line int) {
		tr.steps = append(tr.steps, step{line: line, engineOnly: engineOnly})
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
		case "<1.6.18":
			e := &cur.expect[len(cur.expect)-1]
			if e.old == nil {
				e.old = []string{}
			}
			if rest != "" {
				e.old = append(e.old, unescape(rest))
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
