package snapshot

import (
	"bytes"
	"encoding/binary"
	"errors"
	"hash/crc32"
	"runtime"
	"testing"

	"github.com/cespare/xxhash/v2"

	"twincached/internal/wire"
	"twincached/store"
)

// mended is a file whose records have the right checksums and lengths, and END the right digest,
// so that what they say is looked at.
func mended(file []byte) (out []byte) {
	digest := xxhash.New()
	for len(file) > wire.HeadBytes {
		n := min(max(wire.FrameNeed(file), wire.HeadBytes+1), len(file))
		body := bytes.Clone(file[wire.HeadBytes:n])
		file = file[n:]
		var b wire.ImageBody
		if len(body) > 1 && wire.Type(body[1]) == wire.TImageEnd && new(wire.Decoder).DecodeImage(body, &b) == nil {
			w := wire.NewWriter()
			w.ImageEnd(wire.ImageEnd{Items: b.End.Items, Digest: digest.Sum64()})
			body = w.Bytes()[wire.HeadBytes:]
		}
		out = binary.BigEndian.AppendUint32(out, uint32(len(body)))
		out = binary.BigEndian.AppendUint32(out, crc32.Checksum(body, crc32.MakeTable(crc32.Castagnoli)))
		_, _ = digest.Write(out[len(out)-4:])
		out = append(out, body...)
	}
	return out
}

// edited changes bytes of a file: three bytes of edits say where, and what is there then.
func edited(file, edits []byte) []byte {
	file = bytes.Clone(file)
	for ; len(edits) >= 3; edits = edits[3:] {
		if at := int(binary.BigEndian.Uint16(edits)); at < len(file) {
			file[at] = edits[2]
		}
	}
	return file
}

// FuzzImage: whatever a file holds, it is loaded or refused: no panic, memory in proportion to
// it, and a store that is in order. base chooses an image that is changed at some places; 0: raw
// is the file.
func FuzzImage(f *testing.F) {
	images := [][]byte{nil, imageOf(f, filled(f, 0), 1), imageOf(f, filled(f, 3), 1), imageOf(f, filled(f, 40), 1)}
	for i := range images {
		f.Add(uint8(i), []byte{0, 9, 2, 1, 0, 3}, []byte("raw"))
	}
	f.Add(uint8(0), []byte{}, images[1])
	cfg := imageConfig
	cfg.MemoryBytes = store.MinMemoryBytes
	f.Fuzz(func(t *testing.T, base uint8, edits, raw []byte) {
		file := raw
		if n := int(base) % len(images); n > 0 {
			file = edited(images[n], edits)
		}
		file = mended(file)
		st, err := store.New(cfg, now)
		if err != nil {
			t.Fatal(err)
		}
		defer st.Close()
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		_, err = LoadImage(bytes.NewReader(file), st, sampleWant, now, Options{Threads: 1})
		runtime.ReadMemStats(&after)
		// Beside what is read ahead: the records at hand, and the small indexes of 256 partitions.
		if got, most := after.TotalAlloc-before.TotalAlloc, uint64(64*len(file)+aheadBytes+(4<<20)); got > most {
			t.Fatalf("%d bytes allocated for %d", got, len(file))
		}
		if err != nil {
			return
		}
		err = st.CheckInvariants()
		st.Attach(store.ID{7}, &store.State{}, true)
		if err = errors.Join(err, st.CheckInvariants()); err != nil {
			t.Fatal(err)
		}
	})
}
