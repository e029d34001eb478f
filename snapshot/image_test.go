package snapshot

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"runtime"
	"strings"
	"testing"

	"twincached/internal/testkit"
	"twincached/internal/wire"
	"twincached/store"
)

var imageConfig = store.Config{MemoryBytes: 32 << 20, LargeBytes: 64 << 10, Replicated: true, LocalKeys: []string{"local*"}, TombstoneBytes: 8 << 10, Slot: 9}

func newStore(t testing.TB, cfg store.Config) *store.Store {
	t.Helper()
	st, err := store.New(cfg, now)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(st.Close)
	return st
}

// filled is a store with some of everything.
func filled(t testing.TB, keys int) *store.Store {
	t.Helper()
	st := newStore(t, imageConfig)
	st.Attach(store.ID{7}, &store.State{Clock: st.Clock(), Items: 1}, false)
	set := func(key string, bytes int) {
		r := store.Request{Op: store.OpSet, Key: []byte(key), Value: []byte(strings.Repeat(key, bytes/len(key)+1)[:bytes]), Flags: uint32(bytes % 2), Expires: int64(bytes%3) * (now + 90_000)}
		if got := st.Do(now, &r).Status; got != store.Stored {
			t.Fatalf("%s: %v", key, got)
		}
	}
	for i := range keys {
		set(fmt.Sprintf("key%d", i), i%200)
		if i%5 == 0 {
			st.Do(now+1, &store.Request{Op: store.OpTouch, Key: fmt.Appendf(nil, "key%d", i), Expires: now + 70_000})
		}
		if i%2 == 0 {
			st.Do(now+2, &store.Request{Op: store.OpDelete, Key: fmt.Appendf(nil, "key%d", i/2)})
		}
	}
	set("local1", 20)
	if keys > 100 {
		set("large", 700_000)
		set("larger", 2*wire.MaxPieceBytes)
	}
	for part := range store.Partitions {
		st.NextGrave(part, nil)
		st.Collect(part, store.Live, 3, 1<<20, func(*store.Record) {})
		if part%2 == 0 {
			st.Acked(part, st.SentCursor(part))
		}
	}
	key := []byte("of the peer")
	r := store.Record{Key: key, Version: st.Clock() + 64, ExpVersion: st.Clock() + 64, Value: key}
	if err := st.ApplyBatch(now, store.PartitionOf(key), store.Live, 5, []store.Record{r}); err != nil {
		t.Fatal(err)
	}
	r.Key = []byte("local2")
	_ = st.ApplyBatch(now, store.PartitionOf(r.Key), store.Live, 5, []store.Record{r})
	st.FlushAt(now, now+60_000)
	st.Detach()
	return st
}

func sampleHead() Head {
	h := Head{Software: "twincached test", Cluster: "shop", NodeID: store.ID{1}, Line: store.Line{{2}}, Last: true}
	h.WallMillis = now + 5
	return h
}

var sampleWant = Want{Cluster: "shop", NodeID: store.ID{1}}

func imageOf(t testing.TB, st *store.Store, threads int) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := WriteImage(&b, st, sampleHead(), Options{Threads: threads}); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// load loads an image into a new store, which must be in order afterwards.
func load(t testing.TB, cfg store.Config, image []byte, threads int) (*store.Store, error) {
	t.Helper()
	st, err := store.New(cfg, now)
	if err != nil {
		t.Fatal(err)
	}
	if _, err = LoadImage(bytes.NewReader(image), st, sampleWant, now+5, Options{Threads: threads}); err != nil {
		st.Close()
		return nil, err
	}
	t.Cleanup(st.Close)
	if err := st.CheckInvariants(); err != nil {
		t.Fatal(err)
	}
	return st, nil
}

// TestImage_ComesBackByteForByte: what was loaded writes the same image again, whoever wrote
// and loaded how many partitions at once.
func TestImage_ComesBackByteForByte(t *testing.T) {
	st := filled(t, 4000)
	want := imageOf(t, st, 1)
	for _, threads := range []int{1, 2, 5} {
		got, err := load(t, imageConfig, imageOf(t, st, threads), threads)
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(imageOf(t, got, 1), want) {
			t.Errorf("%d threads: another image", threads)
		}
		if got, want := got.Stats(), st.Stats(); got.Items != want.Items || got.Tombstones != want.Tombstones || got.Bytes != want.Bytes || want.Tombstones == 0 {
			t.Errorf("%d items of %d bytes and %d tombstones, want %d of %d and %d", got.Items, got.Bytes, got.Tombstones, want.Items, want.Bytes, want.Tombstones)
		}
		value, ok := got.Get(now, []byte("large"), nil, func(dst []byte, v *store.View) []byte { return append(dst, v.Value...) })
		if !ok || string(value) != strings.Repeat("large", 140_000) {
			t.Errorf("the large value has %d bytes", len(value))
		}
		if list := got.TakeRefused(); len(list) != 1 || string(list[0].Key) != "local2" {
			t.Errorf("the peer would be told that %v are refused", list)
		}
	}
}

func TestImage_HeadSaysWhoseItIs(t *testing.T) {
	st := filled(t, 10)
	h, err := ReadHead(bytes.NewReader(imageOf(t, st, 2)))
	if err != nil {
		t.Fatal(err)
	}
	want := sampleHead()
	want.Format, want.ImageHead = 1, *st.SaveHead(want.WallMillis)
	if h != want {
		t.Errorf("%+v, want %+v", h, want)
	}
}

func wantWhy(t testing.TB, err error, why string) {
	t.Helper()
	var e *ImageError
	if !errors.As(err, &e) || e.Why != why {
		t.Errorf("%v, want a refusal for %q", err, why)
	}
}

// places are all near the two ends of n bytes, and some between.
func places(n int) (list []int) {
	for at := 0; at < n; at++ {
		if at < 400 || at > n-100 || at%(37*testkit.Step) == 0 {
			list = append(list, at)
		}
	}
	return list
}

func TestImage_ATornOneIsRefused(t *testing.T) {
	image := imageOf(t, filled(t, 30), 1)
	for _, cut := range places(len(image)) {
		if _, err := load(t, imageConfig, image[:cut], 1+cut%2); err == nil {
			t.Fatalf("cut at %d of %d: accepted", cut, len(image))
		} else if wantWhy(t, err, ImageTorn); t.Failed() {
			t.Fatalf("cut at %d of %d", cut, len(image))
		}
	}
	_, err := load(t, imageConfig, append(image, 0), 1)
	wantWhy(t, err, ImageChecksum)
}

func TestImage_ADamagedOneIsRefused(t *testing.T) {
	image := imageOf(t, filled(t, 30), 1)
	for _, at := range places(len(image)) {
		bad := bytes.Clone(image)
		bad[at] ^= 4
		if _, err := load(t, imageConfig, bad, 1+at%2); err == nil {
			t.Fatalf("changed at %d of %d: accepted", at, len(image))
		}
	}
	_, err := load(t, imageConfig, append(bytes.Clone(image[:len(image)-1]), image[len(image)-1]^1), 2)
	wantWhy(t, err, ImageChecksum)
}

// records takes an image apart.
func records(image []byte) (list [][]byte) {
	for ; len(image) > 0; image = image[wire.FrameNeed(image):] {
		list = append(list, image[:wire.FrameNeed(image):wire.FrameNeed(image)])
	}
	return list
}

// TestImage_ItsRecordsAreAllThereAndInOrder: what is lost, doubled or moved is noticed, though
// each record is right.
func TestImage_ItsRecordsAreAllThereAndInOrder(t *testing.T) {
	list := records(imageOf(t, filled(t, 30), 1))
	for i := 1; i+1 < len(list); i++ {
		for name, changed := range map[string][][]byte{
			"lost":    append(append([][]byte{}, list[:i]...), list[i+1:]...),
			"doubled": append(append(append([][]byte{}, list[:i]...), list[i]), list[i:]...),
			"moved":   append(append(append([][]byte{}, list[:i]...), list[i+1], list[i]), list[min(i+2, len(list)):]...),
		} {
			if _, err := load(t, imageConfig, bytes.Join(changed, nil), 1+i%2); err == nil {
				t.Fatalf("record %d of %d %s: accepted", i, len(list), name)
			}
		}
	}
}

func TestImage_AnotherNodesIsRefused(t *testing.T) {
	image := imageOf(t, filled(t, 10), 1)
	for why, want := range map[string]Want{ImageCluster: {Cluster: "shop2", NodeID: store.ID{1}}, ImageNode: {Cluster: "shop", NodeID: store.ID{3}}} {
		_, err := LoadImage(bytes.NewReader(image), newStore(t, imageConfig), want, now, Options{})
		wantWhy(t, err, why)
	}
	st, err := store.New(imageConfig, now-90_000_000)
	if err != nil {
		t.Fatal(err)
	}
	defer st.Close()
	_, err = LoadImage(bytes.NewReader(image), st, sampleWant, now-90_000_000, Options{})
	wantWhy(t, err, ImageClock)
}

func TestImage_OfALaterFormatIsRefused(t *testing.T) {
	w := wire.NewWriter()
	w.ImageHead(&wire.ImageHead{Format: 2})
	_, err := ReadHead(bytes.NewReader(w.Bytes()))
	wantWhy(t, err, ImageFormat)
	_, err = load(t, imageConfig, w.Bytes(), 1)
	wantWhy(t, err, ImageFormat)
	w.Reset()
	w.ImageEnd(wire.ImageEnd{})
	_, err = ReadHead(bytes.NewReader(w.Bytes()))
	wantWhy(t, err, ImageMalformed)
}

// TestImage_AnErrorOfTheFileIsReturned: an error of the file is no fault of the image.
func TestImage_AnErrorOfTheFileIsReturned(t *testing.T) {
	image, broke := imageOf(t, filled(t, 30), 1), errors.New("the disk is gone")
	for _, cut := range []int{0, 3, 100, len(image) / 2} {
		_, err := LoadImage(io.MultiReader(bytes.NewReader(image[:cut]), errorReader{broke}), newStore(t, imageConfig), sampleWant, now, Options{})
		var e *ImageError
		if !errors.Is(err, broke) || errors.As(err, &e) {
			t.Errorf("cut at %d: %v", cut, err)
		}
	}
	for _, threads := range []int{1, 3} {
		if err := WriteImage(errorWriter{broke}, filled(t, 30), sampleHead(), Options{Threads: threads}); !errors.Is(err, broke) {
			t.Error(err)
		}
	}
}

type errorReader struct{ error }

func (e errorReader) Read([]byte) (int, error) { return 0, e.error }

type errorWriter struct{ error }

func (e errorWriter) Write([]byte) (int, error) { return 0, e.error }

// TestImage_AClaimReservesNothing: a record that says it is long takes memory as its bytes come.
func TestImage_AClaimReservesNothing(t *testing.T) {
	frame := binary.BigEndian.AppendUint32(nil, wire.MaxImageBytes)
	frame = append(frame, make([]byte, 100)...)
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	for range 50 {
		if _, err := ReadHead(bytes.NewReader(frame)); err == nil {
			t.Fatal("accepted")
		}
	}
	runtime.ReadMemStats(&after)
	if got := (after.TotalAlloc - before.TotalAlloc) / 50; got > 600<<10 {
		t.Errorf("%d bytes for each", got)
	}
	binary.BigEndian.PutUint32(frame, wire.MaxImageBytes+1)
	_, err := ReadHead(bytes.NewReader(frame))
	wantWhy(t, err, ImageMalformed)
}

// TestImage_AnotherProgramsFileIsNotCalledDamaged: -e may name the file of a memcached, which begins
// with zeros.
func TestImage_AnotherProgramsFileIsNotCalledDamaged(t *testing.T) {
	_, err := load(t, imageConfig, make([]byte, 1<<10), 1)
	wantWhy(t, err, ImageMalformed)
	if !strings.Contains(err.Error(), "the file is no image") {
		t.Error(err)
	}
}

func TestImage_ProgressIsTold(t *testing.T) {
	st := filled(t, 4000)
	n := st.Stats().Items + st.Stats().Tombstones
	var last uint64
	o := Options{Progress: func(done, all uint64) {
		if done < last || all != n {
			t.Errorf("%d of %d after %d, and there are %d", done, all, last, n)
		}
		last = done
	}}
	var b bytes.Buffer
	if err := WriteImage(&b, st, sampleHead(), o); err != nil || last != n {
		t.Errorf("%v: %d of %d", err, last, n)
	}
	last = 0
	if _, err := LoadImage(&b, newStore(t, imageConfig), sampleWant, now, o); err != nil || last != n {
		t.Errorf("%v: %d of %d", err, last, n)
	}
}
