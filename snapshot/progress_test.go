package snapshot

import "testing"

func TestProgress_EndsWhenEveryPartitionHasEnded(t *testing.T) {
	var p Progress
	if got := p.Report(); got != (Report{}) {
		t.Fatalf("zero value reports %+v", got)
	}
	p.Begin(3, 10, 7, 100)
	p.Begin(4, 5, 2, 100)
	p.Begin(5, 0, 0, 100) // an empty partition owes nothing
	if got := p.Report(); got.PartitionsOwed != 2 || got.ItemsTotal != 9 || got.StartedMillis != 100 || got.FinishedMillis != 0 {
		t.Fatalf("after begin: %+v", got)
	}
	p.Moved(3, 4, 400, 6, 110)
	p.Moved(3, 3, 300, 10, 120) // reaches the end
	if got := p.Report(); got.PartitionsOwed != 1 || got.ItemsDone != 7 || got.Bytes != 700 {
		t.Fatalf("after the first partition: %+v", got)
	}
	p.Done(3, 125)
	p.Done(4, 130)
	if got := p.Report(); got.PartitionsOwed != 0 || got.FinishedMillis != 130 || got.StartedMillis != 100 {
		t.Fatalf("at the end: %+v", got)
	}
}

func TestProgress_AWalkThatStartsOverIsNotCountedTwice(t *testing.T) {
	var p Progress
	p.Begin(1, 10, 10, 1)
	p.Moved(1, 6, 60, 6, 2)
	p.Begin(1, 12, 12, 3)
	if got := p.Report(); got.ItemsDone != 0 || got.ItemsTotal != 12 || got.Bytes != 60 {
		t.Fatalf("after the restart: %+v", got)
	}
	p.Moved(1, 12, 120, 12, 4)
	if got := p.Report(); got.ItemsDone != 12 || got.PartitionsOwed != 0 || got.FinishedMillis != 4 {
		t.Fatalf("at the end: %+v", got)
	}
}

func TestProgress_ResumeKeepsWhatWasMoved(t *testing.T) {
	var p Progress
	p.Begin(1, 10, 10, 1)
	p.Moved(1, 6, 60, 6, 2)
	p.Resume(1, 10, 50)
	p.Moved(1, 4, 40, 10, 60)
	if got := p.Report(); got.ItemsDone != 10 || got.ItemsTotal != 10 || got.StartedMillis != 1 || got.FinishedMillis != 60 {
		t.Fatalf("at the end: %+v", got)
	}
	p.Reset()
	if got := p.Report(); got != (Report{}) {
		t.Fatalf("after reset: %+v", got)
	}
}
