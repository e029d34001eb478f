package memproto

import (
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"testing"

	"twincached/internal/testkit"
	"twincached/store"
)

// orders is a value of size bytes that is nothing but commands, in text: each would
// change the key "marker", or what is answered.
func orders(r *rand.Rand, size int) string {
	var b strings.Builder
	for b.Len() < size {
		b.WriteString([]string{
			"incr marker 1\r\n", "delete marker\n", "flush_all\r\n", "set marker 0 0 1\r\nx\r\n", "md marker q\r\n", "ms marker 1 q\r\nx\r\n", "mn\r\n",
			"version\r\n", "quit\r\n", "touch marker -1\n",
		}[r.IntN(10)])
	}
	return b.String()[:size]
}

// storageText is a storage command of the text protocols, right or wrong in any of its
// words but the length, with a value of that length which is made of commands.
func storageText(r *rand.Rand) string {
	pick := func(words ...string) string { return words[r.IntN(len(words))] }
	size := r.IntN(60)
	if r.IntN(300) == 0 {
		size = store.DefaultMaxItemBytes + r.IntN(100) // too large for any item
	}
	length := strconv.Itoa(size)
	key := pick("k", "k2", strings.Repeat("k", 250), strings.Repeat("k", 251), strings.Repeat("k", 1000), "noreply", "0", "\xff\x80", "a\tb")
	if r.IntN(2) == 0 {
		line := "ms " + key + " " + length
		for range r.IntN(8) {
			line += " " + pick("b", "q", "I", "c", "k", "s", "T5", "Tx", "T", "F1", "Fx", "F-1", "F4294967296", "C0", "C5", "Cx", "E5", "ME", "MA", "MP", "MR", "MS", "MX", "M",
				"N0", "Nx", "Oabc", "O"+strings.Repeat("o", 40), "y", "!", "5", "{", "\xff", "noreply", "D1", "Jx")
		}
		return line + "\r\n" + orders(r, size) + "\r\n"
	}
	number := func() string {
		return pick("0", "0", "1", "-1", "x", "1x", "+5", "0x1", "4294967296", "18446744073709551616", "-18446744073709551616", "noreply", "-", "\t7")
	}
	line := strings.Join([]string{pick("set", "add", "replace", "append", "prepend", "cas"), key, number(), number(), length}, pick(" ", "  "))
	for range r.IntN(4) {
		line += " " + pick("5", "x", "-1", "noreply", "0", "18446744073709551616")
	}
	return line + pick("\r\n", "\n") + orders(r, size) + "\r\n"
}

// TestStorage_AValueIsNeverReadAsCommands: whatever is wrong with a storage command
// whose length can be read, its value does nothing, and the conn stays in step.
func TestStorage_AValueIsNeverReadAsCommands(t *testing.T) {
	const seed = 13
	r := rand.New(rand.NewPCG(seed, 1))
	s := newTestServer(t)
	e := newEngine(t, s)
	e.feed([]byte("set marker 0 0 1\r\n5\r\n"))
	for i := range 5_000 / testkit.Step {
		sent := storageText(r)
		out := string(e.feedAll(cutAt(1 + r.IntN(len(sent)))([]byte(sent + "get marker\r\n"))))
		reply, found := strings.CutSuffix(out, "VALUE marker 0 1\r\n5\r\nEND\r\n")
		if !found || strings.Count(reply, "\r\n") > 1 || e.closed {
			t.Fatalf("seed %d, step %d: %.300q answered %.300q, closed %v", seed, i, sent, out, e.closed)
		}
	}
}

// TestBinaryStorage_AValueIsNeverReadAsPackets is the same for the binary protocol,
// where a packet that makes no sense ends the conn. Touch, gat and stat, which have no
// value, are left out: see dispatch.
func TestBinaryStorage_AValueIsNeverReadAsPackets(t *testing.T) {
	const seed = 14
	r := rand.New(rand.NewPCG(seed, 1))
	s := newTestServer(t)
	text := newEngine(t, s)
	text.feed([]byte("set marker 0 0 1\r\n5\r\n"))
	e := newEngine(t, s)
	value := slices.Concat(
		request(opIncrement, "marker", string(make([]byte, 20)), ""), request(opDelete, "marker", "", ""), request(opFlush, "", "", ""), []byte("\r\nflush_all\r\n"))
	for i := range 5_000 {
		op := []byte{opSet, opAdd, opReplace, opAppend, opPrepend, opSetQ, opAppendQ, opIncrement, opDelete, opGet, opVersion, opNoop, opVerbosity, opFlush, 0x60}[r.IntN(15)]
		extras := []int{0, 4, 8, 8, 8, 20, 24, 255}[r.IntN(8)]
		key := []int{0, 1, 3, 250, 251, 1000, 65535}[r.IntN(7)]
		body := slices.Concat(make([]byte, extras), slices.Repeat([]byte{'k'}, key), value)
		if r.IntN(50) == 0 {
			body = append(body, make([]byte, store.DefaultMaxItemBytes)...)
		}
		head := request(op, "", "", "")
		binary.BigEndian.PutUint16(head[2:], uint16(key))
		head[4] = byte(extras)
		binary.BigEndian.PutUint32(head[8:], uint32(len(body)))
		sent := append(head, body...)
		e.feedAll(cutAt(1 + r.IntN(len(sent)))(sent))
		if out := string(text.feed([]byte("get marker\r\n"))); out != "VALUE marker 0 1\r\n5\r\nEND\r\n" {
			t.Fatalf("seed %d, step %d: op %#x, %d bytes of extras, %d of key: %q", seed, i, op, extras, key, out)
		}
		if !e.closed {
			if replies := readFrames(t, e.feed(request(opNoop, "", "", ""))); len(replies) != 1 || replies[0].op != opNoop {
				t.Fatalf("seed %d, step %d: op %#x: out of step: %v", seed, i, op, fmt.Sprint(replies))
			}
			continue
		}
		e = newEngine(t, s)
	}
}
