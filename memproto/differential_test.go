package memproto

import (
	"fmt"
	"math/rand/v2"
	"os"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"twincached/internal/testkit"
)

// A batch of random commands goes to the engine and to stock memcached; the
// replies must be equal but for the numbers of the CAS uniques. The generator
// stays away from the differences that doc.go names: numbers beyond 32 bits,
// NUL, overlong lines, counters with signs or more than 20 digits, commands
// that are not supported, and time.
type generator struct {
	r   *rand.Rand
	old bool // for memcached 1.6.18: without what changed since, which recorded streams hold
}

// sameErrors makes one of the two texts that an error has in memcached 1.6.18 and in
// 1.6.45 for lines that have too few words. Which one it is, recorded streams hold.
func sameErrors(out string) string { return strings.ReplaceAll(out, replyBadFormat, replyError) }

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
		if !g.old { // 1.6.18 reads the value of a set of it as commands
			return strings.Repeat("k", 251)
		}
	case 2:
		if g.one(9) && !g.old { // to which it may be a key
			return "noreply"
		}
		return g.pick("0", "get", "-1", "k\x01\x7f", "\xff\xfe", "a\tb", "END")
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
	if g.old { // which takes a plus sign where the set family only does by now
		return g.pick("0", "0", "0", "0", "100", "2592000", "2147483647", "-1", "-100", "2592001", "0100")
	}
	return g.pick("0", "0", "0", "0", "100", "2592000", "2147483647", "-1", "-100", "2592001", "+50", "0100")
}

func (g *generator) broken() string {
	if g.old { // to which a sign alone is no number, noreply a key, and which looks at what is there first
		return g.pick("x", "1x", "0x1", "+", "1.5")
	}
	return g.pick("x", "", "-", "1x", "0x1", "+", "noreply", "1.5")
}

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
		if g.old { // which counts words
			return g.spaces() + g.pick("norep", "0")
		}
		return g.spaces() + g.pick("norep", "0", "x y", "noreply x", "1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20 noreply")
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
	if g.one(30) && !g.old { // which takes spaces before a command
		b.WriteString(" ")
	}
	for i, w := range words {
		if i > 0 {
			b.WriteString(g.spaces())
		}
		if i > 0 && g.one(60) && !(g.old && len(words) > 4) { // the value of a refused set is commands to 1.6.18
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
	if key[0] != 'n' && g.one(25) && !g.old { // to which noreply hides no unknown command; a counter with a line end in it is white space to memcached
		length += g.r.IntN(21) - 10
	}
	words := []string{name, key, g.pick("0", "1", "77", "4294967295"), g.exptime(), strconv.Itoa(length)}
	if name == "cas" {
		words = append(words, g.pick("{cas:"+key+"}", "{cas:"+key+"}", "18446744073709551615", "0"))
	}
	return g.join(words...) + g.noreply() + g.end() + value + "\r\n"
}

// refused is a storage command that is wrong in one or more of its words, and whose
// value would be commands if it were not swallowed: they would be seen in the replies,
// or in what is there afterwards.
func (g *generator) refused() string {
	key, name := g.key(), g.pick("set", "add", "replace", "append", "prepend", "cas")
	value := g.pick("version", "set k1 0 0 1\r\nx", "delete k2\r\nmn", "flush_all", "get k0 k1", "incr n0 1", "ms k3 2\r\nhi")
	words := []string{name, key, "0", "0", strconv.Itoa(len(value)), "1"}
	if name != "cas" {
		words = words[:5]
	}
	for range 1 + g.r.IntN(2) {
		switch g.r.IntN(4) {
		case 0:
			words[1] = strings.Repeat("k", 251+g.r.IntN(1000))
		case 1:
			words[2] = g.pick("x", "-1", "1x", "noreply", "+")
		case 2:
			words[3] = g.pick("x", "1x", "noreply", "0x1", "-")
		case 3:
			if name == "cas" {
				words = append(words[:5], g.pick("x", "-1", "+1", "noreply", "1x", ""))
			} else {
				words[1] += g.pick(" y", " y z") // shorter than it says, or no length at all
			}
		}
	}
	return strings.Join(words, " ") + g.noreply() + g.end() + value + "\r\n"
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
		if g.one(8) && !g.old {
			return g.refused()
		}
		return g.storage()
	case 6, 7, 8, 9, 10:
		return g.retrieval()
	case 11, 12:
		behind := g.pick("", "", " 0", " 0 noreply", " noreply")
		if !g.old {
			behind = g.pick(behind, g.noreply(), " 1", " 1 2 3")
		}
		return g.join("delete", g.pick(g.key(), g.key(), g.counter())) + behind + g.end()
	case 13, 14, 15:
		return g.join(g.pick("incr", "decr"), g.pick(g.counter(), g.counter(), g.counter(), g.key()), g.number()) + g.noreply() + g.end()
	case 16, 17:
		return g.join("touch", g.key(), g.exptime()) + g.noreply() + g.end()
	case 18:
		if g.one(3) {
			return g.join("flush_all", g.pick("", "", "0", "-1")) + g.pick("", " noreply") + g.end() // no delay: memcached rounds them down
		}
		return g.join(g.pick("version", "verbosity 0", "stats nonsense", "stats reset")) + g.end()
	}
	if g.one(4) && !g.old {
		return g.pick("mn", "mn x", "cas k0 0 0 1", "set k0 0 0 -", "set k0 0 0 +1", "set k0 0 0 000000000001", " version", " flush_all",
			"gat 1", "touch k0 -", "touch k0 +1", "incr n0 +1", "stats sizes_enable", "slabs automove freeratio 0.5") + g.end()
	}
	return g.pick("", " ", "x", "bogus", "sett k0 0 0 1", "GET k0", "\r", "delete", "touch k0", "incr n0", "set k0 0 0") + g.end()
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
	return 1500 / testkit.Step
}

// TestDifferential_StockMemcached takes TWINCACHED_DIFF_BATCHES for a long run.
func TestDifferential_StockMemcached(t *testing.T) {
	conn := startStock(t).dial(t)
	e := newEngine(t, newTestServer(t))
	ours, theirs := newSide(), newSide()
	const seed = 20261122
	g := &generator{r: rand.New(rand.NewPCG(seed, 2)), old: conn.old}
	for i := range differentialBatches() {
		batch := g.batch()
		sent := theirs.fill(batch)
		out, err := conn.answer(sent)
		if err != nil {
			t.Fatalf("seed %d, batch %d: stock memcached: %v after %q\nsent %q", seed, i, err, out, sent)
		}
		got := ours.normalise(string(e.feedAll(cutRandomly(uint64(i))([]byte(ours.fill(batch))))))
		want := theirs.normalise(out)
		if conn.old {
			got, want = sameErrors(got), sameErrors(want)
		}
		if got != want {
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
	for tail := strings.Repeat(replyError, 10) + "VERSION " + testVersion + "\r\n"; !strings.HasSuffix(sameErrors(b.String()), tail); {
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
	at := differsAt(got, want)
	from := max(0, at-120)
	t.Fatalf("%s differs at byte %d\nsent  %q\nours  ...%q\nstock ...%q",
		where, at, sent, got[from:min(len(got), at+80)], want[from:min(len(want), at+80)])
}

// differsAt is where two strings begin to differ.
func differsAt(a, b string) (at int) {
	for at < min(len(a), len(b)) && a[at] == b[at] {
		at++
	}
	return at
}
