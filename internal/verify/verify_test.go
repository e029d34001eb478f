package verify

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"twincached/internal/inspect"
	"twincached/store"
)

// version is a version as the stores make them, some ms after the bubble began.
func version(n int) uint64 { return uint64(time.Now().UnixMilli()+int64(n)) << 19 }

func item(key, value string, v uint64) store.Record {
	return store.Record{Key: []byte(key), Value: []byte(value), Version: v}
}

// oddKeys are keys that only the binary and the meta protocol can name.
var oddKeys = []string{"with space", "line\r\nend", "\x00", "\x80\xff", "mg x b", "EN", " ", "a b", strings.Repeat("\x01", 250), strings.Repeat("k", 250)}

func TestRun_EqualNodesAgree(t *testing.T) {
	bubble(t, func(t *testing.T, p *pair) {
		for i, k := range oddKeys {
			p.both(item(k, k, version(i)))
		}
		for i := range 5000 {
			r := item(fmt.Sprint("key", i), strings.Repeat("v", i%300), version(100+i))
			r.Flags, r.Marks = uint32(i), store.Marks(i%4)
			if i%3 == 0 {
				r.Expires = time.Now().UnixMilli() + int64(1000*i) + 5000
			}
			p.both(r)
		}
		p.both(item("large", strings.Repeat("large", 1<<20), version(9000)))
		p.both(item("crlf", "END\r\nEN\r\n", version(9001)))
		r := p.must(t)
		if !r.Agree(true) || r.Equal != 5000+int64(len(oddKeys))+2 || r.Again != 0 || len(r.Notes) != 0 || len(p.found) != 0 {
			t.Errorf("%v, %d again, notes %q, %v", &r, r.Again, r.Notes, p.found)
		}
	})
}

func TestRun_EachDifferenceIsNamed(t *testing.T) {
	for name, c := range map[string]struct {
		change func(r *store.Record)
		want   []string
	}{
		"value":       {func(r *store.Record) { r.Value[3] = '!' }, []string{"value: 9 bytes, the first that differs is number 4"}},
		"last byte":   {func(r *store.Record) { r.Value[8] = '!' }, []string{"value: 9 bytes, the first that differs is number 9"}},
		"length":      {func(r *store.Record) { r.Value = r.Value[:8] }, []string{"value: 9 bytes and 8 bytes"}},
		"no value":    {func(r *store.Record) { r.Value = nil }, []string{"value: 9 bytes and 0 bytes"}},
		"flags":       {func(r *store.Record) { r.Flags = 8 }, []string{"flags: 7 and 8"}},
		"version":     {func(r *store.Record) { r.Version++; r.ExpVersion++ }, []string{fmt.Sprintf("version: %d and %d", uint64(946684800000<<19), uint64(946684800000<<19)+1)}},
		"expiry":      {func(r *store.Record) { r.Expires += 2000 }, []string{"expiry: in 98 s and in 100 s"}},
		"never":       {func(r *store.Record) { r.Expires = 0 }, []string{"expiry: in 98 s and never"}},
		"stale":       {func(r *store.Record) { r.Marks = store.MarkStale }, []string{"marks: none and stale"}},
		"won":         {func(r *store.Record) { r.Marks = store.MarkWon | store.MarkStale }, []string{"marks: none and stale and won"}},
		"several":     {func(r *store.Record) { r.Value[0], r.Flags = '!', 1 }, []string{"value: 9 bytes, the first that differs is number 1", "flags: 7 and 1"}},
		"a second":    {func(r *store.Record) { r.Expires += 1000 }, nil}, // as much as reading may take
		"nothing new": {func(*store.Record) {}, nil},
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T, p *pair) {
				r := store.Record{Key: []byte("the key"), Value: []byte("the value"), Flags: 7, Version: version(0), ExpVersion: version(0), Expires: time.Now().UnixMilli() + 100_000}
				p.both(item("another", "v", version(1)))
				p.a.put(r)
				r.Value = slices.Clone(r.Value)
				c.change(&r)
				p.b.put(r)
				got := p.must(t)
				if c.want == nil {
					if !got.Agree(true) || got.Equal != 2 {
						t.Errorf("%v", &got)
					}
					return
				}
				if got.Differ != 1 || got.Equal != 1 || got.Agree(false) {
					t.Errorf("%v", &got)
				}
				if len(p.found) != 1 || p.found[0].Key != "the key" || !slices.Equal(p.found[0].What, c.want) {
					t.Errorf("found %+v, want %q", p.found, c.want)
				}
			})
		})
	}
}

func TestRun_OneSidedKeysAreForgivenToThoseWhoEvict(t *testing.T) {
	for _, c := range []struct {
		evictedA, evictedB, refusedB string
		onA, onB                     bool
		agree                        bool
	}{
		{"0", "0", "0", true, false, false},
		{"0", "0", "0", false, true, false},
		{"0", "5", "0", true, false, true},
		{"0", "0", "1", true, false, true},
		{"5", "0", "0", true, false, false}, // A has evicted, but it is B that lacks the key
		{"5", "0", "0", false, true, true},
		{"5", "0", "0", true, true, false},
		{"5", "5", "0", true, true, true},
	} {
		bubble(t, func(t *testing.T, p *pair) {
			p.a.rows["evictions"], p.b.rows["evictions"], p.b.rows["repl_refused_too_large"] = c.evictedA, c.evictedB, c.refusedB
			p.both(item("both", "v", version(0)))
			var want []string
			if c.onA {
				p.a.put(item("a only", "v", version(1)))
				want = append(want, "a only true false")
			}
			if c.onB {
				p.b.put(item("b\x00", "v", version(2)))
				want = append(want, "b\x00 false true")
			}
			r := p.must(t)
			var got []string
			for _, d := range p.found {
				got = append(got, fmt.Sprint(d.Key, " ", d.OnlyA, d.OnlyB))
			}
			if slices.Sort(got); !slices.Equal(got, want) {
				t.Errorf("%+v: found %q, want %q", c, got, want)
			}
			if r.Agree(false) != c.agree || r.Agree(true) || r.OnlyA+r.OnlyB != int64(len(want)) || r.Differ != 0 || r.Equal != 1 {
				t.Errorf("%+v: agree %v, %v", c, r.Agree(false), &r)
			}
		})
	}
}

func TestRun_LocalKeysAreLeftOut(t *testing.T) {
	bubble(t, func(t *testing.T, p *pair) {
		p.b.local = "tmp?:*,*.lock,sess[0-9]*"
		p.a.put(item("x.lock", "v", version(0)))
		p.b.put(item("tmp1:2", "v", version(1)))
		p.b.put(item("sess7", "v", version(1)))
		p.b.put(item("tmp", "v", version(2)))
		r := p.must(t)
		if r.Local != 3 || r.OnlyA != 0 || r.OnlyB != 1 || len(p.found) != 1 || p.found[0].Key != "tmp" {
			t.Errorf("%v %v", &r, p.found)
		}
	})
}

// No statistics, no access, nothing that a client could notice: above all a reader
// of a stale item still wins.
func TestRun_LeavesNoTrace(t *testing.T) {
	bubble(t, func(t *testing.T, p *pair) {
		for i := range 100 {
			r := item(fmt.Sprint("key", i), "v", version(i))
			if i%2 == 0 {
				r.Marks = store.MarkStale
			}
			p.a.put(r)
			if r.Version++; i%5 > 0 {
				p.b.put(r)
			}
		}
		const ask = "lru_crawler metadump all\r\n"
		before := []string{p.a.do(ask), p.b.do(ask)}
		time.Sleep(10 * time.Second)
		if r := p.must(t); r.Differ != 80 || r.OnlyA != 20 {
			t.Fatalf("%v", &r)
		}
		for i, f := range []*fake{p.a, p.b} {
			if after := f.do(ask); after != before[i] {
				t.Errorf("the dump was\n%.300s\nand is\n%.300s", before[i], after)
			}
			for _, row := range []string{"STAT get_hits 0\r\n", "STAT get_misses 0\r\n", "STAT cmd_get 0\r\n", "STAT get_expired 0\r\n"} {
				if stats := f.do("stats\r\n"); !strings.Contains(stats, row) {
					t.Errorf("no %q in %s", row, stats)
				}
			}
			if got := f.do("mg key2 v\r\n"); got != "VA 1 X W\r\nv\r\n" {
				t.Errorf("the first reader of a stale item is told %q", got)
			}
		}
	})
}

// More keys differ than are ever held: each counts once.
func TestRun_SuspectsAreBounded(t *testing.T) {
	bubble(t, func(t *testing.T, p *pair) {
		const hold, items = 2 * inspect.BatchKeys, 9*inspect.BatchKeys + 7
		p.opt.hold = hold
		for i := range items {
			k := fmt.Sprint("k", i)
			p.a.put(item(k, "", version(i)))
			p.b.put(item(k, "", version(i+1)))
		}
		most := 0
		p.opt.Progress = func(g Progress) { most = max(most, g.Suspects) }
		p.opt.Found = nil
		if r := p.must(t); r.Differ != items || most > hold+inspect.BatchKeys || most < inspect.BatchKeys {
			t.Errorf("%v, up to %d suspects", &r, most)
		}
	})
}
