package dump

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"twincached/snapshot"
	"twincached/store"
)

// An image of a node is restored as a dump is: its values, and nothing else that it has.
func TestRecords_AnImageIsReadForItsValues(t *testing.T) {
	now := time.Now().UnixMilli()
	st, err := store.New(store.Config{MemoryBytes: 64 << 20, MaxItemBytes: 4 << 20, Replicated: true}, now)
	if err != nil {
		t.Fatal(err)
	}
	defer st.Close()
	want := map[string]string{}
	for i := range 3000 {
		key, value := fmt.Sprint("key", i), strings.Repeat(fmt.Sprint(i, " "), i%100)
		if i%300 == 0 {
			value = strings.Repeat(fmt.Sprint(i, " "), 300_000)
		}
		st.Do(now, &store.Request{Op: store.OpSet, Key: []byte(key), Value: []byte(value), Flags: uint32(i)})
		if want[key] = value; i%7 == 0 {
			st.Do(now, &store.Request{Op: store.OpDelete, Key: []byte(key)})
			delete(want, key)
		}
	}
	for _, threads := range []int{1, 4} {
		var b bytes.Buffer
		if err := snapshot.WriteImage(&b, st, snapshot.Head{Software: "a test", NodeID: store.ID{1}, Line: store.Line{{2}}}, snapshot.Options{Threads: threads}); err != nil {
			t.Fatal(err)
		}
		got, err := readAll(&b)
		if err != nil || len(got) != len(want) {
			t.Fatalf("%d threads: %d items of %d, %v", threads, len(got), len(want), err)
		}
		for _, it := range got {
			if want[string(it.key)] != string(it.value) || string(it.key) != fmt.Sprint("key", it.flags) || it.version == 0 {
				t.Fatalf("%d threads: %s: %.40q", threads, it.key, it.value)
			}
		}
	}
}

// No node takes a dump for its image.
func TestRecords_ADumpIsNobodysImage(t *testing.T) {
	now := time.Now().UnixMilli()
	st, err := store.New(store.Config{MemoryBytes: 8 << 20}, now)
	if err != nil {
		t.Fatal(err)
	}
	defer st.Close()
	_, err = snapshot.LoadImage(bytes.NewReader(writeAll(t, false, samples()[:2]...)), st, snapshot.Want{NodeID: store.ID{1}}, now, snapshot.Options{})
	if refused := (*snapshot.ImageError)(nil); !errors.As(err, &refused) || refused.Why != snapshot.ImageNode {
		t.Errorf("%v", err)
	}
}
