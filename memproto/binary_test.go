package memproto

import (
	"bytes"
	"encoding/hex"
	"fmt"
	"slices"
	"strings"
	"testing"

	"twincached/internal/testkit"
)

// binaryStep is a request and its replies. A request's CAS lastCAS stands for
// the CAS unique that was answered last; a reply's CAS anyCAS for any but 0.
type binaryStep struct {
	send   []byte
	want   []frame
	closed bool
}

const (
	lastCAS = 0xfefefefefefefefe
	badCAS  = 12345678901234567
	anyCAS  = 0xfdfdfdfdfdfdfdfd
)

// got is a reply to a request of this file.
func got(op byte, status binaryStatus, extras, key, value string, cas uint64) []frame {
	return []frame{{op: op, status: uint16(status), extras: extras, key: key, value: value, opaque: 0xdeadbeef, cas: cas}}
}

func done(op byte, cas uint64) []frame            { return got(op, statusOK, "", "", "", cas) }
func failed(op byte, status binaryStatus) []frame { return got(op, status, "", "", status.text(), 0) }

// has sets key to value, as the first step of a row.
func has(key, value string) binaryStep {
	return binaryStep{send: request(opSet, key, storeExtras(7, 0), value), want: done(opSet, anyCAS)}
}

// holds reads it back; an empty value is a miss.
func holds(key string, flags uint32, value string) binaryStep {
	if value == "" {
		return binaryStep{send: request(opGet, key, "", ""), want: failed(opGet, statusNotFound)}
	}
	return binaryStep{send: request(opGet, key, "", ""), want: got(opGet, statusOK, u32(flags), "", value, anyCAS)}
}

// runBinary plays steps against a server that is as empty as a flush makes it.
func runBinary(t *testing.T, s binaryServer, steps []binaryStep) {
	t.Helper()
	s.exchange(t, request(opFlush, "", "", ""))
	last := uint64(0)
	for i, st := range steps {
		send := bytes.ReplaceAll(st.send, []byte(u64(lastCAS)), []byte(u64(last)))
		replies, closed := s.exchange(t, send)
		want := st.want
		for j := range replies {
			f := &replies[j]
			if f.cas != 0 {
				last = f.cas
			}
			if j < len(want) && want[j].cas == anyCAS && f.cas != 0 {
				f.cas = anyCAS
			}
		}
		if fmt.Sprint(replies) != fmt.Sprint(want) || closed != st.closed {
			t.Fatalf("step %d: % x\ngot  %v, closed %v\nwant %v, closed %v", i, send[:min(len(send), 100)], replies, closed, want, st.closed)
		}
		if closed {
			return
		}
	}
}

func TestBinary_EveryOpcode(t *testing.T) {
	for _, row := range binaryRows() {
		t.Run(row.name, func(t *testing.T) {
			runBinary(t, newEngine(t, newTestServer(t)), row.steps)
		})
	}
}

func TestBinary_EveryOpcodeOfStockMemcached(t *testing.T) {
	stockServer := startStock(t)
	for _, row := range binaryRows() {
		if row.noTwin {
			continue
		}
		t.Run(row.name, func(t *testing.T) {
			runBinary(t, stockServer.dial(t), row.steps)
		})
	}
}

func TestBinary_EveryOpcodeAnySplit(t *testing.T) {
	n := 0
	for _, row := range binaryRows() {
		if slices.ContainsFunc(row.steps, func(st binaryStep) bool { return len(st.send) > 4096 }) {
			continue // TestBinary_SwallowsWithoutBuffering cuts those
		}
		for name, cut := range map[string]cutter{"1": cutEvery(1), "23": cutEvery(23), "24": cutEvery(24), "25": cutEvery(25), "random": cutRandomly(1)} {
			for _, ignoreNeed := range []bool{false, true} {
				if n++; n%testkit.Step != 0 {
					continue
				}
				t.Run(fmt.Sprint(row.name, name, ignoreNeed), func(t *testing.T) {
					e := newEngine(t, newTestServer(t))
					e.ignoreNeed = ignoreNeed
					runBinary(t, &cutEngine{e, cut}, row.steps)
				})
			}
		}
	}
}

type cutEngine struct {
	*engine
	cut cutter
}

func (c *cutEngine) exchange(t testing.TB, sent []byte) ([]frame, bool) {
	t.Helper()
	return readFrames(t, c.feedAll(c.cut(sent))), c.closed
}

// TestBinary_NoOpcodeWithoutARow: an opcode that is answered has a row in
// binaryRows, and one that changes something has one in mutations.
func TestBinary_NoOpcodeWithoutARow(t *testing.T) {
	tested, mutating := map[byte]bool{}, map[byte]bool{}
	for _, row := range binaryRows() {
		for _, st := range row.steps {
			tested[st.send[1]] = true
		}
	}
	for _, m := range mutations() {
		mutating[m.send[1]] = true
	}
	s := newTestServer(t)
	for op := range 256 {
		known, changes := false, false
		for _, shape := range [][2]string{{"", ""}, {"", u32(5)}, {"k", ""}, {"k", u32(5)}, {"k", storeExtras(1, 5)}, {"k", deltaExtras(1, 1, 5)}} {
			e := newEngine(t, s)
			e.exchange(t, request(opSet, "k", storeExtras(0, 0), "1"))
			before := contents(s.Store)
			replies, _ := e.exchange(t, request(byte(op), shape[0], shape[1], ""))
			known = known || len(replies) != 1 || replies[0].status != uint16(statusUnknown)
			changes = changes || contents(s.Store) != before
		}
		if known && !tested[byte(op)] {
			t.Errorf("opcode %#x is answered and has no row in binaryRows", op)
		}
		if changes && !mutating[byte(op)] {
			t.Errorf("opcode %#x changes data and has no row in mutations", op)
		}
	}
}

// TestBinary_GoldenBytes are the examples of memcached's protocol_binary.xml.
func TestBinary_GoldenBytes(t *testing.T) {
	e := newEngine(t, newTestServer(t))
	for _, x := range []struct{ send, want string }{
		{"80000005000000000000000500000000000000000000000048656c6c6f", "8100000000000001000000090000000000000000000000004e6f7420666f756e64"},
		{"8002000508000000000000120000000000000000000000 00deadbeef00000e1048656c6c6f576f726c64", "81020000000000000000000000000000CAS"},
		{"80000005000000000000000500000000000000000000000048656c6c6f", "81000000040000000000000900000000CASdeadbeef576f726c64"},
		{"800c0005000000000000000501020304000000000000000048656c6c6f", "810c0005040000000000000e01020304CASdeadbeef48656c6c6f576f726c64"},
		{"8005000714000000000000 1b000000000000000000000000000000000000000100000000000000000000 0e10636f756e746572", "81050000000000000000000800000000CAS0000000000000000"},
		{"80050007140000000000001b0000000000000000000000000000000000000001000000000000000000000e10636f756e746572", "81050000000000000000000800000000CAS0000000000000001"},
		{"8010000000000000000000000000000000000000 00000000", ""},
		{"800a0000000000000000000000000000ffffffffffffffff", "810a00000000000000000000000000000000000000000000"},
		{"800b00000000000000000000000000000000000000000000", "810b000000000000000000060000000000000000000000 00312e362e3435"},
		{"80070000000000000000000000000000000000000000 0000", "810700000000000000000000000000000000000000000000"},
	} {
		send, err := hex.DecodeString(strings.ReplaceAll(x.send, " ", ""))
		if err != nil {
			t.Fatal(err)
		}
		reply := hex.EncodeToString(e.feed(send))
		if x.want == "" {
			continue // rows of stat; only that the next reply is in step
		}
		want := strings.ReplaceAll(x.want, " ", "")
		if before, after, ok := strings.Cut(want, "CAS"); ok {
			if len(reply) < 48 || reply[32:48] == "0000000000000000" {
				t.Fatalf("%s: no CAS in %s", x.send, reply)
			}
			want, reply = before+"................"+pad16(after), reply[:32]+"................"+reply[48:]
		}
		if reply != want {
			t.Errorf("%s\ngot  %s\nwant %s", x.send, reply, want)
		}
	}
	if e.reason != ReasonQuit {
		t.Errorf("closed for %q", e.reason)
	}
}

// pad16 completes a number that was written without its first zero.
func pad16(s string) string {
	if len(s) == 17 {
		return s[1:]
	}
	return s
}
