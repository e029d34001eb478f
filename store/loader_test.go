package store

import (
	"errors"
	"fmt"
	"strings"
	"testing"
)

// half is a store in which the peer has acknowledged the keys a0..a9, and not d0..d9.
func half(t testing.TB, cfg Config, expires int64) *Store {
	s := newTestStore(t, cfg)
	s.Attach(ID{1}, &State{}, false)
	put := func(prefix string) {
		for i := range 10 {
			s.Do(testNow, &Request{Op: OpSet, Key: fmt.Appendf(nil, "%s%d", prefix, i), Value: []byte("value"), Expires: expires})
		}
	}
	put("a")
	for i := range Partitions {
		s.Acked(i, s.Collect(i, Live, 100, 1<<20, func(*Record) {}).Cursor)
	}
	s.Detach()
	put("d")
	return s
}

// left is what stands under a key: "value", "tombstone", "grave" or "".
func left(s *Store, key string, version uint64) string {
	r, _, ok := s.Inspect([]byte(key))
	switch {
	case ok && r.Op == RecordTombstone:
		return "tombstone"
	case ok:
		return "value"
	case s.Buried([]byte(key), version):
		return "grave"
	}
	return ""
}

func wantLeft(t *testing.T, from, to *Store, acked, dirty string) {
	t.Helper()
	for i := range 10 {
		for prefix, want := range map[string]string{"a": acked, "d": dirty} {
			key := fmt.Sprint(prefix, i)
			was, _, _ := from.Inspect([]byte(key))
			if got := left(to, key, was.Version); got != want {
				t.Errorf("of %s is left %q, want %q", key, got, want)
			}
			if r, _, ok := to.Inspect([]byte(key)); ok && want == "tombstone" && r.Version != was.Version-1 {
				t.Errorf("the marker of %s is of version %d, and the value was of %d", key, r.Version, was.Version)
			}
			if p := &to.parts[PartitionOf([]byte(key))]; want == "" && p.forgotMax < was.Version {
				t.Errorf("nobody remembers that %s was here", key)
			}
		}
	}
}

// TestLoad_WhatHasExpiredGoesAsInLife: the peer may have an older state of what it has not
// acknowledged.
func TestLoad_WhatHasExpiredGoesAsInLife(t *testing.T) {
	cfg := Config{Replicated: true}
	s := half(t, cfg, testNow+1000)
	to := newTestStore(t, cfg)
	if err := s.pour(testNow+10, testNow+1000, to); err != nil {
		t.Fatal(err)
	}
	wantLeft(t, s, to, "", "tombstone")
}

// TestLoad_WhatHasExpiredIsBuriedWhereThereAreManyMarkers: the peer may have an older state of that too.
func TestLoad_WhatHasExpiredIsBuriedWhereThereAreManyMarkers(t *testing.T) {
	cfg := Config{Replicated: true, TombstoneBytes: 1 << 10}
	s := half(t, cfg, testNow+1000)
	to := newTestStore(t, cfg)
	if err := s.pour(testNow+10, testNow+1000, to); err != nil {
		t.Fatal(err)
	}
	buried := 0
	for i := range 10 {
		key := fmt.Sprint("d", i)
		r, _, _ := s.Inspect([]byte(key))
		switch left(to, key, r.Version) {
		case "grave":
			buried++
		case "tombstone":
		default:
			t.Errorf("nothing is left of %s", key)
		}
	}
	if buried == 0 {
		t.Error("all have left markers")
	}
}

func TestLoad_IntoASmallerItemLimit(t *testing.T) {
	s := half(t, Config{Replicated: true}, 0)
	s.Do(testNow, &Request{Op: OpSet, Key: []byte("d3"), Value: []byte(strings.Repeat("v", 2000))})
	to := heirOf(t, s, Config{Replicated: true, MaxItemBytes: MinItemLimitBytes}, testNow)
	if got := left(to, "d3", 1); got != "tombstone" {
		t.Errorf("of what is too large now is left %q", got)
	}
	if got := left(to, "d4", 1); got != "value" {
		t.Errorf("of what is not is left %q", got)
	}
}

// TestLoad_KeysThatBecomeLocal begin anew: a value of before is not of this node alone, and
// what the peer has of it may be older.
func TestLoad_KeysThatBecomeLocal(t *testing.T) {
	s := half(t, Config{Replicated: true}, 0)
	to := heirOf(t, s, Config{Replicated: true, LocalKeys: []string{"*"}}, testNow)
	wantLeft(t, s, to, "", "grave")
}

// TestLoad_KeysThatAreLocalNoMore begin anew: no peer has ever heard of them.
func TestLoad_KeysThatAreLocalNoMore(t *testing.T) {
	s := half(t, Config{Replicated: true, LocalKeys: []string{"*"}}, 0)
	to := heirOf(t, s, Config{Replicated: true}, testNow)
	wantLeft(t, s, to, "", "")
	to = heirOf(t, s, Config{Replicated: true, LocalKeys: []string{"d*"}}, testNow)
	wantLeft(t, s, to, "", "value")
}

// TestLoad_IntoLessMemory: what the peer has not acknowledged leaves a trace when it goes.
func TestLoad_IntoLessMemory(t *testing.T) {
	for _, noEviction := range []bool{false, true} {
		s := half(t, Config{Replicated: true}, 0)
		versions := map[string]uint64{}
		for i := range 6000 {
			key := fmt.Sprint("many", i)
			versions[key] = s.Do(testNow, &Request{Op: OpSet, Key: []byte(key), Value: make([]byte, 1000)}).Version
			if i%10 == 0 {
				versions[key] = 1 // a delete
				s.Do(testNow, &Request{Op: OpDelete, Key: []byte(key)})
			}
		}
		to := heirOf(t, s, Config{MemoryBytes: MinMemoryBytes, Replicated: true, NoEviction: noEviction}, testNow)
		values := 0
		for key, v := range versions {
			switch left(to, key, v) {
			case "value":
				values++
			case "":
				t.Fatalf("nothing is left of %s", key)
			}
		}
		if values == 0 || values == len(versions) {
			t.Errorf("%d values of %d are left", values, len(versions))
		}
	}
}

// TestLoad_ADelayedFlushThatIsDue removes what the image holds, and nothing that the peer has
// stored since.
func TestLoad_ADelayedFlushThatIsDue(t *testing.T) {
	cfg := Config{Replicated: true}
	s := half(t, cfg, 0)
	s.FlushAt(testNow, testNow+1000)
	pending := s.pending
	clock := s.Clock()
	for _, due := range []bool{false, true} {
		to := newTestStore(t, cfg)
		now := testNow + 999
		if due {
			now++
		}
		if err := s.pour(testNow+10, now, to); err != nil {
			t.Fatal(err)
		}
		f, cancelled, p := to.FlushState()
		if !due && (f != 0 || p != pending) || due && (f != clock || p != PendingFlush{} || cancelled != pending.Version) {
			t.Errorf("due %v: flushed up to %d, pending %v, cancelled %d", due, f, p, cancelled)
		}
		if _, ok := to.get(now, "d1"); ok == due {
			t.Errorf("due %v: served %v", due, ok)
		}
		to.Attach(ID{1}, &State{Clock: clock + 64}, true)
		key := []byte("later")
		if err := to.ApplyBatch(now, PartitionOf(key), Live, 1, []Record{{Key: key, Version: clock + 64, ExpVersion: clock + 64, Value: key}}); err != nil {
			t.Fatal(err)
		}
		to.Tick(now)
		if _, ok := to.get(now, "later"); !ok {
			t.Errorf("due %v: what the peer stored later is gone", due)
		}
	}
}

// TestLoad_OfANodeThatHadNoPeer: it kept no tombstones. So where it had met one before,
// nothing that this peer has of before may be served.
func TestLoad_OfANodeThatHadNoPeer(t *testing.T) {
	s := half(t, Config{Replicated: true}, 0)
	s.Do(testNow, &Request{Op: OpDelete, Key: []byte("d0")})
	s.Do(testNow, &Request{Op: OpTouch, Key: []byte("a3"), Expires: testNow + 9_000_000})
	alone := heirOf(t, s, Config{}, testNow)
	if n := alone.Stats().Tombstones; n != 0 {
		t.Errorf("it keeps %d tombstones, for nobody", n)
	}
	alone.Do(testNow, &Request{Op: OpDelete, Key: []byte("a1")})
	to := heirOf(t, alone, Config{Replicated: true}, testNow)
	if !to.Buried([]byte("a1"), alone.Clock()) || to.link.inc != (ID{}) {
		t.Error("the peer would go on serving what was deleted")
	}
	if _, ok := to.get(testNow, "a2"); !ok {
		t.Error("a value is gone")
	}
	if h := &to.parts[PartitionOf([]byte("a3"))]; to.arena.at(h.find(to.tag([]byte("a3")), []byte("a3"))).is(bitTouch) {
		t.Error("a peer would be sent nothing but an expiry of what it may not have")
	}
	for i := range to.parts {
		if c := to.parts[i].peer.acked; c != (Cursor{}) {
			t.Fatalf("the peer is taken to have %+v", c)
		}
	}
	fresh := newTestStore(t, Config{}) // it has never had one
	fresh.set(testNow, "k", "v")
	if to = heirOf(t, fresh, Config{Replicated: true}, testNow); to.Buried([]byte("k"), 1) {
		t.Error("what no peer can have is buried")
	}
}

func TestLoad_RefusesWhatCannotBe(t *testing.T) {
	head := ImageHead{Clock: VersionAt(testNow) + 1, Born: 3, Replicated: true, LastPeer: ID{1}}
	key := []byte("k")
	part := PartitionOf(key)
	good := ImagePart{Part: part, Seq: 9}
	item := ImageItem{Record: Record{Key: key, Version: 5, ExpVersion: 5}, Seq: 3}
	try := func(h ImageHead, p ImagePart, items ...ImageItem) error {
		s := newTestStore(t, Config{Replicated: true})
		l, err := s.Load(testNow, &h)
		if err != nil {
			return err
		}
		for i := range Partitions {
			r := ImagePart{Part: i}
			if i == part {
				r = p
			}
			if err := l.Part(&r); err != nil {
				return err
			}
		}
		for i := range items {
			if err := l.Items(part, items[i:i+1], nil); err != nil {
				return err
			}
		}
		return l.End()
	}
	if err := try(head, good, item); err != nil {
		t.Fatal(err)
	}
	for name, change := range map[string]func(h *ImageHead, p *ImagePart, it, next *ImageItem){
		"born":               func(h *ImageHead, _ *ImagePart, _, _ *ImageItem) { h.Born = h.Clock + 1 },
		"flush":              func(h *ImageHead, _ *ImagePart, _, _ *ImageItem) { h.Flush = h.Clock + 1 },
		"cancelled":          func(h *ImageHead, _ *ImagePart, _, _ *ImageItem) { h.Cancelled = h.Clock + 1 },
		"pending":            func(h *ImageHead, _ *ImagePart, _, _ *ImageItem) { h.Pending.Version = h.Clock + 1 },
		"slot":               func(h *ImageHead, _ *ImagePart, _, _ *ImageItem) { h.Slot = MaxSlot + 1 },
		"partition":          func(_ *ImageHead, p *ImagePart, _, _ *ImageItem) { p.Part = (part + 1) % Partitions },
		"no partition":       func(_ *ImageHead, p *ImagePart, _, _ *ImageItem) { p.Part = Partitions },
		"sequence too high":  func(_ *ImageHead, p *ImagePart, _, _ *ImageItem) { p.Seq = maxSeq + 1 },
		"sent":               func(_ *ImageHead, p *ImagePart, _, _ *ImageItem) { p.SentMax = 10 },
		"copied":             func(_ *ImageHead, p *ImagePart, _, _ *ImageItem) { p.Copied = 10 },
		"acked":              func(_ *ImageHead, p *ImagePart, _, _ *ImageItem) { p.Acked = Cursor{10, 10, 10} },
		"acked order":        func(_ *ImageHead, p *ImagePart, _, _ *ImageItem) { p.Acked = Cursor{3, 2, 9} },
		"forgotten":          func(h *ImageHead, p *ImagePart, _, _ *ImageItem) { p.ForgotMax = h.Clock + 1 },
		"grave":              func(h *ImageHead, p *ImagePart, _, _ *ImageItem) { p.Grave.Floor = h.Clock + 1 },
		"item of elsewhere":  func(_ *ImageHead, _ *ImagePart, it, _ *ImageItem) { it.Key = []byte("key") },
		"no key":             func(_ *ImageHead, _ *ImagePart, it, _ *ImageItem) { it.Key = nil },
		"item's sequence":    func(_ *ImageHead, _ *ImagePart, it, _ *ImageItem) { it.Seq = 10 },
		"no sequence":        func(_ *ImageHead, _ *ImagePart, it, _ *ImageItem) { it.Seq = 0 },
		"version":            func(h *ImageHead, _ *ImagePart, it, _ *ImageItem) { it.Version = h.Clock + 1 },
		"version of expiry":  func(h *ImageHead, _ *ImagePart, it, _ *ImageItem) { it.ExpVersion = h.Clock + 1 },
		"kind":               func(_ *ImageHead, _ *ImagePart, it, _ *ImageItem) { it.Op = RecordTouch },
		"pieces":             func(_ *ImageHead, _ *ImagePart, it, _ *ImageItem) { it.Op = RecordPieced },
		"version 0":          func(_ *ImageHead, _ *ImagePart, it, _ *ImageItem) { it.Version = 0 },
		"expiry too old":     func(_ *ImageHead, _ *ImagePart, it, _ *ImageItem) { it.ExpVersion = it.Version - 1 },
		"item twice":         func(_ *ImageHead, _ *ImagePart, it, next *ImageItem) { *next = *it; next.Seq++ },
		"sequence not later": func(_ *ImageHead, _ *ImagePart, it, next *ImageItem) { *next = *it },
	} {
		h, p, it, next := head, good, item, ImageItem{}
		change(&h, &p, &it, &next)
		items := []ImageItem{it, next}
		if next.Key == nil {
			items = items[:1]
		}
		if err := try(h, p, items...); !errors.Is(err, ErrImageBroken) {
			t.Errorf("%s: %v", name, err)
		}
	}
	head.Clock = VersionAt(testNow + imageAheadMillis + 1)
	if err := try(head, good); !errors.Is(err, ErrImageClock) {
		t.Errorf("a clock far ahead: %v", err)
	}
	head.Clock = VersionAt(MaxClockMillis + 1)
	if _, err := newTestStore(t, Config{}).Load(MaxClockMillis, &head); !errors.Is(err, ErrImageClock) {
		t.Errorf("a clock that can go no further: %v", err)
	}
	s := newTestStore(t, Config{})
	s.set(testNow, "k", "v")
	if _, err := s.Load(testNow, &ImageHead{}); err == nil {
		t.Error("an image is loaded into a store that is in use")
	}
	if l, err := newTestStore(t, Config{}).Load(testNow, &ImageHead{}); err != nil || !errors.Is(l.End(), ErrImageBroken) {
		t.Errorf("an image without partitions: %v", err)
	}
}

// TestLoad_TheClockGoesOn: an heir makes no version that its process may have made before.
func TestLoad_TheClockGoesOn(t *testing.T) {
	s := newTestStore(t, Config{Slot: 3})
	s.set(testNow+5000, "k", "v")
	to, err := New(Config{MemoryBytes: 64 << 20, Slot: 4}, testNow+100) // the machine's clock went back
	if err != nil {
		t.Fatal(err)
	}
	defer to.Close()
	if err := s.pour(testNow+5000, testNow+100, to); err != nil {
		t.Fatal(err)
	}
	if v := to.set(testNow, "k2", "v").Version; v <= s.Clock() || v&slotMask != 3 {
		t.Errorf("version %d after %d", v, s.Clock())
	}
	if to.Born() != s.Born() {
		t.Error("it does not know when its line began")
	}
}

// TestLoad_TheWallIsFarBehind: that the image's clock is right says the bound of --state-dir, if
// not the machine's clock.
func TestLoad_TheWallIsFarBehind(t *testing.T) {
	s := newTestStore(t, Config{})
	s.set(testNow, "k", "v")
	wall := testNow - 3*imageAheadMillis
	to, err := New(Config{MemoryBytes: 64 << 20}, wall)
	if err != nil {
		t.Fatal(err)
	}
	defer to.Close()
	to.Observe(VersionAt(testNow))
	if err := s.pour(testNow, wall, to); err != nil {
		t.Fatal(err)
	}
	if _, ok := to.get(wall, "k"); !ok {
		t.Error("a value is gone")
	}
}
