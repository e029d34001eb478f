package memproto

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"twincached/store"
)

// contents is all that a client could read in s, its expiries included.
func contents(s *store.Store) string {
	var items []string
	for part := range store.Partitions {
		var keys [][]byte
		s.Walk(part, func(r *store.Record) { keys = append(keys, slices.Clone(r.Key)) })
		for _, k := range keys {
			if b, ok := s.Get(testNow, k, nil, renderAll); ok {
				items = append(items, string(b))
			}
		}
	}
	slices.Sort(items)
	return strings.Join(items, "\n")
}

func renderAll(dst []byte, v *store.View) []byte {
	return fmt.Appendf(dst, "%q = %q flags %d expires %d cas %d", v.Key, v.Value, v.Flags, v.Expires, v.Version)
}

// twins are two stores with the link's work done by hand.
type twins struct {
	t        testing.TB
	from, to *store.Store
}

func newTwins(t testing.TB) *twins {
	w := &twins{t: t}
	for i, s := range []**store.Store{&w.from, &w.to} {
		st, err := store.New(store.Config{MemoryBytes: 16 << 20, Replicated: true, Slot: uint8(i + 1)}, testNow)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(st.Close)
		*s = st
	}
	w.from.Attach(store.ID{2}, w.to.State(), false)
	w.to.Attach(store.ID{1}, w.from.State(), false)
	return w
}

// ship brings everything that from has changed to to, and the answer back.
func (w *twins) ship() {
	w.t.Helper()
	f, cancelled, pending := w.from.FlushState()
	w.to.ApplyFlush(f, cancelled)
	w.to.ApplyFlushAt(pending)
	for part := range store.Partitions {
		var recs []store.Record
		sent := w.from.Collect(part, store.Live, 1000, 1<<20, func(r *store.Record) {
			copied := *r
			copied.Key, copied.Value = slices.Clone(r.Key), slices.Clone(r.Value)
			recs = append(recs, copied)
		})
		if err := w.to.ApplyBatch(testNow, part, store.Live, sent.To, recs); err != nil {
			w.t.Fatal(err)
		}
		w.from.Acked(part, sent.Cursor)
	}
}

// mutation is a request that changes what is under "k" (a number, 40) or "none".
type mutation struct {
	name string
	send []byte
}

// mutations has every opcode that changes data, hit and miss, with a CAS and without.
func mutations() (all []mutation) {
	add := func(name string, op byte, key, extras, value string, cas ...uint64) {
		all = append(all, mutation{name: fmt.Sprintf("%#x %s", op, name), send: request(op, key, extras, value, cas...)})
	}
	fresh, counter := storeExtras(9, 100), deltaExtras(35, 77, 200)
	for _, op := range []byte{opSet, opSetQ, opReplace, opReplaceQ} {
		add("hit", op, "k", fresh, "new")
		add("with CAS", op, "k", fresh, "new", lastCAS)
		add("expired", op, "k", storeExtras(0, 2592001), "new")
		add("in 2100", op, "k", storeExtras(0, 4102444800), "new")
	}
	for _, op := range []byte{opSet, opSetQ, opAdd, opAddQ} {
		add("miss", op, "none", fresh, "new")
		add("too large", op, "k", fresh, strings.Repeat("v", 1<<20))
	}
	add("with CAS", opAdd, "k", fresh, "new", lastCAS)
	add("with CAS", opAddQ, "k", fresh, "new", lastCAS)
	for _, op := range []byte{opAppend, opAppendQ, opPrepend, opPrependQ} {
		add("hit", op, "k", "", "12")
		add("with CAS", op, "k", "", "12", lastCAS)
	}
	for _, op := range []byte{opDelete, opDeleteQ} {
		add("hit", op, "k", "", "")
		add("with CAS", op, "k", "", "", lastCAS)
		add("miss", op, "none", "", "")
	}
	for _, op := range []byte{opIncrement, opIncrQ, opDecrement, opDecrQ} {
		add("hit", op, "k", counter, "")
		add("with CAS", op, "k", counter, "", lastCAS)
		add("creates", op, "none", counter, "")
	}
	for _, op := range []byte{opTouch, opGAT, opGATQ, opGATK, opGATKQ} {
		add("hit", op, "k", u32(300), "")
		add("for ever", op, "k", u32(0), "")
		add("expires", op, "k", u32(2592001), "")
	}
	for _, op := range []byte{opFlush, opFlushQ} {
		add("now", op, "", "", "")
		add("0", op, "", u32(0), "")
	}
	return all
}

// TestBinary_EveryMutationReachesThePeer: after each command the peer has the
// same value, flags, expiry and CAS, whether it had the older value or not.
func TestBinary_EveryMutationReachesThePeer(t *testing.T) {
	for _, m := range mutations() {
		for _, linked := range []bool{true, false} {
			t.Run(fmt.Sprint(m.name, " linked ", linked), func(t *testing.T) {
				w := newTwins(t)
				e := newEngine(t, &Server{Store: w.from, Version: testVersion, FlushEnabled: true})
				replies, _ := e.exchange(t, request(opSet, "k", storeExtras(7, 50), "40"))
				w.ship()
				if !linked { // the peer has an older value
					replies, _ = e.exchange(t, request(opSet, "k", storeExtras(7, 60), "40"))
				}
				before := contents(w.from)
				send := []byte(strings.ReplaceAll(string(m.send), u64(lastCAS), u64(replies[0].cas)))
				e.exchange(t, send)
				after := contents(w.from)
				if after == before && !strings.Contains(m.name, "miss") && !strings.Contains(m.name, "too large") {
					t.Errorf("nothing has changed: %s", after)
				}
				w.ship()
				if got := contents(w.to); got != after {
					t.Errorf("here %s\npeer %s", after, got)
				}
				for _, s := range []*store.Store{w.from, w.to} {
					if err := s.CheckInvariants(); err != nil {
						t.Error(err)
					}
				}
			})
		}
	}
}

// TestBinary_DelayedFlushReachesThePeer.
func TestBinary_DelayedFlushReachesThePeer(t *testing.T) {
	w := newTwins(t)
	e := newEngine(t, &Server{Store: w.from, FlushEnabled: true})
	e.exchange(t, request(opSet, "k", storeExtras(7, 0), "40"))
	e.exchange(t, request(opFlush, "", u32(10), ""))
	w.ship()
	for _, s := range []*store.Store{w.from, w.to} {
		if contents(s) == "" {
			t.Error("flushed at once")
		}
		if _, ok := s.Get(testNow+10_001, []byte("k"), nil, renderAll); ok {
			t.Error("not flushed when it was due")
		}
	}
}
