package snapshot

import (
	"bytes"
	"fmt"
	"testing"

	"twincached/internal/wire"
	"twincached/store"
)

// largeKeys are keys of one partition, the last of them local.
func largeKeys(n int) (keys [][]byte) {
	for i := 0; len(keys) < n; i++ {
		prefix := "large"
		if len(keys) == n-1 {
			prefix = "local"
		}
		if key := fmt.Appendf(nil, "%s%d", prefix, i); store.PartitionOf(key) == 3 {
			keys = append(keys, key)
		}
	}
	return keys
}

func largeValue(key []byte) []byte { return bytes.Repeat(key, 3*wire.MaxPieceBytes/len(key)) }

// withLarge is a store with values that come in pieces.
func withLarge(t *testing.T, keys [][]byte) *store.Store {
	t.Helper()
	st := newStore(t, imageConfig)
	for _, key := range keys {
		if got := st.Do(now, &store.Request{Op: store.OpSet, Key: key, Value: largeValue(key)}).Status; got != store.Stored {
			t.Fatalf("%s: %v", key, got)
		}
	}
	return st
}

func valueOf(st *store.Store, key []byte) []byte {
	value, _ := st.Get(now, key, nil, func(dst []byte, v *store.View) []byte { return append(dst, v.Value...) })
	return value
}

// TestImage_LargeValues come back, several of one partition, and one of a local key.
func TestImage_LargeValues(t *testing.T) {
	keys := largeKeys(4)
	image := imageOf(t, withLarge(t, keys), 1)
	for _, threads := range []int{1, 2} {
		got, err := load(t, imageConfig, image, threads)
		if err != nil {
			t.Fatal(err)
		}
		for _, key := range keys {
			if !bytes.Equal(valueOf(got, key), largeValue(key)) {
				t.Errorf("%d threads: of %s are left %d bytes", threads, key, len(valueOf(got, key)))
			}
		}
	}
}

// TestImage_LargeValuesIntoLessMemory: what finds no room goes, and leaves a trace as the peer may
// have an older state. None is served in part.
func TestImage_LargeValuesIntoLessMemory(t *testing.T) {
	keys := largeKeys(8)
	keys = keys[:7] // the other one is local
	was := withLarge(t, keys)
	cfg := imageConfig
	cfg.MemoryBytes, cfg.NoEviction = store.MinMemoryBytes, true
	got, err := load(t, cfg, imageOf(t, was, 1), 1)
	if err != nil {
		t.Fatal(err)
	}
	whole := 0
	for _, key := range keys {
		r, _, ok := got.Inspect(key)
		switch {
		case ok && r.Op == store.RecordValue:
			whole++
			if !bytes.Equal(r.Value, largeValue(key)) {
				t.Errorf("%s is served with %d bytes", key, len(r.Value))
			}
		case !ok && !got.Buried(key, versionOf(was, key)):
			t.Errorf("nothing is left of %s", key)
		}
	}
	if whole == len(keys) {
		t.Error("all have found room")
	}
}
