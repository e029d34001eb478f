package memproto

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"io"
	"math/rand/v2"
	"slices"
	"testing"
	"time"
)

// A batch of random packets goes to the engine and to stock memcached; the
// replies must be equal but for the numbers of the CAS uniques. The generator
// stays away from the differences that doc.go names, and from time.
type packetGenerator struct {
	generator
	opaque uint32
	keyOf  map[uint32]string // opaque -> key
}

// knownCAS stands for the CAS unique that a server gave last for the key.
const knownCAS = 0xf1e2d3c4b5a69788

func (g *packetGenerator) u32(of ...uint32) string { return u32(of[g.r.IntN(len(of))]) }

func (g *packetGenerator) exptime() string {
	return g.u32(0, 0, 0, 0, 100, 2592000, 2592001, 0x7fffffff, 0xfffffffe, 0xffffffff)
}

// cas is 0 mostly. A broken batch may turn a CAS into anything else, and the
// numbers of the two servers differ: there it is a fixed one.
func (g *packetGenerator) cas(broken bool) uint64 {
	switch g.r.IntN(6) {
	case 0:
		return badCAS
	case 1:
		if !broken {
			return knownCAS
		}
	}
	return 0
}

func (g *packetGenerator) packet(broken bool) []byte {
	key, extras, value, cas := g.pick(g.binaryKey(), g.binaryKey(), g.counter()), "", "", g.cas(broken)
	of := func(ops ...byte) byte { return ops[g.r.IntN(len(ops))] }
	var op byte
	switch g.r.IntN(20) {
	case 0, 1, 2, 3, 4:
		op = of(opSet, opSet, opSetQ, opAdd, opAddQ, opReplace, opReplaceQ)
		extras, value = g.u32(0, 1, 77, 0xffffffff)+g.exptime(), g.value()
		if key[0] == 'n' {
			value = g.number()
		}
	case 5, 6:
		op, value = of(opAppend, opAppendQ, opPrepend, opPrependQ), g.value()
		if key[0] == 'n' { // never: the spaces that decrement leaves
			key = "k1"
		}
	case 7, 8, 9, 10, 11:
		op = of(opGet, opGetQ, opGetK, opGetKQ)
	case 12, 13:
		op = of(opDelete, opDeleteQ)
	case 14, 15, 16:
		op, key = of(opIncrement, opIncrQ, opDecrement, opDecrQ), g.pick(key, g.counter(), g.counter())
		extras = deltaExtras(g.r.Uint64()>>uint(20+g.r.IntN(44)), g.r.Uint64()>>20, binary.BigEndian.Uint32([]byte(g.exptime())))
	case 17, 18:
		op, extras = of(opTouch, opGAT, opGATQ, opGATK, opGATKQ), g.exptime()
	default:
		op, key = of(opNoop, opNoop, opVersion, opFlush, opFlushQ, opStat, opSASLList, opSASLAuth, 0x50), ""
		switch op {
		case opStat:
			key = g.pick("reset", "nonsense")
		case opFlush, opFlushQ:
			extras = g.pick("", u32(0))
		case opSASLAuth:
			key, value = "PLAIN", "\x00a\x00b"
		case 0x50:
			value = g.value()
		}
	}
	b := request(op, key, extras, value, cas)
	g.opaque++
	g.keyOf[g.opaque] = key
	copy(b[12:], u32(g.opaque))
	return b
}

func (g *packetGenerator) binaryKey() string {
	for {
		if key := g.key(); len(key) <= 250 && key[0] != 'n' {
			return key
		}
	}
}

func (g *packetGenerator) batch(broken bool) []byte {
	var b []byte
	damaged := g.r.IntN(5)
	for i := range 1 + g.r.IntN(20) {
		p := g.packet(broken)
		if broken && i == damaged && p[1] != 0x50 {
			p = g.damage(p)
		}
		b = append(b, p...)
	}
	return b
}

// damage makes a header and what follows it contradict each other.
func (g *packetGenerator) damage(p []byte) []byte {
	body := binary.BigEndian.Uint32(p[8:])
	switch g.r.IntN(7) {
	case 0:
		p[0] = byte(g.r.IntN(128)) // the magic
	case 1:
		p[1] = []byte{opGet, opSet, opAddQ, opReplace, opDelete, opIncrement, opDecrQ, opQuit, opFlush, opGetK, opVersion}[g.r.IntN(11)]
	case 2:
		p[3] += byte(g.r.IntN(9)) - 4 // the key's length
	case 3:
		p[2] = 1
	case 4:
		p[4] = []byte{0, 1, 4, 8, 20, 200}[g.r.IntN(6)] // the extras' length
	case 5:
		copy(p[8:], g.u32(0, 1, body-min(1, body/30), body+1, body+24, body+100, 5000, 2<<20)) // never an empty counter
	case 6:
		if p[1] != opFlush && p[1] != opFlushQ { // its delay would become a time that has passed
			return p[:12+g.r.IntN(len(p)-12)] // before that the next magic would become a length of 2 GiB
		}
	}
	return p
}

// binarySide is one of the two servers under comparison.
type binarySide struct {
	name  map[uint64]uint64 // CAS unique -> its name in the comparison
	known map[string]uint64 // key -> CAS unique last seen
}

func newBinarySide() *binarySide {
	return &binarySide{name: map[uint64]uint64{}, known: map[string]uint64{}}
}

// fill puts the CAS uniques that this side gave into the batch.
func (s *binarySide) fill(g *packetGenerator, batch []byte) []byte {
	mark := []byte(u64(knownCAS))
	b := slices.Clone(batch)
	for at := 0; ; at += 8 {
		i := bytes.Index(b[at:], mark)
		if i < 0 {
			return b
		}
		at += i
		cas := s.known[g.keyOf[binary.BigEndian.Uint32(b[at-4:])]]
		copy(b[at:], u64(max(cas, 1)))
	}
}

func (s *binarySide) normalise(g *packetGenerator, all []frame) []frame {
	all = slices.DeleteFunc(all, func(f frame) bool { return f.op == opStat && f.key != "" }) // each server's own
	for i := range all {
		f := &all[i]
		f.value = unpadded(f.value)
		if f.cas == 0 {
			continue
		}
		s.known[g.keyOf[f.opaque]] = f.cas
		if s.name[f.cas] == 0 {
			s.name[f.cas] = uint64(len(s.name) + 1)
		}
		f.cas = s.name[f.cas]
	}
	return all
}

// last sends what ends a conn and returns all that is answered.
func (c *stockConn) last(t *testing.T, sent []byte) (all []frame) {
	t.Helper()
	defer c.Close()
	if _, err := c.Write(sent); err != nil {
		t.Fatal(err)
	}
	if err := c.halfClose(); err != nil {
		t.Fatal(err)
	}
	c.SetReadDeadline(time.Now().Add(20 * time.Second))
	for {
		f, err := readFrame(c.r)
		if err == io.EOF {
			return all
		}
		if err != nil {
			t.Fatalf("stock memcached: %v after %v", err, all)
		}
		all = append(all, f)
	}
}

// TestBinaryDifferential_StockMemcached takes TWINCACHED_DIFF_BATCHES for a long
// run. Every third batch has a damaged packet and ends its conn.
func TestBinaryDifferential_StockMemcached(t *testing.T) {
	stockServer, server := startStock(t), newTestServer(t)
	conn, e := stockServer.dial(t), newEngine(t, server)
	ours, theirs := newBinarySide(), newBinarySide()
	const seed = 20261123
	g := &packetGenerator{generator: generator{r: rand.New(rand.NewPCG(seed, 4))}, keyOf: map[uint32]string{}}
	for i := range differentialBatches() {
		broken := i%3 == 2
		batch := g.batch(broken)
		var want, have []frame
		reason := ""
		if broken {
			want = conn.last(t, batch)
			have, _ = e.exchange(t, batch)
			// memcached does not write what it has answered while it waits for a
			// value that does not come, nor before it closes for a wrong magic.
			if len(want) < len(have) && (e.c.swallow > 0 || len(e.in) > 0 || e.reason == ReasonMagic) {
				have = have[:len(want)]
			}
			reason = e.reason
			conn, e = stockServer.dial(t), newEngine(t, server)
		} else {
			var closed bool
			if want, closed = conn.exchange(t, theirs.fill(g, batch)); closed {
				t.Fatalf("seed %d, batch %d: stock memcached closed the conn: %q", seed, i, batch)
			}
			have = readFrames(t, e.feedAll(cutRandomly(uint64(i))(ours.fill(g, batch))))
		}
		have, want = ours.normalise(g, have), theirs.normalise(g, want)
		if fmt.Sprint(have) != fmt.Sprint(want) {
			t.Fatalf("seed %d, batch %d, broken %v, closed for %q\nsent  %q\nours  %v\nstock %v", seed, i, broken, reason, batch, have, want)
		}
	}
}
