package clients

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/bradfitz/gomemcache/memcache"

	"twincached/internal/testkit"
	"twincached/internal/testkit/rig"
)

// The proxies run the files of deploy/, with the addresses of the test in them.

// deployed writes a file of deploy/ with other addresses, each of which must be in it.
func deployed(t *testing.T, name string, addresses map[string]string) string {
	t.Helper()
	b, err := os.ReadFile("../../deploy/" + name)
	if err != nil {
		t.Fatal(err)
	}
	for old, address := range addresses {
		if !bytes.Contains(b, []byte(old)) {
			t.Fatalf("no %s in deploy/%s", old, name)
		}
		b = bytes.ReplaceAll(b, []byte(old), []byte(address))
	}
	file := filepath.Join(t.TempDir(), filepath.Base(name))
	if err := os.WriteFile(file, b, 0o644); err != nil {
		t.Fatal(err)
	}
	return file
}

// runProxy runs a program until the test ends, and waits until it listens.
func runProxy(t *testing.T, listens []string, name string, args ...string) {
	t.Helper()
	path, log := testkit.NeedTool(t, name, "it is the proxy under test"), &testkit.Log{}
	ctx, cancel := context.WithCancel(context.Background())
	cmd := exec.CommandContext(ctx, path, args...)
	cmd.Stdout, cmd.Stderr = log, log
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan struct{})
	go func() {
		_ = cmd.Wait() // killed at the end of the test; before that, it is missed below
		close(ended)
	}()
	t.Cleanup(func() {
		cancel()
		<-ended
		if t.Failed() {
			t.Logf("--- last log of %s\n%s", name, log.Tail(4000))
		}
	})
	for _, address := range listens {
		testkit.Eventually(t, name+" listens on "+address, func() bool {
			select {
			case <-ended:
				t.Fatalf("%s has ended", name)
			default:
			}
			c, err := net.DialTimeout("tcp", address, time.Second)
			if err == nil {
				c.Close()
			}
			return err == nil
		})
	}
}

// proxied is a client behind a proxy, and what it may see there.
type proxied struct {
	t    *testing.T
	c    *memcache.Client
	want map[string]string
}

func newProxied(t *testing.T, address string) *proxied {
	c := memcache.New(address)
	c.Timeout = testkit.Patience
	t.Cleanup(func() { c.Close() })
	return &proxied{t: t, c: c, want: map[string]string{}}
}

// put stores a key until it is taken: a proxy answers for a node that has died.
func (p *proxied) put(when, key, value string) {
	p.t.Helper()
	testkit.Eventually(p.t, when+": "+key+" is taken", func() bool {
		return p.c.Set(&memcache.Item{Key: key, Value: []byte(value)}) == nil
	})
	p.want[key] = value
}

// check reads all, until there is a round without an error. A value that is wrong
// or missing is one at any time.
func (p *proxied) check(when string) {
	p.t.Helper()
	failed := 0
	testkit.Eventually(p.t, when+": all is read", func() bool {
		before := failed
		for key, want := range p.want {
			it, err := p.c.Get(key)
			switch {
			case errors.Is(err, memcache.ErrCacheMiss):
				p.t.Fatalf("%s: %s is missing", when, key)
			case err != nil:
				failed++
			case string(it.Value) != want:
				p.t.Fatalf("%s: %s is %q, want %q", when, key, it.Value, want)
			}
		}
		return failed == before
	})
	if failed > 0 {
		p.t.Logf("%s: %d errors", when, failed)
	}
}

func (p *proxied) keys() (all []string) {
	for key := range p.want {
		all = append(all, key)
	}
	return all
}

// counts adds to a counter, until that is done. After an error nobody knows whether
// it was added.
func (p *proxied) counts(when string, want uint64) {
	p.t.Helper()
	testkit.Eventually(p.t, when+": the counter counts", func() bool {
		n, err := p.c.Increment("counter", 1)
		if err == nil && n != want || errors.Is(err, memcache.ErrCacheMiss) {
			p.t.Fatalf("%s: the counter is %d, %v, want %d", when, n, err, want)
		}
		if err != nil {
			p.put(when, "counter", fmt.Sprint(want-1))
		}
		return err == nil
	})
	p.want["counter"] = fmt.Sprint(want)
}

// outlives kills both nodes of a pair in turn, behind a proxy that uses both. Before
// a node is killed, it has passed on what it took.
func (p *proxied) outlives(a, b *rig.Node) {
	p.t.Helper()
	p.put("both up", "counter", "40")
	counted := uint64(40)
	for _, doomed := range []*rig.Node{a, b} {
		rig.WaitEqual(a, b, p.keys())
		doomed.Kill()
		when := doomed.Name + " killed"
		p.check(when)
		for _, key := range rig.Keys("during-"+doomed.Name, 60) {
			p.put(when, key, "value of "+key)
		}
		counted++
		p.counts(when, counted)
		p.check(when)
		doomed.Start()
		doomed.WaitServing()
		rig.WaitLinked(a, b)
		p.check(doomed.Name + " restarted")
		testkit.Eventually(p.t, "node "+doomed.Name+" is used again", func() bool {
			for _, key := range rig.Keys("again", 20) {
				p.put(doomed.Name+" restarted", key, "value of "+key)
			}
			return doomed.Stat("cmd_set") != "0"
		})
	}
	rig.WaitEqual(a, b, p.keys())
	p.check("both up")
}

func TestNutcracker_InFrontOfAPair(t *testing.T) {
	t.Parallel()
	a, b := rig.NewPair(t)
	rig.StartAll(a, b)
	rig.WaitLinked(a, b)
	network := rig.NewNet(t)
	front := network + ".1:22122"
	config := deployed(t, "nutcracker/nutcracker.yml", map[string]string{
		"n1:11211": a.Host + rig.ClientPort, "n2:11211": b.Host + rig.ClientPort, "127.0.0.1:": network + ".1:",
	})
	runProxy(t, []string{front}, "nutcracker", "-c", config, "-a", network+".2")
	p := newProxied(t, front)
	for _, key := range rig.Keys("before", 60) {
		p.put("both up", key, "value of "+key)
	}
	for _, n := range []*rig.Node{a, b} {
		if n.Stat("cmd_set") == "0" {
			t.Errorf("nutcracker does not use node %s", n.Name)
		}
	}
	p.outlives(a, b)
}

func TestNutcrackerAndHAProxy_InFrontOfTwoPairs(t *testing.T) {
	t.Parallel()
	a, b := rig.NewPair(t)
	c, d := rig.NewPair(t)
	c.Name, d.Name = "c", "d"
	rig.StartAll(a, b, c, d)
	rig.WaitLinked(a, b, c, d)
	network := rig.NewNet(t)
	front, pairs := network+".1:22121", []string{network + ".1:21211", network + ".1:21212"}
	haproxy := deployed(t, "haproxy/haproxy.cfg", map[string]string{
		"n1:11211": a.Host + rig.ClientPort, "n2:11211": b.Host + rig.ClientPort,
		"n3:11211": c.Host + rig.ClientPort, "n4:11211": d.Host + rig.ClientPort, "127.0.0.1:": network + ".1:",
	})
	runProxy(t, pairs, "haproxy", "-db", "-f", haproxy)
	config := deployed(t, "nutcracker/nutcracker.yml", map[string]string{
		"n1:11211": a.Host + rig.ClientPort, "n2:11211": b.Host + rig.ClientPort, "127.0.0.1:": network + ".1:",
	})
	runProxy(t, []string{front}, "nutcracker", "-c", config, "-a", network+".2")
	p := newProxied(t, front)
	for _, key := range rig.Keys("k", 200) {
		p.put("all up", key, "value of "+key)
	}
	if onFirst, onSecond := a.Count(p.keys()), c.Count(p.keys()); onFirst == 0 || onSecond == 0 || onFirst+onSecond != 200 {
		t.Fatalf("of 200 keys %d are on the first pair, %d on the second", onFirst, onSecond)
	}
	p.twoPairs([2]*rig.Node{a, b}, [2]*rig.Node{c, d})
}

// twoPairs kills one node of each pair, and then the other one.
func (p *proxied) twoPairs(first, second [2]*rig.Node) {
	p.t.Helper()
	same := func(pair [2]*rig.Node) { rig.WaitEqual(pair[0], pair[1], p.keys()) }
	for i := range first {
		same(first)
		same(second)
		first[i].Kill()
		second[i].Kill()
		when := strings.Join([]string{first[i].Name, "and", second[i].Name, "killed"}, " ")
		p.check(when)
		for _, key := range rig.Keys(fmt.Sprintf("round%d-", i), 60) {
			p.put(when, key, "value of "+key)
		}
		p.check(when)
		rig.StartAll(first[i], second[i])
		rig.WaitLinked(first[0], first[1], second[0], second[1])
		p.check("all up again")
	}
}
