package dump

import (
	"bytes"
	"encoding/binary"
	"hash/crc32"
	"testing"
	"time"

	"twincached/internal/wire"
	"twincached/store"
)

// inPieces is a dump whose one value comes in short pieces.
func inPieces(t testing.TB) []byte {
	var b bytes.Buffer
	w, err := newRecordWriter(&b, "", time.UnixMilli(1_800_000_000_000), 1)
	if err != nil {
		t.Fatal(err)
	}
	for at, data := range []string{"a", "b", "c"} {
		w.w.Piece(&wire.Piece{Key: []byte("k"), Version: 7, Bytes: 3, At: at, Data: []byte(data)})
	}
	w.append(&store.ImageItem{Record: store.Record{Key: []byte("k"), Op: store.RecordPieced, Version: 7}})
	w.items++
	if err := w.end(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func TestRecords_ShortPieces(t *testing.T) {
	got, err := readAll(bytes.NewReader(inPieces(t)))
	if err != nil || len(got) != 1 || !same(got[0], item{key: []byte("k"), value: []byte("abc"), version: 7}) {
		t.Errorf("%v, %v", got, err)
	}
}

// repair makes the checksums of records right: what stands in them is to be looked at.
func repair(file []byte) {
	for len(file) >= wire.HeadBytes && isRecord(file[:4]) && len(file) >= wire.FrameNeed(file) {
		body := file[wire.HeadBytes:wire.FrameNeed(file)]
		binary.BigEndian.PutUint32(file[4:], crc32.Checksum(body, crc32.MakeTable(crc32.Castagnoli)))
		file = file[wire.FrameNeed(file):]
	}
}

// FuzzRestore_Reader: whatever a file says, it is read or refused, without a panic and with
// memory in proportion; and what was read can be written and read again.
func FuzzRestore_Reader(f *testing.F) {
	for _, asJSON := range []bool{false, true} {
		f.Add(writeAll(f, asJSON, samples()[:6]...))
	}
	f.Add(inPieces(f))
	f.Add([]byte("add a 0 0 3\r\nv\r\n\r\nadd b 7 1900000000 0\r\n\r\n"))
	f.Add([]byte("{\"key\":\"k\",\"value\":\"\"}\n"))
	f.Fuzz(func(t *testing.T, file []byte) {
		file = bytes.Clone(file) // it is not ours to change
		repair(file)
		got, _ := readAll(bytes.NewReader(file))
		size := 0
		for i := range got {
			size += len(got[i].value)
			if n := len(got[i].key); n == 0 || n > store.MaxKeyBytes {
				t.Fatalf("a key of %d bytes", n)
			}
		}
		if size > len(file) {
			t.Fatalf("%d bytes of values in %d bytes", size, len(file))
		}
		for _, asJSON := range []bool{false, true} {
			again, err := readAll(bytes.NewReader(writeAll(t, asJSON, got...)))
			if err != nil || len(again) != len(got) {
				t.Fatalf("JSON %v: %d items of %d, %v", asJSON, len(again), len(got), err)
			}
			for i := range got {
				want := got[i]
				if asJSON {
					want.expireAt = seconds(want.expireAt) * 1000
				}
				if !same(again[i], want) {
					t.Fatalf("JSON %v: %v, want %v", asJSON, again[i], want)
				}
			}
		}
	})
}
