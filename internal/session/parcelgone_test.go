package session

import (
	"fmt"
	"testing"

	"twincached/internal/wire"
	"twincached/store"
)

// TestParcel_OverruledGoesNoFurther: once the peer has sent something newer, no more of the
// value is sent, and the peer keeps nothing of what has come.
func TestParcel_OverruledGoesNoFurther(t *testing.T) {
	d := largeDuo(t)
	d.heal()
	d.set(0, "k", largeText("old"))
	d.until("a value under way", d.midway(0))
	before := d.n[0].meter.bytesOut[store.Live].Load()
	d.set(1, "k", "new")
	d.rest()
	if sent := d.n[0].meter.bytesOut[store.Live].Load() - before; sent > 1<<20 {
		t.Errorf("%d more bytes of it were sent", sent)
	}
	if held := d.n[1].st.Stats().CommittedBytes; held > 2<<20 || d.n[1].s.rx.in != nil {
		t.Errorf("%d bytes are held for what has come of it", held)
	}
	d.wants("k", "new", "new")
}

// TestParcel_TakenBackFromAPeerThatTakesNoPieces: what goes in the place of a value that
// was to go in one frame is its marker.
func TestParcel_TakenBackFromAPeerThatTakesNoPieces(t *testing.T) {
	d := newDuo(t, store.Config{MemoryBytes: 16 << 20, MaxItemBytes: 8 << 20}) // it is taken back soon
	d.heal()
	part := store.PartitionOf([]byte("k"))
	d.set(0, "k", largeText("v"))
	sent := d.n[0].st.Collect(part, store.Live, 100, batchBytes, func(*store.Record) {})
	if sent.Loan == nil {
		t.Fatal("it was not lent")
	}
	version := sent.Loan.Version
	d.del(0, "k")
	for i := 0; sent.Loan.Read(0, 1, func([]byte) {}); i++ { // a value that is gone is taken back for others
		if i == 100 {
			t.Fatal("it was not taken back")
		}
		d.set(0, fmt.Sprint("other", i), largeText("o"))
	}
	tx := d.n[0].s.tx
	frame := body(t, func(w *wire.Writer) {
		tx.w = w
		w.BeginBatch(1, part, store.Live)
		tx.whole(sent.Loan)
		w.EndBatch(sent.To)
	})
	var dec wire.Decoder
	var b wire.Body
	if err := dec.Decode(frame, &b); err != nil {
		t.Fatal(err)
	}
	got := b.Batch.Records
	if len(got) != 1 || string(got[0].Key) != "k" || got[0].Op != store.RecordTombstone || got[0].Version != version-1 {
		t.Errorf("in its place goes %+v", got)
	}
}
