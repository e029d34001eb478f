package memproto

import (
	"bytes"
	"fmt"
	"math/big"
	"regexp"
	"slices"
	"strings"
	"testing"

	"twincached/store"
)

var reUint = regexp.MustCompile(`(?s)^[\t\r\v\f]*\+?([0-9]+)(?:[\t\r\v\f].*)?$`)

// slowUint is parseUint by other means.
func slowUint(b []byte) (uint64, bool) {
	m := reUint.FindSubmatch(b)
	if m == nil {
		return 0, false
	}
	n, ok := new(big.Int).SetString(string(m[1]), 10)
	return n.Uint64(), ok && n.IsUint64()
}

func TestParseInt(t *testing.T) {
	for in, want := range map[string]int64{
		"0": 0, "-0": 0, "+0": 0, "-1": -1, "007": 7, "9223372036854775807": 1<<63 - 1, "-9223372036854775807": -1<<63 + 1, "\t-5": -5, "5\tx": 5,
	} {
		if got, ok := parseInt([]byte(in)); !ok || got != want {
			t.Errorf("%q: %d %v", in, got, ok)
		}
	}
	for _, in := range []string{"", "-", "+", "--1", "-+1", "+-1", "1x", "x", "1-", "- 1", "-\t1", "9223372036854775808", "-9223372036854775808", "\xb5"} {
		if got, ok := parseInt([]byte(in)); ok {
			t.Errorf("%q: %d", in, got)
		}
	}
}

func TestAbsoluteExpiry(t *testing.T) {
	const now = 1_900_000_000_500
	for in, want := range map[int64]int64{
		0:                      0,
		-1:                     store.AlreadyExpired,
		-1 << 62:               store.AlreadyExpired,
		1:                      now + 1000,
		maxRelativeSeconds:     now + maxRelativeSeconds*1000,
		maxRelativeSeconds + 1: store.AlreadyExpired, // January 1970
		1_900_000_000:          store.AlreadyExpired, // half a second ago
		1_900_000_001:          1_900_000_001_000,
		4_102_444_800:          4_102_444_800_000, // 2100, beyond 32 bits
		1<<63 - 1:              maxExptimeSeconds * 1000,
	} {
		if got := absoluteExpiry(now, in); got != want {
			t.Errorf("%d: %d, want %d", in, got, want)
		}
	}
}

func TestTokens(t *testing.T) {
	for in, want := range map[string][]string{
		"":                      nil,
		"   ":                   nil,
		"a":                     {"a"},
		" a  bc ":               {"a", "bc"},
		"1 2 3 4 5 6 7 8 9 10 ": {"1", "2", "3", "4", "5", "6", "7", "8", "9", "10"},

		strings.Repeat("x ", 40) + "noreply":         slices.Repeat([]string{"x"}, 23),
		strings.Repeat("x ", 22) + "noreply noreply": append(slices.Repeat([]string{"x"}, 22), "noreply"),
	} {
		var tk tokens
		tk.split([]byte(in))
		var got []string
		for i := range tk.n {
			got = append(got, string(tk.word[min(i, keptTokens-1)]))
		}
		quiet := len(want) > 0 && want[len(want)-1] == "noreply"
		if tk.n != len(want) || !slices.Equal(got[:min(len(got), keptTokens)], want[:min(len(want), keptTokens)]) || tk.quiet() != quiet {
			t.Errorf("%q: %d words %q, quiet %v", in, tk.n, got, tk.quiet())
		}
	}
}

// TestStrictNumbers: what is taken for a number is nothing but one.
func TestStrictNumbers(t *testing.T) {
	const no = "no"
	for in, want := range map[string][3]string{ // as parseDigits, parseInt32, parseLength
		"":                        {no, no, no},
		"0":                       {"0", "0", "0"},
		"-":                       {no, "0", "0"},
		"-0":                      {no, "0", "0"},
		"+1":                      {no, no, no},
		"-1":                      {no, "-1", no},
		"--1":                     {no, no, no},
		"1x":                      {no, no, no},
		" 1":                      {no, no, no},
		"\t1":                     {no, no, no},
		"\xb1":                    {no, no, no},
		"00000000009":             {"9", "9", "9"},
		"000000000009":            {"9", no, no},
		"2147483645":              {"2147483645", "2147483645", "2147483645"},
		"2147483646":              {"2147483646", "2147483646", no},
		"2147483648":              {"2147483648", no, no},
		"-2147483648":             {no, "-2147483648", no},
		"-2147483649":             {no, no, no},
		"4294967296":              {"4294967296", no, no},
		"18446744073709551615":    {"18446744073709551615", no, no},
		"18446744073709551616":    {no, no, no},
		"0000000000000000000009":  {"9", no, no},
		"00000000000000000000009": {no, no, no},
	} {
		show := func(v any, ok bool) string {
			if !ok {
				return no
			}
			return fmt.Sprint(v)
		}
		var got [3]string
		digits, ok := parseDigits([]byte(in))
		got[0] = show(digits, ok)
		signed, ok := parseInt32([]byte(in))
		got[1] = show(signed, ok)
		length, ok := parseLength([]byte(in))
		got[2] = show(length, ok)
		if got != want {
			t.Errorf("%q: %q, want %q", in, got, want)
		}
	}
}

func TestHasLongKey(t *testing.T) {
	ok, long := strings.Repeat("k", 250), strings.Repeat("k", 251)
	for in, want := range map[string]bool{
		"": false, "k": false, ok: false, long: true,
		ok + " " + ok: false, ok + " " + long: true, long + " a": true, "a " + long + " a": true,
		strings.Repeat("a ", 500) + long: true, strings.Repeat("a ", 500) + ok: false,
		strings.Repeat(" ", 600) + long: true, strings.Repeat(" ", 600): false,
		ok + strings.Repeat(" ", 300) + ok: false, long + strings.Repeat(" ", 300): true,
	} {
		if hasLongKey([]byte(in)) != want {
			t.Errorf("%d bytes, %.20q...: want %v", len(in), in, want)
		}
		// The same by counting.
		slow := false
		for _, w := range bytes.Fields([]byte(in)) {
			slow = slow || len(w) > 250
		}
		if slow != want {
			t.Errorf("the test is wrong about %.20q", in)
		}
	}
}

// TestSetFast_EqualsSlowPath: the short cut for plain sets takes no line that
// the general way would treat differently.
func TestSetFast_EqualsSlowPath(t *testing.T) {
	for _, line := range []string{
		"set k 0 0 1", "set k 4294967295 0 1", "set k 4294967296 0 1", "set k 0 9999999999 1", "set k 0 99999999999 1",
		"set k 0 0 2147483645", "set k 0 0 2147483646", "set k 0 0 9999999999", "set k 00000000000 0 1", "set k 0 0 01",
		"set  k 0 0 1", "set k  0 0 1", "set k 0 0 1 ", "set k 0 0 1 noreply", "set k 0 0", "set k 0 0 ", "set k", "set ", "set k +1 0 1",
		"set k 0 -1 1", "set k 0 0 x", "set k 0 0 1x", "set " + strings.Repeat("k", 250) + " 0 0 1", "set " + strings.Repeat("k", 251) + " 0 0 1",
	} {
		in := []byte(line + "\r\nv\r\nget k " + strings.Repeat("k", 250) + "\r\n")
		fast, slow := newEngine(t, newTestServer(t)), newEngine(t, newTestServer(t))
		got := fast.feed(in)
		want := slow.feed(append([]byte("set "), in[3:]...)) // two spaces are no fast path
		if !bytes.Equal(got, want) {
			t.Errorf("%q: fast %q, slow %q", line, got, want)
		}
	}
}
