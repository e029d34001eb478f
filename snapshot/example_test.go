package snapshot_test

import (
	"fmt"

	"twincached/snapshot"
)

// A copy is counted by partition, over as many sessions as it takes.
func ExampleProgress() {
	const now = 1_700_000_000_000 // Unix milliseconds
	var p snapshot.Progress
	p.Begin(7, 300, 128, now) // partition 7: the changes up to sequence 300, about 128 items
	p.Moved(7, 100, 64_000, 250, now+10)

	r := p.Report()
	fmt.Printf("%d of %d items, %d partition to go\n", r.ItemsDone, r.ItemsTotal, r.PartitionsOwed)

	p.Moved(7, 28, 18_000, 300, now+20) // reaches the end
	r = p.Report()
	fmt.Printf("%d of %d items in %d ms\n", r.ItemsDone, r.ItemsTotal, r.FinishedMillis-r.StartedMillis)

	// Output:
	// 100 of 128 items, 1 partition to go
	// 128 of 128 items in 20 ms
}
