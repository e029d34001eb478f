package memproto

import (
	"fmt"
	"math"
	"math/rand/v2"
	"strconv"
	"strings"
	"testing"
	"unsafe"

	"twincached/store"
)

// hotkeys are the rows of "stats hotkeys".
func hotkeys(t *testing.T, e *engine) map[string]string {
	t.Helper()
	e.c.untilSample = 1 << 30
	m := statMap(t, string(e.feed([]byte("stats hotkeys\r\n"))))
	e.c.untilSample = 1
	return m
}

// zipf feeds the counters a stream in which key k has the share share(k).
func zipf(s *Server, r *rand.Rand, keys, samples int) (share func(key int) float64) {
	sum := 0.0
	upTo := make([]float64, keys)
	for k := range upTo {
		sum += 1 / float64(k+1)
		upTo[k] = sum
	}
	for range samples {
		x := r.Float64() * sum
		k := 0
		for lo, hi := 0, keys-1; lo < hi; k = lo {
			if mid := (lo + hi) / 2; upTo[mid] < x {
				lo = mid + 1
			} else {
				hi = mid
			}
		}
		s.samples.count(testNow, fmt.Appendf(nil, "key:%d", k), 1, k%2 == 1)
	}
	return func(k int) float64 { return 1 / float64(k+1) / sum }
}

func TestHotkeys_FindsTheHotOnes(t *testing.T) {
	s := newTestServer(t)
	share := zipf(s, rand.New(rand.NewPCG(1, 2)), 100_000, 20_000)
	e := newEngine(t, s)
	m := hotkeys(t, e)
	found := map[string]float64{}
	for rank := 1; m[fmt.Sprintf("hotkeys:%d:key", rank)] != ""; rank++ {
		row := func(name string) float64 {
			v, err := strconv.ParseFloat(m[fmt.Sprintf("hotkeys:%d:%s", rank, name)], 64)
			if err != nil {
				t.Errorf("%d %s: %v", rank, name, err)
			}
			return v
		}
		key := m[fmt.Sprintf("hotkeys:%d:key", rank)]
		found[key] = row("share") / 100
		n, _ := strconv.Atoi(key[len("key%3A"):])
		if want := 100 * float64(n%2); row("writes") != want {
			t.Errorf("%s: %v %% writes, want %v", key, row("writes"), want)
		}
	}
	if len(found) != shownKeys {
		t.Errorf("%d keys", len(found))
	}
	for k := range 10 {
		got, want := found[fmt.Sprintf("key%%3A%d", k)], share(k)
		if math.Abs(got-want) > 0.2*want {
			t.Errorf("key %d has the share %.4f, want %.4f", k, got, want)
		}
	}
}

// TestHotkeys_RateIsOfTheLastMinute: of a key that was hot earlier nothing is left.
func TestHotkeys_RateIsOfTheLastMinute(t *testing.T) {
	s := newTestServer(t)
	e := newEngine(t, s)
	second := func(at int64, key string, samples int) {
		for i := range int64(samples) {
			s.samples.count(testNow+1000*at+1000*i/int64(samples), []byte(key), 1, false)
		}
	}
	at := int64(0)
	for ; at < 200; at++ {
		second(at, "old", 10)
		second(at, "steady", 5)
	}
	for ; at < 260; at++ {
		second(at, "new", 20)
		second(at, "steady", 5)
	}
	e.now = testNow + 260_000
	m := hotkeys(t, e)
	rates := map[string]float64{}
	for _, rank := range []string{"1", "2", "3"} {
		rates[m["hotkeys:"+rank+":key"]], _ = strconv.ParseFloat(m["hotkeys:"+rank+":rate"], 64)
	}
	if m["hotkeys:1:key"] != "new" || math.Abs(rates["steady"]-5*SampleEvery) > SampleEvery/2 || rates["old"] > 3*SampleEvery || rates["new"] < 15*SampleEvery {
		t.Errorf("%v: %v", rates, m)
	}
	if seconds, _ := strconv.Atoi(m["hotkeys_seconds"]); seconds < 30 || seconds > 60 {
		t.Errorf("of %d seconds", seconds)
	}
	e.now += 20 * halfLifeMillis
	if m = hotkeys(t, e); len(m) != 3 {
		t.Errorf("after ten minutes without requests: %v", m)
	}
}

// TestHotkeys_FloodOfKeysThatComeOnce: whoever makes up keys takes no memory, and hides
// none of the hot ones.
func TestHotkeys_FloodOfKeysThatComeOnce(t *testing.T) {
	s := newTestServer(t)
	if size := unsafe.Sizeof(s.samples); size > 128<<10 {
		t.Errorf("%d bytes for the samples", size)
	}
	r := rand.New(rand.NewPCG(1, 2))
	add := func(n int) {
		key := make([]byte, store.MaxKeyBytes)
		for i := range n {
			if i%20 == 0 {
				s.samples.count(testNow, []byte("hot"), 1, false)
			}
			for j := range key {
				key[j] = byte(r.Uint32())
			}
			s.samples.count(testNow, key, 1, false)
		}
	}
	add(20_000)
	m := hotkeys(t, newEngine(t, s))
	if share, _ := strconv.ParseFloat(m["hotkeys:1:share"], 64); m["hotkeys:1:key"] != "hot" || math.Abs(share-100.0/21) > 1 {
		t.Errorf("%v", m)
	}
	if m["hotkeys:2:key"] != "" && m["hotkeys:2:share"] > "0.1" {
		t.Errorf("one of those that came once has a share of %s %%", m["hotkeys:2:share"])
	}
	if n := testing.AllocsPerRun(10, func() { s.samples.count(testNow, []byte("another key"), 1, true) }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

func TestHotkeys_AnyKey(t *testing.T) {
	for _, key := range []string{"k", "spaces and \r\n", "\x00\xff", strings.Repeat("x", store.MaxKeyBytes), "größe"} {
		s := newTestServer(t)
		e := newEngine(t, s)
		for range 3 {
			e.c.untilSample = 0
			e.feed(request(opSetQ, key, storeExtras(0, 0), strings.Repeat("v", 2000)))
		}
		want := string(appendURI(nil, []byte(key)))
		e = newEngine(t, s)
		if m := hotkeys(t, e); m["hotkeys:1:key"] != want || m["bigkeys:1:key"] != want || m["bigkeys:1:bytes"] != "2000" || m["hotkeys:1:writes"] != "100" {
			t.Errorf("%q: %v", key, m)
		}
		b := newEngine(t, s)
		rows, _ := b.exchange(t, request(opStat, "hotkeys", "", ""))
		found := false
		for _, r := range rows {
			found = found || r.key == "hotkeys:1:key" && r.value == want
		}
		if !found {
			t.Errorf("%q: in binary %v", key, rows)
		}
		e.feed([]byte("stats reset\r\n"))
		if m := hotkeys(t, e); len(m) != 3 {
			t.Errorf("after a reset: %v", m)
		}
	}
}

// TestHotkeys_OfALongRetrieval: its keys count as often as they are asked for, also where
// a part of them stands for the others.
func TestHotkeys_OfALongRetrieval(t *testing.T) {
	s := newTestServer(t)
	e := newEngine(t, s)
	line := "get" + strings.Repeat(" hot warm warm", 60) + strings.Repeat(" cold", 20) + "\r\n"
	const lines = 500
	for range lines {
		e.c.untilSample = 0
		e.feed([]byte(line))
	}
	m := hotkeys(t, e)
	for rank, want := range map[string]float64{"1": 60, "2": 30, "3": 10} {
		if share, _ := strconv.ParseFloat(m["hotkeys:"+rank+":share"], 64); math.Abs(share-want) > 3 {
			t.Errorf("%s is %s with %v %%, want %v", rank, m["hotkeys:"+rank+":key"], share, want)
		}
	}
	if total := s.samples.hot.total; math.Abs(total-200*lines) > 0.1*200*lines {
		t.Errorf("%v keys, want about %d", total, 200*lines)
	}
}

func TestBigkeys_TheLargest(t *testing.T) {
	s := newTestServer(t)
	e := newEngine(t, s)
	for _, i := range rand.Perm(100) {
		e.c.untilSample = 0
		e.feed(fmt.Appendf(nil, "set key:%d 0 0 %d\r\n%s\r\n", i, 100*i, strings.Repeat("v", 100*i)))
	}
	m := hotkeys(t, e)
	for rank := range shownKeys {
		name := "bigkeys:" + strconv.Itoa(rank+1)
		if key, size := m[name+":key"], m[name+":bytes"]; key != fmt.Sprintf("key%%3A%d", 99-rank) || size != strconv.Itoa(9900-100*rank) {
			t.Errorf("%s is %s with %s bytes", name, key, size)
		}
	}
	if _, more := m["bigkeys:21:key"]; more {
		t.Error("there are 21")
	}
	// A reader meets a value as a writer does, in each protocol.
	for i, read := range []string{"get big0\r\n", "gat 0 big1\r\n", "mg big2 v\r\n", string(request(opGet, "big3", "", "")), "get a b big4 c\r\n"} {
		size := 50_000 + i
		e = newEngine(t, s)
		e.c.untilSample = 1 << 30
		e.feed(fmt.Appendf(nil, "set big%d 0 0 %d\r\n%s\r\n", i, size, strings.Repeat("v", size)))
		e = newEngine(t, s)
		e.c.untilSample = 0
		e.feed([]byte(read))
		if m := hotkeys(t, newEngine(t, s)); m["bigkeys:1:key"] != fmt.Sprintf("big%d", i) || m["bigkeys:1:bytes"] != strconv.Itoa(size) {
			t.Errorf("%q: %s with %s bytes", read, m["bigkeys:1:key"], m["bigkeys:1:bytes"])
		}
	}
	// Those that nobody meets are forgotten, and smaller ones have room again.
	e.now += bigForgetMillis + 2*halfLifeMillis
	e.c.untilSample = 0
	e.feed(fmt.Appendf(nil, "set small 0 0 1500\r\n%01500d\r\n", 0))
	e.c.untilSample = 0
	e.feed(fmt.Appendf(nil, "set small 0 0 1500\r\n%01500d\r\n", 0))
	if m := hotkeys(t, e); m["bigkeys:1:key"] != "small" || m["bigkeys:2:key"] != "" {
		t.Errorf("later: %v", m)
	}
}

// TestHotkeys_NoDumps: who may not list keys may not see them here.
func TestHotkeys_NoDumps(t *testing.T) {
	s := newTestServer(t)
	s.NoDumps = true
	e := newEngine(t, s)
	for range 3 {
		e.c.untilSample = 0
		e.feed([]byte("get secret\r\n"))
	}
	if out := string(e.feed([]byte("stats hotkeys\r\n"))); out != "CLIENT_ERROR stats hotkeys not allowed\r\n" {
		t.Errorf("%q", out)
	}
	if out := string(e.feed([]byte("stats latency\r\n"))); !strings.HasPrefix(out, "STAT sample_every") {
		t.Errorf("%q", out)
	}
	if got, _ := newEngine(t, s).exchange(t, request(opStat, "hotkeys", "", "")); len(got) != 1 || got[0].status != uint16(statusNotFound) {
		t.Errorf("%v", got)
	}
}
