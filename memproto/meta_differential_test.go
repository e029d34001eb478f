package memproto

import (
	"encoding/base64"
	"fmt"
	"math/rand/v2"
	"regexp"
	"strconv"
	"strings"
	"testing"
)

// metaGenerator mixes commands of the meta protocol among those of the classic
// one. Besides what generator stays away from, it stays away from what 1.6.18
// does not know yet (ms with s and N, md with x, mg with C, the errors of md), from
// l and me, and from where doc.go names a difference: k of a key stored in base64,
// t behind T in ma, marks on counters.
type metaGenerator struct {
	generator
	opaque int
}

// some returns right flags, and now and then a wrong one.
func (g *metaGenerator) some(flags ...string) string {
	line := g.right(flags...)
	if g.one(60) {
		line += " " + g.pick("z", "q q", "Tx", "N", "R+", "S5", "Cabc")
		if g.one(9) && !g.old {
			line += " " + g.pick("R-", "T-", "C-", "5", "F-1", "Fx Tx")
		}
	}
	return line
}

// opaqueToken may be too long. That is for md: with mg and ma memcached finds it out
// when it has done what they ask for, and ms has more than one thing to complain of.
func (g *metaGenerator) opaqueToken() string {
	if g.one(60) {
		return " O" + strings.Repeat("o", 30+g.r.IntN(4))
	}
	return ""
}

// right returns each of the flags with a chance of one in two, in any order.
func (g *metaGenerator) right(flags ...string) (line string) {
	g.r.Shuffle(len(flags), func(i, j int) { flags[i], flags[j] = flags[j], flags[i] })
	for _, f := range flags {
		if f == "O" {
			g.opaque++
			f += strconv.Itoa(g.opaque)
		}
		if g.one(2) {
			line += g.spaces() + f
		}
	}
	return line
}

// metaKey is a key and the flag that goes with it.
func (g *metaGenerator) metaKey() (key, flag string) {
	if g.one(6) { // keys that no other command knows
		return base64.StdEncoding.EncodeToString([]byte{'b', byte(g.r.IntN(3)), ' ', 0xff}), " b"
	}
	for {
		if key = g.key(); key[0] == 'k' && len(key) <= 250 { // 1.6.18 does not swallow the value of a longer one
			return key, ""
		}
	}
}

func (g *metaGenerator) metaCommand() string {
	key, b := g.metaKey()
	cas := "C" + g.pick("{cas:"+key+"}", "{cas:"+key+"}", "18446744073709551615", "1")
	// N60, as with N30 and R30 a tick of memcached's clock would decide who wins; testdata/client/meta_get.txt has that edge
	vivify, mode := "N60", "M"+g.pick("E", "A", "P", "R", "S", "X")
	if b != "" { // memcached then forgets that such a key is not to be shown as it is
		vivify, mode = "P", "M"+g.pick("E", "R", "S")
	}
	if mode != "MA" && mode != "MP" && g.one(4) { // with these memcached takes 0 for no comparison
		cas = "C0"
	}
	switch g.r.IntN(10) {
	case 0, 1, 2, 3:
		if !g.one(3) {
			return "mg " + key + b + " c k" + g.some("s", "t", "f", "v", "v", "O", "q", vivify, "R30", "R200") + g.end()
		}
		return "mg " + key + b + g.some("c", "k", "s", "f", "v", "O", "q", "T"+g.exptime(), vivify, "R200", "Lx") + g.end()
	case 4, 5, 6:
		value := g.value()
		flags := g.some("c", "k", "q", "F77", "T"+g.exptime(), "I", cas, mode)
		return "ms " + key + " " + strconv.Itoa(len(value)) + b + flags + g.end() + value + "\r\n"
	case 7:
		return "md " + key + b + g.right("k", "q", "I", "T100", cas) + g.opaqueToken() + g.end()
	case 8:
		n := g.counter()
		flags := []string{"c", "k", "v", "O", "D" + g.number(), "M" + g.pick("I", "+", "D", "-"), g.pick("q", "N0", "N100"), "J" + g.number()}
		if g.one(10) {
			flags = append(flags, "C{cas:"+n+"}", "T100")
		}
		return "ma " + n + g.some(flags...) + g.end()
	}
	if g.one(5) {
		return g.pick("mn\r\n", "mn x\n")
	}
	if g.one(5) && !g.old {
		return g.pick("mn", "mn\n", "ma k0 !", "mg k0 {", "md k0 5")
	}
	return g.pick("mn x", "me nothing", "mg "+strings.Repeat("k", 251)+" v", "mg k%% b", "mz k0", "ma k0", "ms k0 x\r\n") + g.end()
}

func (g *metaGenerator) batch() string {
	var b strings.Builder
	for range 1 + g.r.IntN(20) {
		if g.one(3) {
			b.WriteString(g.command())
		} else {
			b.WriteString(g.metaCommand())
		}
	}
	return b.String() + filler
}

var (
	reMetaCAS = regexp.MustCompile(`(?m)^(?:HD|VA \d+)( .*)? c([1-9]\d*)( .*)?\r$`)
	reMetaKey = regexp.MustCompile(` k(\S+)`)
	reMetaTTL = regexp.MustCompile(`(?m)^((?:HD|VA \d+)(?: .*)?) t\d+`)
)

// metaNormalise is normalise for the replies of both protocols. How many seconds
// are left depends on the second.
func (s *side) metaNormalise(out string) string {
	out = reMetaTTL.ReplaceAllString(s.normalise(out), "$1 t+")
	return reMetaCAS.ReplaceAllStringFunc(out, func(m string) string {
		g := reMetaCAS.FindStringSubmatch(m)
		if key := reMetaKey.FindStringSubmatch(g[1] + g[3]); key != nil {
			s.known[key[1]] = g[2]
		}
		if s.ordinal[g[2]] == "" {
			s.ordinal[g[2]] = fmt.Sprintf("cas#%d", len(s.ordinal)+1)
		}
		return strings.Replace(m, " c"+g[2], " c"+s.ordinal[g[2]], 1)
	})
}

// TestDifferential_MetaStockMemcached takes TWINCACHED_DIFF_BATCHES for a long run.
func TestDifferential_MetaStockMemcached(t *testing.T) {
	conn := startStock(t).dial(t)
	e := newEngine(t, newTestServer(t))
	ours, theirs := newSide(), newSide()
	const seed = 20261124
	g := &metaGenerator{generator: generator{r: rand.New(rand.NewPCG(seed, 3)), old: conn.old}}
	for i := range differentialBatches() {
		batch := g.batch()
		if i == 0 { // afterwards a CAS of 1 is older than any
			batch = "set warm 0 0 1\r\nx\r\n" + batch
		}
		sent := theirs.fill(batch)
		out, err := conn.answer(sent)
		if err != nil {
			t.Fatalf("seed %d, batch %d: stock memcached: %v after %q\nsent %q", seed, i, err, out, sent)
		}
		got := ours.metaNormalise(string(e.feedAll(cutRandomly(uint64(i))([]byte(ours.fill(batch))))))
		want := theirs.metaNormalise(out)
		if conn.old {
			got, want = sameErrors(got), sameErrors(want)
		}
		if got != want {
			reportDifference(t, fmt.Sprintf("seed %d, batch %d", seed, i), sent, got, want)
		}
	}
}
