package dump

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"reflect"
	"runtime"
	"strings"
	"testing"
	"testing/iotest"

	"twincached/internal/testkit"
	"twincached/internal/wire"
	"twincached/store"
)

// samples are items that a format may get wrong.
func samples() []item {
	long := bytes.Repeat([]byte("0123456789abcdef"), pieceBytes/16*5/2)
	return []item{
		{key: []byte("user:1"), value: []byte("ann"), flags: 7, expireAt: 1_900_000_000_000, version: 1 << 62},
		{key: []byte("empty"), value: []byte{}},
		{key: []byte("two\r\nlines and \"words\" <&>"), value: []byte("\r\nEND\r\n"), version: 1},
		{key: []byte("größe \u2028"), value: []byte("\x00\xff"), flags: 1<<32 - 1},
		{key: bytes.Repeat([]byte{0xff}, store.MaxKeyBytes), value: []byte("x"), stale: true, version: 5},
		{key: []byte("\xef\xbf\xbd"), value: []byte("x"), won: true},
		{key: []byte("long"), value: long, version: 9},
		{key: []byte("longer"), value: long[:pieceBytes+1], version: 9},
		{key: []byte("just not"), value: long[:pieceBytes], version: 9},
		{key: []byte("soon"), value: []byte("v"), expireAt: 1000},
	}
}

// same tells whether two items are; no value is an empty one.
func same(a, b item) bool {
	equal := bytes.Equal(a.key, b.key) && bytes.Equal(a.value, b.value)
	a.key, a.value, b.key, b.value = nil, nil, nil, nil
	return equal && reflect.DeepEqual(a, b)
}

func TestFormats_RoundTrip(t *testing.T) {
	want := samples()
	for i := range 3000 {
		want = append(want, item{key: fmt.Append(nil, "key", i), value: bytes.Repeat([]byte("v"), i%300), version: uint64(i), expireAt: int64(i) * 1000})
	}
	for _, asJSON := range []bool{false, true} {
		file := writeAll(t, asJSON, want...)
		got, err := readAll(iotest.OneByteReader(bytes.NewReader(file[:min(len(file), 1<<16)])))
		if !errors.Is(err, errCut) && !strings.Contains(fmt.Sprint(err), "cut") {
			t.Errorf("half a file, byte by byte: %d items, %v", len(got), err)
		}
		got, err = readAll(iotest.HalfReader(bytes.NewReader(file)))
		if err != nil || len(got) != len(want) {
			t.Fatalf("JSON %v: %d items, %v", asJSON, len(got), err)
		}
		for i := range want {
			if !same(got[i], want[i]) {
				t.Fatalf("JSON %v: %.200q, want %.200q", asJSON, fmt.Sprint(got[i]), fmt.Sprint(want[i]))
			}
		}
	}
}

// A dump that is cut anywhere is never taken for a whole one, and what is read of it before
// is what was written.
func TestFormats_CutAtAnyByte(t *testing.T) {
	want := samples()[:6]
	for _, asJSON := range []bool{false, true} {
		file := writeAll(t, asJSON, want...)
		end := len(file)
		if asJSON {
			end-- // without the last line end it is still whole
		}
		for n := 0; n < end; n += testkit.Step {
			got, err := readAll(bytes.NewReader(file[:n]))
			if err == nil {
				t.Fatalf("JSON %v: %d bytes of %d pass for a whole dump", asJSON, n, len(file))
			}
			for i := range got {
				if !same(got[i], want[i]) {
					t.Fatalf("JSON %v: %d bytes: %v", asJSON, n, got[i])
				}
			}
		}
	}
}

// Any bit of records that is not as it was written is noticed.
func TestRecords_EachBitCounts(t *testing.T) {
	file := writeAll(t, false, samples()[:6]...)
	for at := 0; at < len(file)*8; at += testkit.Step {
		bad := bytes.Clone(file)
		bad[at/8] ^= 1 << (at % 8)
		if _, err := readAll(bytes.NewReader(bad)); err == nil {
			t.Fatalf("bit %d", at)
		}
	}
}

// frames cuts records apart.
func frames(file []byte) (all [][]byte) {
	for len(file) > 0 {
		n := wire.FrameNeed(file)
		all = append(all, file[:n])
		file = file[n:]
	}
	return all
}

func TestRecords_WhatContradictsItselfIsRefused(t *testing.T) {
	long := samples()[6]
	file := frames(writeAll(t, false, samples()[0], long))
	if len(file) != 7 { // HEAD ITEMS PIECE PIECE PIECE ITEMS END
		t.Fatalf("%d records", len(file))
	}
	for name, c := range map[string]struct {
		order []int
		want  string
	}{
		"as it was":       {[]int{0, 1, 2, 3, 4, 5, 6}, ""},
		"no head":         {[]int{1, 2, 3, 4, 5, 6}, "no dump"},
		"no end":          {[]int{0, 1, 2, 3, 4, 5}, "cut"},
		"a piece missing": {[]int{0, 1, 2, 4, 5, 6}, "do not fit together"},
		"the last piece":  {[]int{0, 1, 2, 3, 5, 6}, "lacks pieces"},
		"the first piece": {[]int{0, 1, 3, 4, 5, 6}, "do not fit together"},
		"no item":         {[]int{0, 1, 2, 3, 4, 6}, "lacks pieces"},
		"no pieces":       {[]int{0, 1, 5, 6}, "lacks pieces"},
		"begun again":     {[]int{0, 1, 2, 2, 3, 4, 5, 6}, "do not fit together"},
		"items between":   {[]int{0, 2, 3, 1, 4, 5, 6}, "lacks pieces"},
		"items missing":   {[]int{0, 2, 3, 4, 5, 6}, "records are missing"},
		"another order":   {[]int{0, 2, 3, 4, 5, 1, 6}, "another order"},
		"twice":           {[]int{0, 1, 1, 2, 3, 4, 5, 6}, "records are missing"},
		"two heads":       {[]int{0, 0, 1, 2, 3, 4, 5, 6}, "it begins twice"},
		"two ends":        {[]int{0, 1, 2, 3, 4, 5, 6, 6}, "behind its end"},
	} {
		var b []byte
		for _, i := range c.order {
			b = append(b, file[i]...)
		}
		if _, err := readAll(bytes.NewReader(b)); (err == nil) != (c.want == "") || !strings.Contains(fmt.Sprint(err), c.want) {
			t.Errorf("%s: %v, want %q", name, err, c.want)
		}
	}
}

func TestNewReader_SaysWhatAFileIs(t *testing.T) {
	later := frames(writeAll(t, false))[0]
	later = bytes.Clone(later)
	later[wire.HeadBytes+4]++ // the format, behind the head of the array and the type
	body := later[wire.HeadBytes:]
	binary.BigEndian.PutUint32(later[4:], crc32.Checksum(body, crc32.MakeTable(crc32.Castagnoli)))
	for text, want := range map[string]string{
		"":                          "it is empty",
		"\x1f\x8b\x08\x00":          "it is compressed",
		"\x28\xb5\x2f\xfd":          "it is compressed",
		"set k 0 0 1\r\n1\r\n":      `it is no dump: it begins with "set "`,
		"\x00\x00\x00\x05abcdefghi": "damaged",
		"\x00\x00":                  "no dump",
		"\x80\x00\x00\x00":          "no dump",
		string(later):               "format 2 is not known",
		`{"twincached_dump":2}`:     "format 2 is not known",
	} {
		if _, err := readAll(strings.NewReader(text)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%.20q: %v, want %q", text, err, want)
		}
	}
	if _, err := readAll(iotest.ErrReader(io.ErrNoProgress)); !errors.Is(err, io.ErrNoProgress) {
		t.Errorf("%v", err)
	}
}

func TestJSON_WhatOthersWriteIsRead(t *testing.T) {
	got, err := readAll(strings.NewReader(`{"key":"k","value":"djE="}` + "\r\n\n" +
		`{"key_base64":"a2s=","value":"","flags":3,"exp":1900000000,"version":12,"more":[1]}` + "\n" +
		`{"version":"12","exp":-5,"value":"djE=","key":"\ufffd\u00fc"}`))
	want := []item{
		{key: []byte("k"), value: []byte("v1")},
		{key: []byte("kk"), value: []byte{}, flags: 3, expireAt: 1_900_000_000_000, version: 12},
		{key: []byte("\ufffdü"), value: []byte("v1"), expireAt: 1, version: 12},
	}
	if err != nil || fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("%v, %v, want %v", got, err, want)
	}
}

func TestJSON_BadLinesAreRefused(t *testing.T) {
	for line, want := range map[string]string{
		`{"key":"k"}`:              "line 2: it has no value",
		`{"key":"k","value":null}`: "it has no value",
		`{"value":""}`:             "neither key nor key_base64",
		`{"key":"k","key_base64":"aw==","value":""}`:            "or both",
		`{"key":"","value":""}`:                                 "not 0",
		`{"key":"` + strings.Repeat("k", 251) + `","value":""}`: "not 251",
		`{"key":"\udcff","value":""}`:                           "not UTF-8",
		"{\"key\":\"\xff\",\"value\":\"\"}":                     "not UTF-8",
		`{"key":"k","value":"d"}`:                               "base64",
		`{"key":"k","value":7}`:                                 `"value" is not of the kind`,
		`{"key":"k","value":"","flags":4294967296}`:             `"flags" is not of the kind`,
		`{"key":"k","value":"","flags":-1}`:                     `"flags" is not of the kind`,
		`{"key":"k","value":"","version":"x"}`:                  "a version is a number",
		`{"key":"k","value":"","exp":1e30}`:                     `"exp" is not of the kind`,
		`{"key":"k","value":"","version":1.5}`:                  "is not a number",
		`{"key":"k","value":"","version":"-1"}`:                 "is not a number",
		`{"key":"k","value":"dj`:                                "no JSON object (byte 22), or cut",
		`{"twincached_dump":1}`:                                 "behind another one",
		`{"end":7}`:                                             "7 items were written, and 1 are there",
		`[]`:                                                    "is not of the kind",
		`null`:                                                  "neither key nor key_base64",
		`get k`:                                                 "no JSON object",
		"{\"end\":1}\n{\"key\":\"k\",\"value\":\"\"}\n":         "line 3: there is something behind the end",
	} {
		got, err := readAll(strings.NewReader("{\"key\":\"a\",\"value\":\"\"}\n" + line))
		if err == nil || !strings.Contains(err.Error(), want) || len(got) != 1 {
			t.Errorf("%.60q: %v, want %q", line, err, want)
		}
	}
}

func TestTool_ReadsWhatMemcachedToolPrints(t *testing.T) {
	got, err := readAll(strings.NewReader("add a 0 0 3\r\nv\r\n\r\nadd b 4294967295 1900000000 0\r\n\r\nadd a key 0 0 1\r\nx\r\nadd c 1 -1 1\r\nx\r\nadd \x80 0 9223372036854775807 1\nx\n"))
	want := []item{
		{key: []byte("a"), value: []byte("v\r\n")},
		{key: []byte("b"), value: []byte{}, flags: 1<<32 - 1, expireAt: 1_900_000_000_000},
		{key: []byte("c"), value: []byte("x"), flags: 1, expireAt: 1},
		{key: []byte("\x80"), value: []byte("x"), expireAt: maxSeconds * 1000},
	}
	if err != nil || fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("%v, %v, want %v", got, err, want)
	}
}

func TestTool_BadInputIsRefused(t *testing.T) {
	for text, want := range map[string]string{
		"add ":                                 "item 1: it is cut",
		"add k 0 0":                            "it is cut",
		"add k 0 0 3\r\nab":                    "it is cut",
		"add k 0 0 2\r\nab":                    "it is cut",
		"add k 0 0 2\r\nab\r":                  "it is cut",
		"add k 0 0 1\r\nx\r\nadd k 0":          "item 2: it is cut",
		"add k 0 0 1\r\nx\r\nquit\r\n":         "item 2: \"quit\" is not add KEY",
		"add k 0 0 1\r\nxyz\r\n":               "does not end where it says",
		"add k 0 0 1\r\nx\r\r\n":               "does not end where it says",
		"add k 0 0 -1\r\n":                     "is not add KEY",
		"add k -1 0 1\r\nx\r\n":                "is not add KEY",
		"add k 4294967296 0 1\r\n":             "is not add KEY",
		"add k 0 0 1073741825\r\n":             "is not add KEY",
		"add k 0 0 9999999999999999999999\r\n": "is not add KEY",
		"add k 0 0 1 noreply\r\n":              "is not add KEY",
		"add  0 0 1\r\nx\r\n":                  "is not add KEY",
		"add 0 0 1\r\nx\r\n":                   "is not add KEY",
		"add " + strings.Repeat("k", 251) + " 0 0 1\r\nx\r\n":         "is not add KEY",
		"add " + strings.Repeat("k", 2000) + " 0 0 1\r\nx\r\n":        "longer than that of any item",
		"add " + strings.Repeat("k", readBytes+9) + " 0 0 1\r\nx\r\n": "longer than that of any item",
	} {
		if got, err := readAll(strings.NewReader(text)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%.60q: %v, %v, want %q", text, got, err, want)
		}
	}
}

// What a file claims to be large costs nothing before it is there.
func TestReaders_MemoryGrowsWithWhatHasCome(t *testing.T) {
	if testkit.Race {
		t.Skip("the race detector's own memory is measured")
	}
	piece := wire.NewWriter()
	piece.Piece(&wire.Piece{Key: []byte("k"), Bytes: maxValueBytes, Data: []byte("x")})
	head := frames(writeAll(t, false))[0]
	for name, text := range map[string]string{
		"add":    "add k 0 0 1073741824\r\nx",
		"record": string(head) + "\x00\x10\x00\x00",
		"piece":  string(head) + string(piece.Bytes()),
	} {
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		if _, err := readAll(strings.NewReader(text)); err == nil {
			t.Errorf("%s: no error", name)
		}
		runtime.ReadMemStats(&after)
		if n := after.TotalAlloc - before.TotalAlloc; n > 8<<20 {
			t.Errorf("%s: %d bytes", name, n)
		}
	}
}
