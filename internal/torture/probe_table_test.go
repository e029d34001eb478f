package torture

import (
	"testing"
	"time"
)

func TestMeasure_OutagesAreGroupsOfFailingCalls(t *testing.T) {
	t0 := time.Now()
	ms := func(n int) time.Duration { return time.Duration(n) * time.Millisecond }
	call := func(at, took int, how string) sample { return sample{t0.Add(ms(at)), ms(took), how} }
	for _, row := range []struct {
		name    string
		samples []sample
		want    outage
	}{
		{"none", []sample{call(0, 1, "ok"), call(20, 2, "miss")}, outage{missed: 1, longest: ms(2)}},
		{"one call", []sample{call(0, 1, "ok"), call(20, 300, "fail"), call(340, 1, "ok")}, outage{failed: 1, down: ms(300), longest: ms(300)}},
		{"with good calls between", []sample{call(0, 10, "fail"), call(20, 1, "ok"), call(400, 10, "fail")}, outage{failed: 2, down: ms(410), longest: ms(10)}},
		{"two", []sample{call(0, 10, "fail"), call(20, 1, "ok"), call(900, 10, "fail")}, outage{failed: 2, down: ms(20), longest: ms(10)}},
	} {
		if got := measure(row.samples); got != row.want {
			t.Errorf("%s: %+v, want %+v", row.name, got, row.want)
		}
	}
}

func TestProbe_TakesWhatOverlapsAndForgetsTheRest(t *testing.T) {
	t0 := time.Now()
	p := &probe{}
	for i := range 10 {
		p.add(sample{t0.Add(time.Duration(i) * time.Second), 500 * time.Millisecond, "ok"})
	}
	if got := p.take(t0.Add(3250*time.Millisecond), t0.Add(6*time.Second)); len(got) != 3 || !got[0].start.Equal(t0.Add(3*time.Second)) {
		t.Errorf("took %v", got)
	}
	if got := p.take(t0, t0.Add(time.Hour)); len(got) != 0 {
		t.Errorf("still there: %v", got)
	}
}

func TestVerified_ReadsTheLastLine(t *testing.T) {
	var s verified
	if !s.parse("only on A  x\nverify: compared=7 equal=3 differ=1 only_a=1 only_b=1 local=4 in_flight=1 seconds=0.5\n") {
		t.Fatal("does not parse")
	}
	if want := (verified{7, 3, 1, 1, 1, 4, 1, 0.5}); s != want {
		t.Errorf("%+v, want %+v", s, want)
	}
	if s.parse("verify: compared=7 equal=3\n") {
		t.Error("half a line parses")
	}
}
