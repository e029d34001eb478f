package memproto

import (
	"fmt"
	"math/rand/v2"
	"os"
	"regexp"
	"strconv"
	"strings"
	"testing"
)

// A batch of random commands goes to the engine and to stock memcached; the
// replies must be equal but for the numbers of the CAS uniques. The generator
// stays away from the differences that doc.go names: numbers beyond 32 bits,
// NUL, overlong lines, counters with signs or more than 20 digits, commands
// that are not supported, and time.
type generator struct {
	r *rand.Rand
}

// filler ends every batch: a value that was announced and not sent takes its
// bytes from here, and not from the sentinel behind it.
var filler = strings.Repeat("\r\n", 64) + "version\r\n"

func (g *generator) pick(words ...string) string { return words[g.r.IntN(len(words))] }

func (g *generator) one(in int) bool { return g.r.IntN(in) == 0 }

func (g *generator) key() string {
	switch g.r.IntN(40) {
	case 0:
		return strings.Repeat("k", 250)
	case 1:
		return strings.Repeat("k", 251)
	case 2:
		return g.pick("noreply", "0", "get", "-1", "k\x01\x7f", "\xff\xfe", "a\tb", "END")
	}
	return "k" + strconv.Itoa(g.r.IntN(8))
}

// counter names keys that only whole numbers are stored in, so that the spaces
// decr leaves never meet append.
func (g *generator) counter() string { return "n" + strconv.Itoa(g.r.IntN(4)) }

// number stays far below 1<<63: above it memcached 1.6.18 looks for a minus sign
// in memory that is not the item's.
func (g *generator) number() string {
	return g.pick("0", "1", "5", "7", "10", "99", "100", "4294967295", strconv.FormatUint(g.r.Uint64()>>20, 10))
}

func (g *generator) exptime() string {
	return g.pick("0", "0", "0", "0", "100", "2592000", "2147483647", "-1", "-100", "2592001", "+50", "0100")
}

func (g *generator) broken() string { return g.pick("x", "", "-", "1x", "0x1", "+", "noreply", "1.5") }

func (g *generator) spaces() string {
	if g.one(20) {
		return "   "
	}
	return " "
}

func (g *generator) noreply() string {
	switch g.r.IntN(12) {
	case 0, 1:
		return g.spaces() + "noreply"
	case 2:
		return g.spaces() + g.pick("norep", "0", "x y", "noreply x")
	}
	return ""
}

func (g *generator) end() string {
	if g.one(10) {
		return "\n"
	}
	return "\r\n"
}

func (g *generator) join(words ...string) string {
	var b strings.Builder
	if g.one(30) {
		b.WriteString(" ")
	}
	for i, w := range words {
		if i > 0 {
			b.WriteString(g.spaces())
		}
		if i > 0 && g.one(60) {
			w = g.broken()
		}
		if w == "" && words[0] == "cas" {
			w = "x" // one word less, and a CAS unique would become the length
		}
		b.WriteString(w)
	}
	return b.String()
}

func (g *generator) value() string {
	b := make([]byte, g.r.IntN(40))
	for i := range b {
		b[i] = "abcdefgh \r\n012345\x00\xff"[g.r.IntN(19)]
	}
	// Never a digit first: memcached ignores what stands behind "1 ". Never a
	// space last: those are decr's.
	return "v" + string(b) + "."
}

func (g *generator) storage() string {
	value, length := g.value(), 0
	key, name := g.key(), g.pick("set", "set", "set", "add", "replace", "append", "prepend", "cas")
	if g.one(4) {
		key, name, value = g.counter(), g.pick("set", "set", "add", "replace"), g.number()
	}
	length = len(value)
	if key[0] != 'n' && g.one(25) { // a counter with a line end in it is white space to memcached
		length += g.r.IntN(21) - 10
	}
	words := []string{name, key, g.pick("0", "1", "77", "4294967295"), g.exptime(), strconv.Itoa(length)}
	if name == "cas" {
		words = append(words, g.pick("{cas:"+key+"}", "{cas:"+key+"}", "18446744073709551615", "0"))
	}
	return g.join(words...) + g.noreply() + g.end() + value + "\r\n"
}

func (g *generator) retrieval() string {
	words := []string{g.pick("get", "get", "gets", "gets", "gat", "gats", "ge", "getss")}
	if strings.HasPrefix(words[0], "gat") {
		words = append(words, g.exptime())
	}
	for range 1 + g.r.IntN(4) {
		// Never a key that is too long: memcached 1.6.18 then loses the
		// replies to the commands before it in the same packet.
		if key := g.pick(g.key(), g.key(), g.counter()); len(key) <= 250 {
			words = append(words, key)
		}
	}
	return g.join(words...) + g.end()
}

func (g *generator) command() string {
	switch g.r.IntN(20) {
	case 0, 1, 2, 3, 4, 5:
		return g.storage()
	case 6, 7, 8, 9, 10:
		return g.retrieval()
	case 11, 12:
		return g.join("delete", g.pick(g.key(), g.key(), g.counter())) + g.pick("", "", g.noreply(), " 0", " 0 noreply", " 1") + g.end()
	case 13, 14, 15:
		return g.join(g.pick("incr", "decr"), g.pick(g.counter(), g.counter(), g.counter(), g.key()), g.number()) + g.noreply() + g.end()
	case 16, 17:
		return g.join("touch", g.key(), g.exptime()) + g.noreply() + g.end()
	case 18:
		if g.one(3) {
			return g.join("flush_all", g.pick("", "", "0", "-1")) + g.noreply() + g.end()
		}
		return g.join(g.pick("version", "verbosity 0", "stats nonsense", "stats reset")) + g.end()
	}
	return g.pick("", " ", "x", "bogus", "sett k0 0 0 1", "GET k0", "\r", "delete", "touch k0", "incr n0", "cas k0 0 0 1") + g.end()
}

func (g *generator) batch() string {
	var b strings.Builder
	for range 1 + g.r.IntN(20) {
		b.WriteString(g.command())
	}
	return b.String() + filler
}

// side is one of the two servers under comparison.
type side struct {
	known   casNames          // key -> CAS unique last seen, on this side
	ordinal map[string]string // CAS unique -> its name in the comparison
}

// rePadded finds a counter that decr has made shorter. Whether memcached keeps
// the old length and fills it with spaces depends on who else reads the item at
// that moment.
var rePadded = regexp.MustCompile(`(VALUE n\d \d+) \d+((?: \d+)?\r\n\d+) *\r\n`)

var reValueCAS = regexp.MustCompile(`(VALUE ([^ \r\n]+) \d+ \d+) (\d+)\r\n`)

// normalise replaces the CAS uniques by the order of their first appearance.
func (s *side) normalise(out string) string {
	out = rePadded.ReplaceAllString(out, "$1 0$2\r\n")
	return reValueCAS.ReplaceAllStringFunc(out, func(m string) string {
		g := reValueCAS.FindStringSubmatch(m)
		s.known[g[2]] = g[3]
		if s.ordinal[g[3]] == "" {
			s.ordinal[g[3]] = fmt.Sprintf("cas#%d", len(s.ordinal)+1)
		}
		return g[1] + " " + s.ordinal[g[3]] + "\r\n"
	})
}

// fill puts the last CAS unique that this side gave for a key into a cas.
func (s *side) fill(batch string) string {
	return regexp.MustCompile(`\{cas:([^}]*)\}`).ReplaceAllStringFunc(batch, func(m string) string {
		if v := s.known[m[5:len(m)-1]]; v != "" {
			return v
		}
		return "18446744073709551614" // younger than any, on both sides
	})
}

func newSide() *side { return &side{known: casNames{}, ordinal: map[string]string{}} }

// differentialBatches is how many batches a test sends to both servers.
func differentialBatches() int {
	switch n, err := strconv.Atoi(os.Getenv("TWINCACHED_DIFF_BATCHES")); {
	case testing.Short():
		return 200
	case err == nil:
		return n
	}
	return 1500
}

// TestDifferential_StockMemcached takes TWINCACHED_DIFF_BATCHES for a long run.
func TestDifferential_StockMemcached(t *testing.T) {
	conn := startStock(t).dial(t)
	e := newEngine(t, newTestServer(t))
	ours, theirs := newSide(), newSide()
	const seed = 20261122
	g := &generator{r: rand.New(rand.NewPCG(seed, 2))}
	for i := range differentialBatches() {
		batch := g.batch()
		sent := theirs.fill(batch)
		out, err := conn.answer(sent)
		if err != nil {
			t.Fatalf("seed %d, batch %d: stock memcached: %v after %q\nsent %q", seed, i, err, out, sent)
		}
		got := ours.normalise(string(e.feedAll(cutRandomly(uint64(i))([]byte(ours.fill(batch))))))
		if want := theirs.normalise(out); got != want {
			reportDifference(t, fmt.Sprintf("seed %d, batch %d", seed, i), sent, got, want)
		}
	}
}

// answer sends a batch that ends with the filler and returns all replies to it. The
// filler leaves the conn at a line; only then comes the sentinel.
func (c *stockConn) answer(batch string) (string, error) {
	if _, err := c.Write([]byte(batch)); err != nil {
		return "", err
	}
	var b strings.Builder
	for tail := strings.Repeat(replyError, 10) + "VERSION " + stockVersion + "\r\n"; !strings.HasSuffix(b.String(), tail); {
		line, err := c.readLine()
		if err != nil {
			return b.String(), err
		}
		// readLine cuts CR LF; a bare LF (in a value) stays.
		b.WriteString(line)
		if !strings.HasSuffix(line, "\n") {
			b.WriteString("\r\n")
		}
	}
	return b.String(), nil
}

func reportDifference(t *testing.T, where, sent, got, want string) {
	t.Helper()
	at := 0
	for at < min(len(got), len(want)) && got[at] == want[at] {
		at++
	}
	from := max(0, at-120)
	t.Fatalf("%s differs at byte %d\nsent  %q\nours  ...%q\nstock ...%q",
		where, at, sent, got[from:min(len(got), at+80)], want[from:min(len(want), at+80)])
}
