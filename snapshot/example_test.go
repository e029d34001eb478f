package snapshot_test

import (
	"fmt"

	"twincached/snapshot"
	"twincached/store"
)

// The store knows which partitions of a copy are still to come; a Copy counts what has.
func ExampleCopy() {
	const now = 1_700_000_000_000 // Unix milliseconds
	st, err := store.New(store.Config{MemoryBytes: store.MinMemoryBytes, Replicated: true}, now)
	if err != nil {
		fmt.Println(err)
		return
	}
	defer st.Close()
	c := snapshot.From(st)

	st.BulkBegun(7, 300) // the peer announces partition 7: the changes up to sequence 300,
	c.Begin(7, 128, now) // about 128 items
	st.ApplyBatch(now, 7, store.Bulk, 250, nil)
	c.Moved(7, 100, 64_000, now+10)
	r := c.Report()
	fmt.Printf("%d of %d items, %d partition to go\n", r.ItemsDone, r.ItemsTotal, r.PartitionsOwed)

	st.ApplyBatch(now, 7, store.Bulk, 300, nil) // reaches the end
	c.Moved(7, 28, 18_000, now+20)
	r = c.Report()
	fmt.Printf("%d of %d items in %d ms\n", r.ItemsDone, r.ItemsTotal, r.FinishedMillis-r.StartedMillis)

	// Output:
	// 100 of 128 items, 1 partition to go
	// 128 of 128 items in 20 ms
}
