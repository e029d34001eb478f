package session

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"twincached/internal/wire"
	"twincached/store"
)

const recordingHead = `# One side of a whole session in version 1 of the protocol: what a peer said, from
# HELLO to BYE, each frame with its head. TestRecorded_SessionOfVersion1 of package
# session plays it to a node, as the side that dialled and as the one that was
# called, and knows what the node has to hold afterwards.
#
# These bytes are never written again. Every release that speaks version 1 has to go
# on accepting them. Only AUTH, which depends on the HELLOs of both sides, is
# replaced when they are played; the secret is s3cret.
`

// writeRecording makes the file if there is none.
func writeRecording(t *testing.T) {
	if _, err := os.Stat(recordedSession); err == nil {
		t.Fatalf("%s exists: a recording stays as it is", recordedSession)
	}
	var out bytes.Buffer
	out.WriteString(recordingHead)
	w := wire.NewWriter()
	n := uint64(0)
	frame := func(what string, write func()) {
		w.Reset()
		write()
		raw := w.Bytes()
		fmt.Fprintf(&out, "\n# %s\n%x %x\n", what, raw[:4], raw[4:8])
		for rest := raw[8:]; len(rest) > 0; {
			k := min(32, len(rest))
			fmt.Fprintf(&out, "%x\n", rest[:k])
			rest = rest[k:]
		}
	}
	numbered := func(what string, write func()) {
		n++
		frame(fmt.Sprintf("%s, n %d", what, n), write)
	}
	batch := func(what string, lane store.Lane, to uint64, recs ...store.Record) {
		numbered(what, func() {
			w.BeginBatch(n, 7, lane)
			for i := range recs {
				w.Record(&recs[i])
			}
			w.EndBatch(to)
		})
	}
	ago := func(millis int64) uint64 { return uint64(recordedAt-millis)<<19 | 5 }
	item := func(key string) store.Record {
		h := recordedItems[key]
		h.Key, h.Value = []byte(key), []byte(h.value)
		return h.Record
	}
	first := store.PendingFlush{Version: ago(33_500), AtMillis: recordedAt + 3_600_000}
	untouched := item("touched:46")
	untouched.ExpVersion, untouched.Expires, untouched.Marks = untouched.Version, 0, 0

	frame("HELLO of node 10 11, incarnation 20 21, versions 1 to 1, slot 5", func() {
		w.Hello(&wire.Hello{ProtoMin: 1, ProtoMax: 1, Cluster: "recorded", NodeID: store.ID{0x10, 0x11}, Inc: store.ID{0x20, 0x21},
			Nonce: [32]byte{0xa0, 0xa1, 0xa2}, Slot: 5, Partitions: 256, MaxItem: 1 << 20, SteadyMillis: recordedAt, Software: "twincached 3"})
	})
	frame("AUTH, replaced when this is played", func() { w.Auth(&wire.Auth{}) })
	frame("STATE: a flush 35 s ago, a delayed one in an hour, 5 items", func() {
		w.State(&wire.State{State: store.State{Clock: recordedVersion(100), Born: ago(45_000), Flush: ago(35_000), Pending: first, Items: 5}, NodeState: 4})
	})
	frame("PING 1: 3 changes not sent, 2 items of the copy", func() { w.Ping(wire.Ping{ID: 1, T0: recordedAt, Backlog: 3, BulkLeft: 2}) })
	numbered("BULK of partition 7: t 6, 5 items", func() { w.Bulk(wire.Bulk{N: n, Part: 7, T: 6, Count: 5}) })
	batch("BATCH, bulk to 3: three VALUEs", store.Bulk, 3, item("plain:42"), item("flags:131"), item("bin\x00\xff:142"))
	batch("BATCH, live to 10: VALUE, TOMB of the listener's item, VALUE marked stale, VALUE", store.Live, 10, item("live:40"),
		store.Record{Key: []byte("mine:deleted:46"), Op: store.RecordTombstone, Version: recordedVersion(11)}, item("stale:365"), untouched)
	batch("BATCH, bulk to 4: a VALUE that the FLUSH below kills", store.Bulk, 4,
		store.Record{Key: []byte("old:37"), Version: ago(34_000), ExpVersion: ago(34_000), Value: []byte("old")})
	batch("BATCH, bulk to 6, empty", store.Bulk, 6)
	numbered("DONE with partition 7", func() { w.Done(wire.Done{N: n, Part: 7}) })
	touch := item("touched:46")
	touch.Op, touch.Value = store.RecordTouch, nil
	batch("BATCH, live to 12: TOUCH marked won, an empty VALUE", store.Live, 12, touch, item("empty:310"))
	numbered("FLUSH: 32 s ago, in place of the delayed one of STATE", func() { w.Flush(wire.Flush{N: n, Flush: recordedFlush, Cancelled: first.Version}) })
	numbered("FLUSH_AT: in two hours", func() {
		w.FlushAt(wire.FlushAt{N: n, Pending: store.PendingFlush{Version: recordedVersion(30), AtMillis: recordedAt + 7_200_000}})
	})
	numbered("GRAVE of partition 9 with a filter that holds every key, floor 20 s ago", func() {
		w.Grave(wire.Grave{N: n, Part: 9, Gen: 1, Floor: ago(20_000), Filter: bytes.Repeat([]byte{0xff}, 64)})
	})
	numbered("GRAVE of partition 10, saturated", func() { w.Grave(wire.Grave{N: n, Part: 10, Gen: 1, Floor: ago(20_000), Saturated: true}) })
	numbered("BARRIER", func() { w.Barrier(wire.Barrier{N: n}) })
	frame("PONG to the first PING", func() { w.Pong(wire.Pong{ID: 1, T0: recordedAt, T1: recordedAt, T2: recordedAt}) })
	frame("ACK of the listener's first numbered frame", func() { w.Ack(wire.Ack{N: 1}) })
	batch("BATCH, live to 13, after the BARRIER", store.Live, 13, item("after:117"))
	frame("BYE PLANNED", func() { w.Bye(wire.Bye{Code: wire.ByePlanned, Text: "this node stops"}) })

	if err := os.MkdirAll(filepath.Dir(recordedSession), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(recordedSession, out.Bytes(), 0o644); err != nil {
		t.Fatal(err)
	}
}
