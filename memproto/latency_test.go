package memproto

import (
	"math"
	"strconv"
	"testing"
	"time"
)

func TestLatencyBound_BucketsMeetThere(t *testing.T) {
	for i := range LatencyBuckets - 1 {
		bound := int64(LatencyBound(i))
		if at, above := bucketOf(bound), bucketOf(bound+1); at != i || above != i+1 {
			t.Errorf("bound %d, %v: it is in bucket %d, and a nanosecond more in %d", i, LatencyBound(i), at, above)
		}
	}
	for nanos, want := range map[int64]int{-5: 0, 0: 0, 1: 0, 128: 0, math.MaxInt64: LatencyBuckets - 1} {
		if got := bucketOf(nanos); got != want {
			t.Errorf("%d ns are in bucket %d, want %d", nanos, got, want)
		}
	}
	if LatencyBound(0) != 128 || LatencyBound(LatencyBuckets-2) < 10*time.Second {
		t.Errorf("from %v to %v", LatencyBound(0), LatencyBound(LatencyBuckets-2))
	}
}

// timed is what a set of times looks like from outside.
func timed(nanos ...int64) Latency {
	var t timings
	for _, n := range nanos {
		t.add(kindGet, n)
	}
	return t.read()[kindGet]
}

func TestLatency_Quantile(t *testing.T) {
	var nanos []int64
	for i := range int64(10_000) {
		nanos = append(nanos, 100*(i+1)) // 0.1 us to 1 ms, evenly
	}
	l := timed(nanos...)
	if l.Command != "get" || l.Count != 10_000 || l.Buckets[LatencyBuckets-1] != l.Count || l.Max != time.Millisecond || l.Sum != 10_000*10_001/2*100 {
		t.Errorf("%s, %d timed, at most %v, %v in all", l.Command, l.Count, l.Max, l.Sum)
	}
	for _, q := range []float64{0.01, 0.5, 0.9, 0.99, 0.999, 1} {
		if got, want := l.Quantile(q).Seconds(), q/1000; math.Abs(got-want) > 0.02*want {
			t.Errorf("%v: %v s, want %v", q, got, want)
		}
	}
	if empty := timed(); empty.Quantile(0.5) != 0 || empty.Quantile(1) != 0 {
		t.Error("none took time")
	}
	if one := timed(1000); one.Quantile(0) > 1000 || one.Quantile(0.5) > 1000 || one.Quantile(1) != 1000 {
		t.Errorf("of one of 1 us: %v, %v, %v", one.Quantile(0), one.Quantile(0.5), one.Quantile(1))
	}
	if long := timed(int64(time.Hour)); long.Quantile(0.5) > time.Hour || long.Quantile(1) != time.Hour {
		t.Errorf("of one of an hour: %v", long.Quantile(0.5))
	}
}

func TestLatency_Since(t *testing.T) {
	before, after := timed(5000, 900_000), timed(5000, 900_000, 200, 300, 300)
	d := after.Since(&before)
	if d.Count != 3 || d.Sum != 800 || d.Max != LatencyBound(bucketOf(300)) || d.Quantile(1) > d.Max || d.Buckets[LatencyBuckets-1] != 3 {
		t.Errorf("%d, %v, at most %v", d.Count, d.Sum, d.Max)
	}
	if none := after.Since(&after); none.Count != 0 || none.Quantile(0.99) != 0 {
		t.Errorf("%d came after itself", none.Count)
	}
	if reset := before.Since(&after); reset.Count != 2 {
		t.Errorf("after a reset %d", reset.Count)
	}
	for _, earlier := range []Latency{timed(200, 200), timed(900_000, 900_000)} { // there were fewer then, and others
		more := timed(5000, 5000, 5000)
		if reset := more.Since(&earlier); reset != more {
			t.Errorf("after a reset and more: %d, half within %v", reset.Count, reset.Quantile(0.5))
		}
	}
}

func TestStats_Latency(t *testing.T) {
	s := newTestServer(t)
	e := newEngine(t, s)
	head := "STAT sample_every " + strconv.Itoa(SampleEvery) + "\r\n"
	if out := string(e.feed([]byte("stats latency\r\n"))); out != head+"END\r\n" {
		t.Errorf("at first: %q", out)
	}
	for range 99 {
		s.samples.times.add(kindSet, 1000)
	}
	s.samples.times.add(kindSet, 10_000)
	want := head + "STAT set:count 100\r\nSTAT set:mean_us 1.090\r\nSTAT set:p50_us 0.897\r\nSTAT set:p90_us 1.000\r\n" +
		"STAT set:p99_us 1.024\r\nSTAT set:p999_us 9.819\r\nSTAT set:max_us 10.000\r\nEND\r\n"
	e.c.untilSample = 99
	if out := string(e.feed([]byte("stats latency\r\n"))); out != want {
		t.Errorf("%q, want\n%q", out, want)
	}
	b := newEngine(t, s)
	if got, _ := b.exchange(t, request(opStat, "latency", "", "")); len(got) < 3 || got[0].key != "sample_every" {
		t.Errorf("in binary: %+v", got)
	}
	e.feed([]byte("stats reset\r\n"))
	if l := s.Stats().Latency[kindSet]; l.Count != 0 || l.Sum != 0 || l.Max != 0 {
		t.Errorf("after a reset %d, %v, %v", l.Count, l.Sum, l.Max)
	}
}
