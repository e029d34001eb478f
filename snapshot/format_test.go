package snapshot

import (
	"bytes"
	"compress/gzip"
	"flag"
	"fmt"
	"io"
	"os"
	"strings"
	"testing"

	"twincached/internal/wire"
	"twincached/store"
)

var update = flag.Bool("update", false, "write testdata/image/format1.gz anew: never once a release has read it")

// The file is an image that a release of format 1 has written, compressed. Each later release
// has to load it, and to find in it what keptStore has put there.
const keptFile = "../testdata/image/format1.gz"

// keptStore is what the file was made of, with go test ./snapshot -run Format1 -update.
func keptStore(t *testing.T) *store.Store {
	st := newStore(t, store.Config{MemoryBytes: 32 << 20, LargeBytes: 64 << 10, Replicated: true, LocalKeys: []string{"local*"}, Slot: 9})
	st.Attach(store.ID{7}, &store.State{Clock: st.Clock(), Items: 1}, false)
	do := func(r store.Request) {
		if got := st.Do(now, &r).Status; got != store.Stored && got != store.Touched && got != store.Deleted {
			t.Fatal(got)
		}
	}
	key := func(i int) []byte { return fmt.Appendf(nil, "key%d", i) }
	for i := range 20 {
		do(store.Request{Op: store.OpSet, Key: key(i), Value: fmt.Appendf(nil, "value%d", i), Flags: uint32(i), Expires: now + 3_600_000})
	}
	for part := range store.Partitions {
		st.Acked(part, st.Collect(part, store.Live, 100, 1<<20, func(*store.Record) {}).Cursor)
	}
	st.PeerRefused(store.PartitionOf(key(3)), key(3), versionOf(st, key(3)))
	do(store.Request{Op: store.OpTouch, Key: key(4), Expires: now + 7_200_000})
	do(store.Request{Op: store.OpMark, Key: key(5), Invalidate: true})
	do(store.Request{Op: store.OpDelete, Key: key(6)})
	do(store.Request{Op: store.OpSet, Key: []byte("local"), Value: []byte("here")})
	do(store.Request{Op: store.OpSet, Key: []byte("large"), Value: bytes.Repeat([]byte("x"), wire.MaxPieceBytes+1)})
	peers := store.Record{Key: []byte("theirs"), Version: st.Clock() + 64, ExpVersion: st.Clock() + 64, Value: []byte("v")}
	part := store.PartitionOf(peers.Key)
	if err := st.ApplyBatch(now, part, store.Live, 5, []store.Record{peers}); err != nil {
		t.Fatal(err)
	}
	peers.Key = []byte("localtheirs")
	if err := st.ApplyBatch(now, store.PartitionOf(peers.Key), store.Live, 5, []store.Record{peers}); err != nil {
		t.Fatal(err)
	}
	st.FlushAt(now, now+60_000)
	st.Detach()
	return st
}

func versionOf(st *store.Store, key []byte) uint64 {
	r, _, _ := st.Inspect(key)
	return r.Version
}

// TestImage_Format1IsLoaded by this release, and by each later one.
func TestImage_Format1IsLoaded(t *testing.T) {
	if *update {
		var b bytes.Buffer
		z := gzip.NewWriter(&b)
		_, _ = z.Write(imageOf(t, keptStore(t), 1))
		if err := z.Close(); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(keptFile, b.Bytes(), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	f, err := os.Open(keptFile)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	z, err := gzip.NewReader(f)
	if err != nil {
		t.Fatal(err)
	}
	image, err := io.ReadAll(z)
	if err != nil {
		t.Fatal(err)
	}
	st, err := load(t, store.Config{MemoryBytes: 32 << 20, Replicated: true, LocalKeys: []string{"local*"}, Slot: 1}, image, 2)
	if err != nil {
		t.Fatal(err)
	}
	was := keptStore(t)
	for _, key := range []string{"key0", "key3", "key4", "key5", "key6", "key19", "local", "large", "theirs"} {
		got, acked, ok := st.Inspect([]byte(key))
		want, wantAcked, _ := was.Inspect([]byte(key))
		if !ok || fmt.Sprint(got) != fmt.Sprint(want) || acked != wantAcked {
			t.Errorf("%s is\n%.200v, acknowledged %v, and was\n%.200v, %v", key, got, acked, want, wantAcked)
		}
	}
	if got, want := *st.State(), *was.State(); got != want {
		t.Errorf("it would say %.300v, and the process that wrote it %.300v", got, want)
	}
	if list := st.TakeRefused(); len(list) != 1 || string(list[0].Key) != "localtheirs" || list[0].Why != store.RefusedLocal {
		t.Errorf("%v is to be told as refused", list)
	}
	if got, want := st.Unacked(), was.Unacked(); got != want || st.Refused() != 1 || st.Slot() != 9 {
		t.Errorf("%d are not acknowledged and %d refused, slot %d", got, st.Refused(), st.Slot())
	}
	h, err := ReadHead(bytes.NewReader(image))
	if err != nil || !h.Last || h.Line[0] != (store.ID{2}) || !strings.HasPrefix(h.Software, "twincached") {
		t.Errorf("%+v, %v", h, err)
	}
}
