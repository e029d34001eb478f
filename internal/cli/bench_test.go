package cli

import (
	"bytes"
	"encoding/json"
	"path/filepath"
	"strings"
	"testing"

	"github.com/bradfitz/gomemcache/memcache"

	"twincached/internal/bench"
)

func TestBench_HelpNamesEachFlag(t *testing.T) {
	_, _, help, _ := parse("help", "bench")
	for _, f := range (&program{}).benchCommand().Flags {
		if name := f.Names()[0]; !strings.Contains(help, "--"+name) {
			t.Errorf("the help does not name --%s", name)
		}
	}
}

// Two nodes on unix sockets, in each protocol of memcached.
func TestBench_MeasuresAndChecks(t *testing.T) {
	dir := t.TempDir()
	sockets := []string{filepath.Join(dir, "a"), filepath.Join(dir, "b")}
	for _, s := range sockets {
		run(t, asRoot("-s", s, "-m8")...).waitSaid("msg=ready")
	}
	words := []string{"bench", "--duration=20ms", "--warmup=1ms", "--rounds=2", "--keys=100", "--need-hits", "--multiget=3"}
	for _, protocol := range []string{"text", "meta"} {
		_, code, out, stderr := parse(append(words, "--protocol="+protocol, "--json", sockets[0], sockets[1])...)
		var r bench.Report
		if err := json.Unmarshal([]byte(out), &r); err != nil || code != exitOK || stderr != "" {
			t.Fatalf("exit %d, %v, %s%s", code, err, out, stderr)
		}
		if len(r.Servers) != 2 || len(r.Servers[1].Rounds) != 2 || r.Servers[1].Median.Rate <= 0 || len(r.Ratios) != 1 || r.Ratios[0].Rate.Median <= 0 {
			t.Errorf("%s", out)
		}
	}
	_, code, out, stderr := parse(append(words, sockets[0], sockets[1])...)
	for _, want := range []string{"requests/s", sockets[0], sockets[1] + " is ", "100.00%", "(more than 1 is better)"} {
		if !strings.Contains(out, want) || code != exitOK {
			t.Errorf("exit %d, no %q in\n%s%s", code, want, out, stderr)
		}
	}

	// A value that is not what was set.
	c := newClient(sockets[0])
	defer c.Close()
	if err := c.Set(&memcache.Item{Key: "bench:00000000000000", Value: bytes.Repeat([]byte("x"), 100)}); err != nil {
		t.Fatal(err)
	}
	_, code, out, stderr = parse("bench", "--no-load", "--gets=100", "--keys=1", "--duration=1m", sockets[0])
	if code != exitFailed || out != "" || !strings.Contains(stderr, "a wrong value: bench:00000000000000 ") {
		t.Errorf("exit %d, %q %q", code, out, stderr)
	}
	_, code, _, stderr = parse("bench", sockets[0]+"x")
	if code != exitFailed || !strings.Contains(stderr, "bench: "+sockets[0]+"x: ") || !strings.Contains(stderr, "no such file") {
		t.Errorf("exit %d, %q", code, stderr)
	}
}

func TestBench_BadInputIsAnsweredClearly(t *testing.T) {
	for _, c := range []struct {
		words []string
		want  string
	}{
		{[]string{"--connections=0"}, `--connections "0" is not a number from 1 to 50000`},
		{[]string{"-d", "x"}, `--depth "x" is not a number from 1`},
		{[]string{"--gets=101"}, `--gets "101" is not a number from 0 to 100`},
		{[]string{"--key-size=3"}, `--key-size "3" is not a number from 16 to 250`},
		{[]string{"--size=9-1"}, `--size "9-1" is not a size such as 100 or 10-1000`},
		{[]string{"--size=-1"}, `--size "-1" is not a size`},
		{[]string{"--size=2000000"}, "1048576 at most"},
		{[]string{"--zipf=-1"}, `--zipf "-1" is not a number from 0 to 10`},
		{[]string{"--zipf=NaN"}, `--zipf "NaN" is not a number from 0 to 10`},
		{[]string{"--ttl=-1"}, `--ttl "-1" is not a number of seconds`},
		{[]string{"--duration=0"}, "--duration and --rounds have to be more than 0"},
		{[]string{"--duration=2h"}, "1h0m0s at most"},
		{[]string{"--rounds=0"}, `--rounds "0" is not a number from 1 to 10000`},
		{[]string{"--protocol=binary"}, `"binary" is neither text nor meta nor resp`},
		{[]string{"--pid=x"}, `"x" is not the number of a process`},
		{[]string{"--pid=1,2"}, "--pid names 2 processes for 1 servers"},
		{[]string{"--rate=5", "--depth=2"}, "so --depth has to be 1"},
		{[]string{"--threads=3", "--connections=2"}, "--threads 3: there are only 2 connections"},
		{[]string{"--protocol=resp", "--tls"}, "--protocol=resp goes without login and TLS"},
		{[]string{"a", "--json"}, "the flag --json goes before"},
		{[]string{"a:x"}, "a:x: "},
		{[]string{"--auth-file", ""}, "--auth-file names no file"},
		{[]string{"--tls-ca=/nowhere"}, "no such file"},
		{[]string{"--hits=none"}, `--hits there is no workload "none": they are zipf-0.8, `},
		{[]string{"--hits-memory=0"}, `--hits-memory "0" is not a number of MiB`},
		{[]string{"--quick"}, "unknown flag --quick"},
		{[]string{"--hits=scan", "-c", "5"}, "--hits does not take --connections"},
		{[]string{"--hits=scan", "--tls"}, "--hits does not take --tls"},
		{nil, "say which server"},
	} {
		words := append([]string{"bench"}, c.words...)
		if c.words != nil {
			words = append(words, "a")
		}
		_, code, out, stderr := parse(words...)
		if code != exitUsage || out != "" || !strings.Contains(stderr, c.want) || strings.Count(stderr, "\n") != 1 {
			t.Errorf("%q: exit %d, %q, %q; want %q", c.words, code, out, stderr, c.want)
		}
	}
}

func TestBench_PlaysHits(t *testing.T) {
	s := filepath.Join(t.TempDir(), "a")
	run(t, asRoot("-s", s, "-m2")...).waitSaid("msg=ready")
	_, code, out, stderr := parse("bench", "--hits=zipf-1.2", "--hits-memory=1", s)
	if lines := strings.Split(strings.TrimSpace(out), "\n"); code != exitOK || len(lines) != 2 || !strings.HasSuffix(lines[1], "%  "+s) {
		t.Errorf("exit %d, %s%s", code, out, stderr)
	}
	var r []bench.HitRatio
	_, code, out, _ = parse("bench", "--hits=zipf-1.2", "--hits-memory=1", "--json", s)
	if err := json.Unmarshal([]byte(out), &r); err != nil || code != exitOK || len(r) != 1 || r[0].Ratio <= 0 || r[0].Requests == 0 {
		t.Errorf("exit %d, %v, %s", code, err, out)
	}
}

func TestBenchProgress_SaysWhere(t *testing.T) {
	for want, g := range map[string]bench.Progress{
		"a: 50 keys set, 1000 a second":      {Server: "a", Loading: true, Requests: 50, Rate: 1000},
		"a: round 3, 2000 requests a second": {Server: "a", Round: 3, Requests: 50, Rate: 2000},
	} {
		if got := benchProgress(g); got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
}
