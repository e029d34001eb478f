package node

import (
	"fmt"
	"io"
	"strconv"
	"strings"
	"testing"
	"time"

	"twincached/internal/testkit"
	"twincached/memproto"
)

// latencies are a node's count of get and set commands, all of the same time.
func latencies(gets, sets uint64) []memproto.Latency {
	out := []memproto.Latency{{Command: "get"}, {Command: "set"}}
	for i, n := range []uint64{gets, sets} {
		out[i].Count, out[i].Max, out[i].Sum = n, 1000, time.Duration(1000*n)
		for b := range out[i].Buckets {
			if memproto.LatencyBound(b) >= 1000 {
				out[i].Buckets[b] = n
			}
		}
	}
	return out
}

func TestRecentLatency_IsOfTheLastMinute(t *testing.T) {
	var r recentLatency
	at := int64(1_900_000_000_000)
	text := func(seconds int64, all []memproto.Latency) string {
		var b strings.Builder
		for _, l := range r.latency(at+1000*seconds, all) {
			fmt.Fprintf(&b, "%s %d ", l.Command, l.Count)
			if l.P50 <= 0 || l.P50 > l.P90 || l.P90 > l.P99 || l.P99 > l.P999 || l.P999 > l.Max || l.Max > 1.024 {
				t.Errorf("%+v", l)
			}
		}
		return b.String()
	}
	for _, step := range []struct {
		seconds    int64
		gets, sets uint64
		want       string
	}{
		{0, 0, 0, ""},
		{1, 5, 0, "get 5 "},
		{30, 10, 0, "get 10 "},
		{45, 20, 1, "get 20 set 1 "},
		{60, 30, 1, "get 20 set 1 "}, // without the first 30 s
		{90, 30, 1, ""},
		{91, 31, 1, "get 1 "},
		{92, 3, 1, "get 3 "}, // "stats reset"
	} {
		if got := text(step.seconds, latencies(step.gets, step.sets)); got != step.want {
			t.Errorf("after %d s: %q, want %q", step.seconds, got, step.want)
		}
	}
}

func TestNode_TimesItsCommands(t *testing.T) {
	n := start(t, testConfig(t.Output()))
	waitReady(t, n)
	c := dial(t, n)
	const gets = 5000 // none of them is sampled once in 300 million runs
	if _, err := io.WriteString(c, strings.Repeat("get k\r\n", gets)); err != nil {
		t.Fatal(err)
	}
	if _, err := io.CopyN(io.Discard, c, gets*int64(len("END\r\n"))); err != nil {
		t.Fatal(err)
	}
	rows := ask(t, n, "stats latency")
	for _, name := range []string{"get:count", "get:p50_us", "get:max_us"} {
		if v, err := strconv.ParseFloat(rows[name], 64); err != nil || v <= 0 {
			t.Errorf("%s %q", name, rows[name])
		}
	}
	if rows = ask(t, n, "stats hotkeys"); rows["hotkeys:1:key"] != "k" || rows["hotkeys:1:writes"] != "0" {
		t.Errorf("%v", rows)
	}
	testkit.Eventually(t, "the gets are in the snapshot", func() bool {
		p, _ := n.Board().Pair(n.clock.Now())
		return len(p.Node.Latency) > 0 && p.Node.Latency[0].Command == "get" && p.Node.Latency[0].Count > 0
	})
}
