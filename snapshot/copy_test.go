package snapshot

import (
	"testing"

	"twincached/store"
)

// newCopy is one whose store's cursors the test moves: owed is what they say.
func newCopy(owed *store.PartSet) *Copy {
	return &Copy{owed: func() store.PartSet { return *owed }}
}

func TestCopy_EndsWhenEveryPartitionHasEnded(t *testing.T) {
	var owed store.PartSet
	c := newCopy(&owed)
	c.Attach(false, 90)
	if got := c.Report(); got != (Report{}) {
		t.Fatalf("where nothing is owed: %+v", got)
	}
	owed.Add(3)
	owed.Add(4)
	c.Begin(3, 7, 100)
	c.Begin(4, 2, 100)
	c.Begin(5, 0, 100) // an empty partition owes nothing
	if got := c.Report(); got.PartitionsOwed != 2 || got.ItemsTotal != 9 || got.StartedMillis != 100 || got.FinishedMillis != 0 {
		t.Fatalf("after begin: %+v", got)
	}
	c.Moved(3, 4, 400, 110)
	owed.Remove(3)
	c.Moved(3, 3, 300, 120) // reaches the end
	if got := c.Report(); got.PartitionsOwed != 1 || got.ItemsDone != 7 || got.Bytes != 700 || got.FinishedMillis != 0 || c.Left() != 2 {
		t.Fatalf("after the first partition: %+v, %d left", got, c.Left())
	}
	owed.Remove(4)
	c.UpdateTimes(130)
	c.UpdateTimes(140) // it stays ended
	if got := c.Report(); got.PartitionsOwed != 0 || got.FinishedMillis != 130 || got.StartedMillis != 100 || c.Left() != 0 {
		t.Fatalf("at the end: %+v, %d left", got, c.Left())
	}
}

func TestCopy_AWalkThatStartsOverIsNotCountedTwice(t *testing.T) {
	var owed store.PartSet
	c := newCopy(&owed)
	owed.Add(1)
	c.Begin(1, 10, 1)
	c.Moved(1, 6, 60, 2)
	c.Begin(1, 12, 3)
	if got := c.Report(); got.ItemsDone != 0 || got.ItemsTotal != 12 || got.Bytes != 60 {
		t.Fatalf("after the restart: %+v", got)
	}
	owed.Remove(1)
	c.Moved(1, 12, 120, 4)
	if got := c.Report(); got.ItemsDone != 12 || got.PartitionsOwed != 0 || got.FinishedMillis != 4 {
		t.Fatalf("at the end: %+v", got)
	}
}

func TestCopy_AnotherSessionGoesOn(t *testing.T) {
	var owed store.PartSet
	c := newCopy(&owed)
	owed.Add(1)
	c.Begin(1, 10, 1)
	c.Moved(1, 6, 60, 2)
	c.BeginLarge(9)
	c.Attach(true, 50)
	if got := c.Report(); got.PartitionsOwed != 1 || got.ItemsDone != 6 || got.StartedMillis != 1 {
		t.Fatalf("in the next session: %+v", got)
	}
	owed.Remove(1)
	c.Moved(1, 4, 40, 60)
	if got := c.Report(); got.ItemsDone != 10 || got.ItemsTotal != 10 || got.StartedMillis != 1 || got.FinishedMillis != 60 {
		t.Fatalf("at the end: %+v", got)
	}
	c.Attach(false, 70)
	if got := c.Report(); got != (Report{}) {
		t.Fatalf("with another process: %+v", got)
	}
}

// TestCopy_AfterTheEndIsAnotherCopy: a copy that ended keeps its numbers in the next session.
// What is walked again then has its own: it did not begin an hour ago.
func TestCopy_AfterTheEndIsAnotherCopy(t *testing.T) {
	var owed store.PartSet
	c := newCopy(&owed)
	owed.Add(1)
	c.Begin(1, 10, 100)
	c.Moved(1, 10, 60, 110)
	owed.Remove(1)
	c.UpdateTimes(120)
	first := c.Report()
	c.Attach(true, 5000)
	if got := c.Report(); got != first || got.FinishedMillis != 120 {
		t.Fatalf("in the next session: %+v, want %+v", got, first)
	}
	for part := range 2 { // each is owed only when it is announced
		owed.Add(part)
		c.Begin(part, 3, 5010)
		c.Moved(part, 2, 20, 5020)
		owed.Remove(part)
		c.UpdateTimes(5030)
	}
	if got := c.Report(); got != (Report{ItemsDone: 4, ItemsTotal: 6, Bytes: 40, StartedMillis: 5010, FinishedMillis: 5030}) {
		t.Fatalf("walked again: %+v", got)
	}
}

// TestCopy_AnAdditionTakesNotThePlaceOfTheFullCopy: new keys in partitions that were empty are
// walked after a short cut. They are seen on their way, and then the full copy is again.
func TestCopy_AnAdditionTakesNotThePlaceOfTheFullCopy(t *testing.T) {
	var owed store.PartSet
	c := newCopy(&owed)
	owed.Add(1)
	c.Begin(1, 10, 100)
	c.Moved(1, 10, 60, 110)
	owed.Remove(1)
	c.UpdateTimes(120)
	full := c.Report()
	for _, part := range []int{7, 8} { // twice: an addition to an addition is none to that one
		c.Attach(true, 5000)
		owed.Add(part)
		c.Begin(part, 2, 5010)
		if got := c.Report(); got.ItemsTotal != 2 || got.FinishedMillis != 0 || got.PartitionsOwed != 1 {
			t.Fatalf("under way: %+v", got)
		}
		c.Moved(part, 2, 20, 5020)
		owed.Remove(part)
		c.UpdateTimes(5030)
		if got := c.Report(); got != full || c.Left() != 0 {
			t.Fatalf("afterwards: %+v, want %+v", got, full)
		}
	}
	c.Attach(true, 9000)
	for _, part := range []int{1, 7, 8} {
		c.Begin(part, 3, 9000)
		c.Moved(part, 3, 30, 9001)
	}
	c.UpdateTimes(9002)
	if got := c.Report(); got != (Report{ItemsDone: 9, ItemsTotal: 9, Bytes: 90, StartedMillis: 9000, FinishedMillis: 9000}) {
		t.Fatalf("everything is walked again: %+v", got)
	}
}

// TestCopy_AValueOnItsWayIsOwed: the store's cursor has passed it, and the wire has not.
func TestCopy_AValueOnItsWayIsOwed(t *testing.T) {
	var owed, parked store.PartSet
	c := newCopy(&owed)
	owed.Add(1)
	c.Begin(1, 1, 1)
	owed.Remove(1)
	c.BeginLarge(1)
	c.UpdateTimes(2)
	if got := c.Report(); got.PartitionsOwed != 1 || got.FinishedMillis != 0 || c.Left() != 1 {
		t.Fatalf("on its way: %+v, %d left", got, c.Left())
	}
	c.EndLarge()
	c.Moved(1, 1, 9, 3)
	if got := c.Report(); got.PartitionsOwed != 0 || got.FinishedMillis != 3 || c.Next(&parked) != -1 {
		t.Fatalf("there: %+v", got)
	}
}

// TestCopy_OneWalkEndsBeforeTheNextBegins: what a copy that is broken off has moved is
// whole partitions, but for one.
func TestCopy_OneWalkEndsBeforeTheNextBegins(t *testing.T) {
	var owed, parked store.PartSet
	c := newCopy(&owed)
	for _, part := range []int{2, 7, 200} {
		owed.Add(part)
	}
	next := func(want int) {
		t.Helper()
		if got := c.Next(&parked); got != want {
			t.Fatalf("the walk goes on with %d, want %d", got, want)
		}
	}
	next(2)
	next(2)
	owed.Remove(2)
	next(7)
	parked.Add(7)
	next(200)
	parked = store.PartSet{}
	next(200)
	owed.Remove(200)
	next(7)
	owed.Remove(7)
	next(-1)
	owed.Add(200)
	c.Attach(true, 1)
	owed.Add(3)
	next(3)
}
