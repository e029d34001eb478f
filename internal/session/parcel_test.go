package session

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"twincached/internal/wire"
	"twincached/store"
)

const largeValue = 3<<20 + 7

// largeDuo is two nodes that take values of 8 MiB.
func largeDuo(t testing.TB) *duo {
	return newDuo(t, store.Config{MemoryBytes: 64 << 20, MaxItemBytes: 8 << 20})
}

func largeText(seed string) string { return strings.Repeat(seed+".", largeValue/(len(seed)+1)) }

// elsewhere is a key of another partition than key's.
func elsewhere(key string) string {
	for i := 0; ; i++ {
		if k := fmt.Sprint("other", i); store.PartitionOf([]byte(k)) != store.PartitionOf([]byte(key)) {
			return k
		}
	}
}

// until takes turns until done.
func (d *duo) until(what string, done func() bool) (turns int) {
	d.t.Helper()
	for ; !done(); turns++ {
		if turns == 10_000 {
			d.t.Fatalf("it never comes to: %s", what)
		}
		d.turn()
	}
	return turns
}

func (d *duo) midway(i int) func() bool {
	return func() bool { p := &d.n[i].s.tx.parcel; return p.loan != nil && p.at > 1<<20 }
}

// TestParcel_OthersGoOnBesideIt: no frame is large, and what is written while a large
// value is on its way does not wait for it.
func TestParcel_OthersGoOnBesideIt(t *testing.T) {
	d := largeDuo(t)
	d.heal()
	v := largeText("v")
	d.set(0, "k", v)
	d.until("a value under way", d.midway(0))
	other := elsewhere("k")
	d.set(0, other, "soon")
	for range 3 {
		d.turn()
	}
	if d.get(1, other) != "soon" || d.get(1, "k") != "" {
		t.Fatalf("%s is %q, and the large value has %d bytes", other, d.get(1, other), len(d.get(1, "k")))
	}
	for most := 0; !d.n[0].s.Quiet(); d.turn() {
		if most = max(most, d.send(0)); most > 4*pumpBytes {
			t.Fatalf("one Pump writes %d bytes", most)
		}
	}
	d.rest()
	d.wants("k", v, v)
	d.same()
}

// TestParcel_BarrierWaitsForIt, whichever lane it is on.
func TestParcel_BarrierWaitsForIt(t *testing.T) {
	const part, rest = 250, 253 // the lanes come to them last
	for _, test := range []struct {
		name   string
		before func(d *duo) // what b has got when the link breaks off
		large  int
		lane   store.Lane
	}{
		{"of a copy", func(*duo) {}, 1, store.Bulk},
		{"beside the rest of a copy", func(d *duo) {
			d.set(0, keyIn(part, 0), "v")
			for i := range 4 { // so that the copy ends while the large value travels
				d.set(0, keyIn(rest, i), strings.Repeat("v", 40<<10))
			}
			d.n[0].cfg.Limits.PumpBytes = 1
			d.link()
			d.until("half of a copy", func() bool { return d.holds(1, keyIn(part, 0)) })
			d.n[0].cfg.Limits.PumpBytes = pumpBytes
		}, 1, store.Live},
		{"several of a partition", func(d *duo) { d.set(0, keyIn(part, 0), "v"); d.heal() }, 3, store.Live},
	} {
		t.Run(test.name, func(t *testing.T) {
			d := largeDuo(t)
			test.before(d)
			d.cut()
			for i := range test.large {
				d.set(0, keyIn(part, 1+i), largeText("v"))
			}
			d.link()
			d.until("a session", func() bool { return d.n[0].s.Established() })
			d.until("a value under way", d.midway(0))
			if lane := d.n[0].s.tx.parcel.lane; lane != test.lane || d.n[0].out.Report().PartitionsOwed != 0 && lane == store.Live {
				t.Fatalf("it is on lane %d: the test shows nothing", lane)
			}
			d.until("BARRIER", func() bool { return d.n[1].s.BarrierReceived() })
			for i := range test.large {
				if d.get(1, keyIn(part, 1+i)) != largeText("v") {
					t.Errorf("BARRIER came before value %d", i)
				}
			}
			d.rest()
			d.same()
		})
	}
}

func TestParcel_SeveralOfOnePartitionAndOfOthers(t *testing.T) {
	d := largeDuo(t)
	part := store.PartitionOf([]byte("k"))
	keys := []string{"k", elsewhere("k")}
	for i := 0; len(keys) < 4; i++ {
		if k := fmt.Sprint("same", i); store.PartitionOf([]byte(k)) == part {
			keys = append(keys, k)
		}
	}
	for _, k := range keys {
		d.set(0, k, largeText(k))
	}
	d.heal()
	for _, k := range keys {
		d.wants(k, largeText(k), largeText(k))
	}
	d.same()
}

// TestParcel_CutInTheMiddleBeginsAnew, and leaves nothing of the first try on either node.
func TestParcel_CutInTheMiddleBeginsAnew(t *testing.T) {
	d := largeDuo(t)
	v := largeText("v")
	d.set(0, "k", v)
	for range 3 {
		d.link()
		d.until("a session", func() bool { return d.n[0].s.Established() })
		d.until("a value under way", d.midway(0))
		d.cut()
		d.pass(100)
		if held := d.n[1].st.Stats().CommittedBytes; held > 2<<20 {
			t.Fatalf("%d bytes are held for a value that is not there", held)
		}
	}
	d.heal()
	d.wants("k", v, v)
}

// TestParcel_CutWithItemsBehindIt: the lane that it is on does not pass it, or the peer would
// take the value for known.
func TestParcel_CutWithItemsBehindIt(t *testing.T) {
	for _, bulk := range []bool{false, true} {
		d := largeDuo(t)
		part := store.PartitionOf([]byte("k"))
		if !bulk {
			d.heal()
		}
		d.set(0, "k", largeText("v"))
		for i := range 5 {
			d.set(0, keyIn(part, i), "v")
		}
		if bulk {
			d.link()
			d.until("a session", func() bool { return d.n[0].s.Established() })
		}
		d.until("a value under way", d.midway(0))
		d.heal()
		d.same()
	}
}

// TestParcel_ItsItemChangesMeanwhile: the peer never has what it must not have, and both
// end equal.
func TestParcel_ItsItemChangesMeanwhile(t *testing.T) {
	for name, change := range map[string]func(d *duo){
		"replaced by a large value": func(d *duo) { d.set(0, "k", largeText("new")) },
		"replaced by a small value": func(d *duo) { d.set(0, "k", "new") },
		"replaced by the peer":      func(d *duo) { d.set(1, "k", largeText("its own")) },
		"deleted":                   func(d *duo) { d.del(0, "k") },
		"deleted by the peer":       func(d *duo) { d.del(1, "k") },
		"touched":                   func(d *duo) { d.n[0].do(store.OpTouch, "k", "", d.now+1_000_000) },
		"flushed":                   func(d *duo) { d.n[0].st.Flush(d.now) },
		"flushed by the peer":       func(d *duo) { d.n[1].st.Flush(d.now) },
	} {
		t.Run(name, func(t *testing.T) {
			d := largeDuo(t)
			d.heal()
			d.set(0, "k", largeText("old"))
			d.until("a value under way", d.midway(0))
			change(d)
			d.rest()
			d.same()
		})
	}
}

// TestParcel_DeletedByThePeerStaysDeleted: the peer has forgotten its delete when the rest
// of the value could arrive.
func TestParcel_DeletedByThePeerStaysDeleted(t *testing.T) {
	d := largeDuo(t)
	d.heal()
	d.set(0, "k", largeText("old"))
	d.until("a value under way", d.midway(0))
	d.del(1, "k")
	d.until("the delete acknowledged", func() bool { return d.n[1].st.Stats().Tombstones == 0 })
	d.rest()
	d.wants("k", "", "")
}

// TestParcel_DeletedBehindItsLastPiece: then the item, which makes a value of the pieces,
// has not been sent yet, and must not be.
func TestParcel_DeletedBehindItsLastPiece(t *testing.T) {
	d := largeDuo(t)
	d.heal()
	d.n[0].cfg.Limits.PumpBytes = 1 // a Pump ends behind each piece
	d.set(0, "k", largeText("old"))
	d.until("all its pieces are sent", func() bool { p := &d.n[0].s.tx.parcel; return p.loan != nil && p.at == p.loan.Bytes })
	d.del(1, "k")
	d.send(1)
	for d.take(0) { // before it sends anything more
	}
	d.until("the delete acknowledged", func() bool { return d.n[1].st.Stats().Tombstones == 0 })
	d.rest()
	d.wants("k", "", "")
}

// TestParcel_GraveOfItsPartitionWaits: one that counts for every key begins the copy of the
// partition anew, and the end of the walk that the value belongs to is not the end of that.
func TestParcel_GraveOfItsPartitionWaits(t *testing.T) {
	d := newDuo(t, store.Config{MemoryBytes: 64 << 20, MaxItemBytes: 8 << 20, TombstoneBytes: 65, GraveBits: 1})
	part := store.PartitionOf([]byte("k"))
	for i := range 5 {
		d.set(0, keyIn(part, i), "v")
	}
	d.set(0, "k", largeText("v"))
	d.link()
	d.until("a session", func() bool { return d.n[0].s.Established() })
	d.until("a value under way", d.midway(0))
	d.del(0, keyIn(part, 5))
	d.del(0, keyIn(part, 6)) // there is room for one tombstone: this buries the one before
	d.rest()
	if d.n[0].meter.gravesOut.Load() != 1 {
		t.Fatal("no grave was announced: the test shows nothing")
	}
	d.same()
	if n := d.n[0].st.Unacked(); n != 0 {
		t.Errorf("%d items stay unacknowledged", n)
	}
}

// TestParcel_TouchedByBoth: what goes in the place of the value does not take the peer's,
// which is the same and has got the later expiry.
func TestParcel_TouchedByBoth(t *testing.T) {
	d := largeDuo(t)
	d.heal()
	v := largeText("v")
	d.set(0, "k", v)
	d.until("it has arrived", func() bool { return d.holds(1, "k") })
	d.cut() // and no ACK has: a touch takes the value with it
	d.n[0].do(store.OpTouch, "k", "", d.now+1_000_000)
	d.link()
	d.until("a session", func() bool { return d.n[0].s.Established() })
	d.until("a value under way", d.midway(0))
	d.n[1].do(store.OpTouch, "k", "", d.now+2_000_000)
	d.rest()
	d.wants("k", v, v)
	d.same()
}

// TestParcel_FasterThanItTravels: a value that changes all the time arrives all the same,
// and neither other keys nor BARRIER wait for it.
func TestParcel_FasterThanItTravels(t *testing.T) {
	d := largeDuo(t)
	d.set(0, "k", largeText("0"))
	other := elsewhere("k")
	d.link()
	d.until("a session", func() bool { return d.n[0].s.Established() })
	n := 0
	d.until("a value of several, another key and BARRIER", func() bool {
		n++
		d.set(0, "k", largeText(fmt.Sprint(n)))
		d.set(0, other, fmt.Sprint(n))
		return n > 200 && d.get(1, "k") != "" && d.get(1, other) > "1" && d.n[1].s.BarrierReceived()
	})
	d.rest()
	d.same()
}

// TestParcel_PeerWithoutTheFeature gets the value in one frame, as ever.
func TestParcel_PeerWithoutTheFeature(t *testing.T) {
	d := largeDuo(t)
	v := largeText("v")
	d.link()
	d.until("a session", func() bool { return d.n[0].s.Established() })
	d.n[0].s.peer.Features = 0
	d.set(0, "k", v)
	d.rest()
	if d.n[0].s.tx.parcel.loan != nil || d.n[1].s.rx.in != nil {
		t.Fatal("it was sent in pieces")
	}
	d.wants("k", v, v)
}

// TestParcel_PiecesThatDoNotFitEndTheSession, each with the number that is due.
func TestParcel_PiecesThatDoNotFitEndTheSession(t *testing.T) {
	key := []byte("k")
	part := store.PartitionOf(key)
	first := wire.Piece{Part: part, Key: key, Version: 9, Bytes: 10, Data: []byte("abc")}
	with := func(change func(p *wire.Piece)) func(w *wire.Writer, n uint64) {
		return func(w *wire.Writer, n uint64) {
			p := first
			p.N, p.At = n, 3
			change(&p)
			w.Piece(&p)
		}
	}
	itemOf := func(part int, records ...store.Record) func(w *wire.Writer, n uint64) {
		return func(w *wire.Writer, n uint64) {
			w.BeginBatch(n, part, store.Live)
			for i := range records {
				w.Record(&records[i])
			}
			w.EndBatch(1)
		}
	}
	pieced := store.Record{Key: key, Op: store.RecordPieced, Version: 9, ExpVersion: 9}
	for name, write := range map[string]func(w *wire.Writer, n uint64){
		"a gap":                   with(func(p *wire.Piece) { p.At = 4 }),
		"another key":             with(func(p *wire.Piece) { p.Key = []byte("q") }),
		"another version":         with(func(p *wire.Piece) { p.Version = 8 }),
		"another size":            with(func(p *wire.Piece) { p.Bytes = 11 }),
		"another partition":       with(func(p *wire.Piece) { p.At, p.Part = 0, part^1 }),
		"an item elsewhere":       itemOf(part^1, pieced),
		"an item before its end":  itemOf(part, pieced),
		"an item among others":    itemOf(part, pieced, store.Record{Key: key, Version: 5, ExpVersion: 5, Value: []byte("v")}),
		"another item at its end": itemOf(part, store.Record{Key: key, Op: store.RecordPieced, Version: 8}),
	} {
		t.Run(name, func(t *testing.T) {
			d := largeDuo(t)
			d.heal()
			s := d.n[1].s
			n := s.rx.n + 1
			p := first
			p.N = n
			if err := s.OnFrame(d.now, body(t, func(w *wire.Writer) { w.Piece(&p) })); err != nil {
				t.Fatal(err)
			}
			var end *End
			if err := s.OnFrame(d.now, body(t, func(w *wire.Writer) { write(w, n+1) })); !errors.As(err, &end) || end.Code != wire.ByeBadFrame {
				t.Fatalf("got %v", err)
			}
			d.cut()
			if len(d.states(1)) != 0 {
				t.Fatal("applied")
			}
		})
	}
}

// TestParcel_FirstPiecesOnly: a peer that begins one value after the other, and ends none,
// takes the memory of one.
func TestParcel_FirstPiecesOnly(t *testing.T) {
	d := largeDuo(t)
	d.heal()
	s := d.n[1].s
	for i := range 20 {
		key := fmt.Appendf(nil, "k%d", i)
		p := wire.Piece{N: s.rx.n + 1, Part: store.PartitionOf(key), Key: key, Version: 9, Bytes: 4 << 20, Data: make([]byte, 1<<18)}
		if err := s.OnFrame(d.now, body(t, func(w *wire.Writer) { w.Piece(&p) })); err != nil {
			t.Fatal(err)
		}
	}
	d.cut()
	if held := d.n[1].st.Stats().CommittedBytes; held > 2<<20 {
		t.Errorf("%d bytes are held for values that never came", held)
	}
}
