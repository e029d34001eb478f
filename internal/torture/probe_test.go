package torture

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"syscall"
	"time"

	"github.com/bradfitz/gomemcache/memcache"

	"twincached/internal/testkit"
)

// probe is a client of a library that people use, with the settings that docs/clients.md
// gives. It sets and gets, about 50 times a second, and says how each call went.
type probe struct {
	library string

	mu      sync.Mutex
	samples []sample
}

// sample is one call.
type sample struct {
	start time.Time
	took  time.Duration
	how   string // ok, miss or fail
}

func (p *probe) add(s sample) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.samples = append(p.samples, s)
}

// take returns the calls that began between two times, and forgets all others.
func (p *probe) take(from, to time.Time) (in []sample) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, s := range p.samples {
		if s.start.Add(s.took).After(from) && s.start.Before(to) {
			in = append(in, s)
		}
	}
	p.samples = nil
	return in
}

// outage is what a client went through in one round.
type outage struct {
	failed, missed int
	down           time.Duration // from the begin of a failing call to the end of the last one of the same group
	longest        time.Duration // the longest call
}

// together is how close failing calls are that belong to one outage: a library
// that spreads its keys has calls to the healthy node between them.
const together = 500 * time.Millisecond

func measure(samples []sample) (o outage) {
	var first, last time.Time
	for _, s := range samples {
		end := s.start.Add(s.took)
		o.longest = max(o.longest, s.took)
		switch s.how {
		case "ok":
			continue
		case "miss":
			o.missed++
			continue
		}
		o.failed++
		if last.IsZero() || s.start.Sub(last) > together {
			if !last.IsZero() {
				o.down += last.Sub(first)
			}
			first = s.start
		}
		last = end
	}
	if !last.IsZero() {
		o.down += last.Sub(first)
	}
	return o
}

// foreignProbes are programs in testdata/torture; need is how to see that the
// library is installed.
var foreignProbes = []struct {
	library string
	need    []string
	command []string
}{
	{"php-memcached, replicas", []string{"php", "-r", "exit(extension_loaded('memcached') ? 0 : 1);"}, []string{"php", "php_memcached.php", "replicas"}},
	{"php-memcached, ketama", []string{"php", "-r", "exit(extension_loaded('memcached') ? 0 : 1);"}, []string{"php", "php_memcached.php", "ketama"}},
	{"php memcache", []string{"php", "-r", "exit(extension_loaded('memcache') ? 0 : 1);"}, []string{"php", "php_memcache.php"}},
	{"pymemcache", []string{"/usr/bin/python3", "-c", "import pymemcache"}, []string{"/usr/bin/python3", "pymemcache_probe.py"}},
	{"pylibmc", []string{"/usr/bin/python3", "-c", "import pylibmc"}, []string{"/usr/bin/python3", "pylibmc_probe.py"}},
	{"dalli", []string{"ruby", "-e", "require 'dalli'"}, []string{"ruby", "dalli.rb"}},
}

func (h *harness) startProbes(ctx context.Context, clients *sync.WaitGroup) {
	p := &probe{library: "gomemcache"}
	h.probes = append(h.probes, p)
	clients.Go(func() { p.gomemcache(ctx, h.nodes) })
	for _, f := range foreignProbes {
		if out, err := exec.Command(f.need[0], f.need[1:]...).CombinedOutput(); err != nil {
			if os.Getenv(testkit.RequireTools) != "" {
				h.t.Errorf("%s is not installed, and tools are required: %v %s", f.library, err, out)
			}
			h.logf("%s is not installed: not measured", f.library)
			continue
		}
		p := &probe{library: f.library}
		h.probes = append(h.probes, p)
		clients.Go(func() {
			if err := p.foreign(ctx, f.command...); err != nil && ctx.Err() == nil {
				h.load.breach(fmt.Sprintf("the probe of %s ended: %v", f.library, err))
			}
		})
	}
}

// foreign runs a program of testdata/torture and reads its lines: when a call began, Unix ms; how long it
// took, ms; how it went.
func (p *probe) foreign(ctx context.Context, argv ...string) error {
	args := append([]string{filepath.Join("../../testdata/torture", argv[1])}, argv[2:]...)
	cmd := exec.CommandContext(ctx, argv[0], append(args, clientAddrs[:]...)...)
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		return err
	}
	if err := cmd.Start(); err != nil {
		return err
	}
	for lines := bufio.NewScanner(out); lines.Scan(); {
		var start, took float64
		var how string
		if _, err := fmt.Sscanf(lines.Text(), "%f %f %s", &start, &took, &how); err != nil {
			_ = cmd.Process.Kill()
			return errors.Join(fmt.Errorf("torture: it printed %q", lines.Text()), cmd.Wait())
		}
		p.add(sample{time.UnixMicro(int64(start * 1000)), time.Duration(took * float64(time.Millisecond)), how})
	}
	return cmd.Wait()
}

// gomemcache has no failover of its own: each node has a client, and on an error
// the other one is asked. A call is both.
func (p *probe) gomemcache(ctx context.Context, nodes [2]*node) {
	var clients [2]*memcache.Client
	for i, n := range nodes {
		clients[i] = memcache.New(n.client()) // its own time-out: 500 ms
		defer clients[i].Close()
	}
	for i := 0; ctx.Err() == nil; i++ {
		key := fmt.Sprintf("probe:go:%d", i/2%64)
		start, how := time.Now(), "fail"
		for j := range clients {
			c := clients[(i/2+j)%2]
			var err error
			if i%2 == 0 {
				err = c.Set(&memcache.Item{Key: key, Value: []byte(fmt.Sprint("go.", i))})
			} else {
				_, err = c.Get(key)
			}
			if err == nil {
				how = "ok"
				break
			}
			if errors.Is(err, memcache.ErrCacheMiss) {
				how = "miss"
				break
			}
		}
		p.add(sample{start, time.Since(start), how})
		select {
		case <-ctx.Done():
		case <-time.After(20 * time.Millisecond):
		}
	}
}
