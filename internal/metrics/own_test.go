package metrics

import (
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"testing"
	"time"

	"twincached/internal/nodelog"
	"twincached/internal/session"
	"twincached/internal/status"
	"twincached/memproto"
)

// answer is what a scrape of src gets.
func answer(t testing.TB, src source) string {
	t.Helper()
	w := httptest.NewRecorder()
	handler(src).ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/metrics", nil))
	if w.Code != http.StatusOK {
		t.Fatalf("%d: %s", w.Code, w.Body)
	}
	return w.Body.String()
}

// of is a source with this snapshot, and no rows.
func of(s status.Snapshot) source {
	return source{
		snapshot:  func() status.Snapshot { return s },
		rows:      func(string) []memproto.Stat { return nil },
		lag:       func() (h session.LagHistogram) { return h },
		durations: func() []memproto.Latency { return nil },
	}
}

func TestOwn_ExactlyOneStateHolds(t *testing.T) {
	for _, word := range status.StateWords {
		s := status.Snapshot{State: status.State{Word: word}, Link: status.Link{State: "stream"}}
		got := samples(t, answer(t, of(s)))
		sum := 0.0
		for _, w := range status.StateWords {
			sum += got[`twincached_state{state="`+w+`"}`]
		}
		if sum != 1 || got[`twincached_state{state="`+word+`"}`] != 1 {
			t.Errorf("%s: the states add up to %v", word, sum)
		}
	}
}

// A word that the lists do not have yet still counts.
func TestOwn_NewWordsAreNotLost(t *testing.T) {
	got := samples(t, answer(t, of(status.Snapshot{Warnings: []status.Warning{{Word: "lag"}, {Word: "new_one"}}})))
	for word, want := range map[string]float64{"lag": 1, "new_one": 1, "settings": 0} {
		if v, ok := got[`twincached_warning{warning="`+word+`"}`]; !ok || v != want {
			t.Errorf("%s is %v (%v)", word, v, ok)
		}
	}
}

// Whoever reaches the replication port can send any code. It must not make series.
func TestOwn_CausesOfStrangersCountTogether(t *testing.T) {
	got := samples(t, answer(t, of(status.Snapshot{Link: status.Link{Refused: map[string]uint64{"AUTH": 3, "PEER_TAKEN": 1, "code 77": 2, "code 78": 4}}})))
	for cause, want := range map[string]float64{"auth": 3, "peer_taken": 1, "other": 6} {
		if v := got[`twincached_repl_refused_total{cause="`+cause+`"}`]; v != want {
			t.Errorf("%s is %v, want %v", cause, v, want)
		}
	}
	for series := range got {
		if strings.Contains(series, "code") {
			t.Error(series)
		}
	}
}

// Each event word has a series from the start: only so does the first of a kind count as
// an increase.
func TestOwn_EveryEventHasASeries(t *testing.T) {
	got := samples(t, answer(t, of(status.Snapshot{EventCounts: map[string]uint64{"link_lost": 3}})))
	for _, w := range nodelog.Words() {
		want := 0.0
		if w.Word == "link_lost" {
			want = 3
		}
		if v, there := got[`twincached_events_total{event="`+w.Word+`"}`]; !there || v != want {
			t.Errorf("%s is %v (%v), want %v", w.Word, v, there, want)
		}
	}
}

// A histogram's buckets hold those before them, and are in seconds.
func TestLag_IsAHistogramInSeconds(t *testing.T) {
	src := of(status.Snapshot{})
	src.lag = func() session.LagHistogram {
		h := session.LagHistogram{Count: 9, SumMillis: 12_500}
		for i := range h.Within {
			h.Within[i] = uint64(min(i, 8))
		}
		return h
	}
	got := samples(t, answer(t, src))
	for series, want := range map[string]float64{
		`bucket{le="0.001"}`: 0, `bucket{le="0.002"}`: 1, `bucket{le="1"}`: 8, `bucket{le="10"}`: 8, `bucket{le="+Inf"}`: 9, "sum": 12.5, "count": 9,
	} {
		if v, there := got["twincached_repl_lag_seconds_"+series]; !there || v != want {
			t.Errorf("%s is %v (%v), want %v", series, v, there, want)
		}
	}
}

// Of the buckets that are counted some are sent, and each still holds those before it.
func TestDurations_BucketsHoldThoseBefore(t *testing.T) {
	src := of(status.Snapshot{})
	src.durations = func() []memproto.Latency {
		l := memproto.Latency{Command: "get", Count: memproto.LatencyBuckets, Sum: 1500 * time.Millisecond}
		for i := range l.Buckets {
			l.Buckets[i] = uint64(i + 1)
		}
		return []memproto.Latency{l, {Command: "set"}}
	}
	got := samples(t, answer(t, src))
	least, buckets := 0.0, 0
	for i := range memproto.LatencyBuckets - 1 {
		le := strconv.FormatFloat(memproto.LatencyBound(i).Seconds(), 'g', -1, 64)
		if v, there := got[`twincached_command_duration_seconds_bucket{command="get",le="`+le+`"}`]; there {
			if buckets++; v != float64(i+1) || v <= least {
				t.Errorf("up to %s s: %v, after %v", le, v, least)
			}
			least = v
		}
	}
	if buckets < 20 || buckets > 24 || got[`twincached_command_duration_seconds_sum{command="get"}`] != 1.5 {
		t.Errorf("%d buckets: %v", buckets, got)
	}
	if _, there := got[`twincached_command_duration_seconds_count{command="set"}`]; there {
		t.Error("a command that nobody used has series")
	}
}

// What is not known is missing, and no number that looks like one.
func TestOwn_WhatIsNotKnownIsMissing(t *testing.T) {
	optional := []string{"twincached_repl_last_contact_seconds", "twincached_repl_rtt_seconds", "twincached_repl_certificate_remaining_seconds",
		"twincached_container_limit_bytes", `twincached_repl_copy_started_timestamp_seconds{direction="in"}`, `twincached_repl_copy_finished_timestamp_seconds{direction="in"}`}
	got := samples(t, answer(t, of(status.Snapshot{Link: status.Link{ContactMillis: -1, RTTMillis: -1}})))
	for _, name := range optional {
		if v, there := got[name]; there {
			t.Errorf("%s is %v", name, v)
		}
	}
	got = samples(t, answer(t, of(status.Snapshot{
		Link:   status.Link{ContactMillis: 1500, RTTMillis: 2, TLS: true, CertSecondsLeft: -60},
		Memory: status.Memory{ContainerBytes: 1 << 30}, CopyIn: status.Copy{StartedMillis: 1000, FinishedMillis: 2500},
	})))
	for i, want := range []float64{1.5, 0.002, -60, 1 << 30, 1, 2.5} {
		if v, there := got[optional[i]]; !there || v != want {
			t.Errorf("%s is %v (%v), want %v", optional[i], v, there, want)
		}
	}
}

// An image is shown while it is loaded, and its age afterwards.
func TestOwn_Image(t *testing.T) {
	for work, want := range map[string][3]float64{status.ImageLoading: {1, 0, 0}, status.ImageWriting: {0, 1, 0}, status.ImageLoaded: {0, 0, 3}} {
		i := status.Image{Work: work, Items: 4, Total: 5, StartedMillis: 1, SleptMillis: 3000}
		if work == status.ImageLoaded {
			i.FinishedMillis = 2
		}
		got := samples(t, answer(t, of(status.Snapshot{Image: i})))
		is := [3]float64{got[`twincached_image_active{work="loading"}`], got[`twincached_image_active{work="writing"}`], got["twincached_image_slept_seconds"]}
		if is != want || got["twincached_image_items"] != 4 || got["twincached_image_expected_items"] != 5 {
			t.Errorf("%s: %v, want %v", work, is, want)
		}
	}
}

// A number that cannot be shown does not take the others with it.
func TestHandler_OneBadNumberLeavesTheOthers(t *testing.T) {
	got := samples(t, answer(t, of(status.Snapshot{Node: status.Node{ID: "\xff"}, Link: status.Link{Unacked: 7}})))
	if got["twincached_repl_unacked_items"] != 7 {
		t.Errorf("the others are gone: %v", got)
	}
}

// The process's own numbers are there under the names that every exporter has.
func TestHandler_HasGoAndProcess(t *testing.T) {
	got := samples(t, answer(t, of(status.Snapshot{})))
	for _, name := range []string{"go_goroutines", "process_cpu_seconds_total", "process_resident_memory_bytes", "process_start_time_seconds"} {
		if got[name] <= 0 {
			t.Errorf("%s is %v", name, got[name])
		}
	}
}

// BenchmarkHandler is a scrape of a node, as Prometheus asks: compressed.
func BenchmarkHandler(b *testing.B) {
	n := startNode(b, nil)
	n.text(b, everySlabCommand...)
	h := Handler(n.Node)
	r := httptest.NewRequest(http.MethodGet, "/metrics", nil)
	r.Header.Set("Accept-Encoding", "gzip")
	b.ReportAllocs()
	for b.Loop() {
		w := httptest.NewRecorder()
		if h.ServeHTTP(w, r); w.Code != http.StatusOK {
			b.Fatal(w.Code)
		}
	}
}
