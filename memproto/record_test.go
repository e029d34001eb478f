package memproto

import (
	"bufio"
	commandline "flag"
	"fmt"
	"math/rand/v2"
	"os"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"twincached/internal/testkit"
)

// What memcached answers to many lines is recorded, as the installed one is older than
// the one whose answers ours are. A recording is a file of lines, quoted as in Go: what
// was sent, and behind it, after a tab, what came back. CAS uniques are replaced by the
// order of their first appearance, and {cas:KEY} stands for the last one that was seen
// of a key; see shorten. Make them again, on the same input or on one that generators have learned to
// make since, with
//
//	go test ./memproto -run TestRecord -record -stock /path/to/memcached
var record = commandline.Bool("record", false, "with -stock: make the recordings of its answers again")

// recordings are the files, and how what is sent to memcached is made.
var recordings = map[string]func() []string{
	"lines":   recordedLines,
	"classic": func() []string { return batches(120, (&generator{r: rand.New(rand.NewPCG(1, 2))}).batch) },
	"meta": func() []string {
		g := &metaGenerator{generator: generator{r: rand.New(rand.NewPCG(3, 4))}}
		return append([]string{"set warm 0 0 1\r\nx\r\n" + filler}, batches(120, g.batch)...)
	},
}

func batches(n int, batch func() string) (all []string) {
	for range n {
		all = append(all, batch())
	}
	return all
}

// probe is a line or two, behind which the conn is brought to a line again.
func probe(text string) string { return text + "\r\n" + filler }

// recordedLines is every command with any number of arguments, right ones and wrong.
func recordedLines() (all []string) {
	r := rand.New(rand.NewPCG(5, 6))
	words := []string{
		"k0", "k1", "n0", "0", "1", "9", "-1", "-", "+1", "x", "1x", "0x1", "0.5", "noreply", "noreply", "00000000001",
		"2147483647", "-2147483648", strings.Repeat("k", 250), strings.Repeat("k", 251), "a\tb", "\xff\x01", "all", "on", "off", "b", "T0", "C0", "q",
	}
	commands := []string{
		"get", "gets", "gat", "gats", "gat 0", "gats 100", "set", "add", "replace", "append", "prepend", "cas", "set k0 0 0", "cas k1 0 0 1",
		"delete", "incr", "decr", "incr n0", "touch", "touch k0", "flush_all", "verbosity", "version", "mg", "ms", "md", "ma", "mn", "me", "m", "mz",
		"ms k0 2", "mg k0", "md k1", "ma n0", "me nothing", "slabs", "slabs automove", "slabs automove window", "slabs automove freeratio",
		"slabs reassign", "lru", "lru mode", "lru temp_ttl", "lru tune 10 10", "lru_crawler", "lru_crawler sleep", "lru_crawler tocrawl",
		"cache_memlimit x", "stats nonsense", "stats sizes_enable", "stats detail", "stats cachedump", "watch nothing", "shutdown", "GET",
		"sett", "misbehave",
	}
	all = append(all, probe("set k0 5 0 1\r\n7\r\nset n0 0 0 1\r\n1"))
	for _, command := range commands {
		for n := range 7 {
			for range 1 + 2*n {
				line := command
				for range n {
					word := words[r.IntN(len(words))]
					switch {
					case len(word) > 250 && command[0] == 'g': // memcached adds an empty line to the reply
					case strings.HasPrefix(command, "ms") && !metaWords([]byte(word)): // memcached does not swallow the value
					case word == "b" && strings.HasPrefix(command, "me"): // memcached looks at it only where a word follows
					default:
						line += " " + word
					}
				}
				if r.IntN(15) == 0 {
					line = " " + line
				}
				if r.IntN(3) == 0 {
					line += "\r\nflush_all" // a value, or a command
				}
				all = append(all, probe(line))
			}
		}
	}
	return all
}

// TestRecordings_AreOurAnswers: each recorded line has the reply that memcached gave.
func TestRecordings_AreOurAnswers(t *testing.T) {
	for name, make := range recordings {
		t.Run(name, func(t *testing.T) {
			path := "testdata/memcached-" + testVersion + "/" + name + ".txt"
			if *record {
				makeRecording(t, path, make())
			}
			wrong := 0
			s, ours := newTestServer(t), newSide()
			s.NoWatch = false
			e := newEngine(t, s)
			pairs := readRecording(t, path)
			for i, pair := range pairs[:len(pairs)/testkit.Step] {
				got := string(e.feedAll(cutRandomly(uint64(i))([]byte(ours.fill(pair[0])))))
				if e.closed {
					got += closedMark
					e = newEngine(t, s)
				}
				if got = shorten(ours.metaNormalise(got)); got != pair[1] {
					at := differsAt(got, pair[1])
					from := max(0, at-80)
					t.Errorf("%s:%d: sent %.3000q\nours      ...%.150q\nmemcached ...%.150q", path, i+1, strings.TrimSuffix(pair[0], filler), got[from:], pair[1][from:])
					if wrong++; wrong == 40 {
						t.FailNow()
					}
				}
			}
		})
	}
}

// shorten takes what is many times the same out of a recording: the replies to filler.
func shorten(s string) string {
	body := strings.TrimSuffix(s, "VERSION "+testVersion+"\r\n")
	text := body
	n := 0
	for strings.HasSuffix(text, replyBadFormat) {
		text = strings.TrimSuffix(text, replyBadFormat)
		n++
	}
	if body == s || n < 3 {
		return s
	}
	return fmt.Sprintf("%s(%d)", text, n)
}

// longKey is written in a recording in the place of a key that is too long.
const longKey = "{k*251}"

// closedMark stands in a recording for the end of a conn.
const closedMark = "(closed)"

func readRecording(t *testing.T, path string) (pairs [][2]string) {
	t.Helper()
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	lines := bufio.NewScanner(f)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		sent, got, ok := strings.Cut(lines.Text(), "\t")
		pair := [2]string{}
		for i, quoted := range []string{sent, got} {
			text, err := strconv.Unquote(quoted)
			if err != nil || !ok {
				t.Fatalf("%s:%d: %v", path, len(pairs)+1, err)
			}
			pair[i] = strings.ReplaceAll(text, longKey, strings.Repeat("k", 251))
		}
		pair[0] += filler
		pairs = append(pairs, pair)
	}
	if err := lines.Err(); err != nil || len(pairs) < 100 {
		t.Fatalf("%s: %d lines, %v", path, len(pairs), err)
	}
	return pairs
}

// makeRecording sends what ends in filler to the memcached of -stock, and writes down
// what it answers.
func makeRecording(t *testing.T, path string, all []string) {
	t.Helper()
	s, theirs := startStock(t), newSide()
	if s.version != testVersion {
		t.Fatalf("-stock is of version %s: a recording is of %s", s.version, testVersion)
	}
	conn := s.dial(t)
	var b strings.Builder
	for _, sent := range all {
		got, err := conn.answer(theirs.fill(sent))
		if err != nil {
			got += closedMark
			conn = s.dial(t)
		}
		fmt.Fprintf(&b, "%s\t%s\n", strconv.QuoteToASCII(strings.TrimSuffix(sent, filler)), strconv.QuoteToASCII(shorten(theirs.metaNormalise(got))))
	}
	text := strings.ReplaceAll(b.String(), strings.Repeat("k", 251), longKey)
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}

// TestRecordStats writes down which rows memcached has in which kind of stats, for
// internal/node to compare with.
func TestRecordStats(t *testing.T) {
	if !*record {
		t.Skip("only with -record")
	}
	conn := startStock(t).dial(t)
	conn.Write([]byte("set k 0 0 1\r\nx\r\n"))
	conn.readLine()
	var b strings.Builder
	for _, command := range []string{"stats", "stats settings", "stats slabs", "stats items", "stats conns"} {
		conn.Write([]byte(command + "\r\n"))
		seen := map[string]bool{}
		for line := ""; line != "END"; {
			var err error
			if line, err = conn.readLine(); err != nil {
				t.Fatal(err)
			}
			if words := strings.Fields(line); len(words) > 1 {
				row := regexp.MustCompile(`\d+:`).ReplaceAllString(words[1], "N:")
				if !seen[row] {
					fmt.Fprintf(&b, "%s\t%s\n", command, row)
				}
				seen[row] = true
			}
		}
	}
	if err := os.WriteFile("testdata/memcached-"+testVersion+"/stats.txt", []byte(b.String()), 0o644); err != nil {
		t.Fatal(err)
	}
}
