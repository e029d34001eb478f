package main

import (
	"bytes"
	"fmt"
	"os/exec"
	"strconv"
	"strings"
	"time"

	"twincached/internal/bench"
)

// background starts "twincached bench" and returns what ends it.
func (x *sitting) background(cores []int, words ...string) (stop func(), err error) {
	cmd := exec.Command(x.program, words...)
	if err := startOn(cores, cmd); err != nil {
		return nil, err
	}
	return func() {
		_ = cmd.Process.Kill() // it has nothing to say
		_ = cmd.Wait()
	}, nil
}

// firstKey is one that the load has set.
const firstKey = "bench:00000000000000"

// answered waits until a node or replica answers a get with an item.
func answered(s *server, get, has string) error {
	for end := time.Now().Add(10 * startTimeout); time.Now().Before(end); time.Sleep(time.Millisecond) {
		c, err := dialLag(s)
		if err != nil {
			continue
		}
		reply, err := c.exchange(get, "END\r\n", "\r\n")
		c.Close()
		if err == nil && bytes.Contains(reply, []byte(has)) {
			return nil
		}
	}
	return fmt.Errorf("%s has nothing after %v", s.name, 10*startTimeout)
}

// fill sets the items of a copy.
func (x *sitting) fill(s *server, items int) error {
	words := []string{"bench", "--json", "--gets", "100", "--duration", "10ms", "--warmup", "0", "--keys", strconv.Itoa(items)}
	if s.resp {
		words = append(words, "--protocol", "resp")
	}
	_, err := x.report(x.both, append(words, s.address)...)
	return err
}

func fullCopy(x *sitting) (*table, error) {
	t := &table{head: []string{"items", "ours, s", "Redis, s", "ratio", "must", "goal", ""}}
	for _, items := range []int{x.full.items, x.full.many} {
		if err := x.copyRow(t, items); err != nil {
			return t, err
		}
		x.endAll()
	}
	return t, nil
}

func (x *sitting) copyRow(t *table, items int) error {
	ours, err := x.copies(items, func() (*server, error) { return x.source(x.first) }, func(a *server) (*server, error) {
		return x.joiner(a, x.second)
	}, "get "+firstKey+"\r\n", "VALUE "+firstKey)
	if err != nil {
		return err
	}
	x.endAll()
	row := []string{strconv.Itoa(items), fmt.Sprintf("%.2f", quantile(ours, 0.5))}
	var theirs []float64
	if err = errNone; x.redis != "" {
		theirs, err = x.copies(items, func() (*server, error) { return x.redisServer("Redis", x.redis, x.first) }, func(a *server) (*server, error) {
			return x.redisServer("its replica", x.redis, x.second, "--replicaof", "127.0.0.1 "+strconv.Itoa(a.port))
		}, fmt.Sprintf("*2\r\n$3\r\nGET\r\n$%d\r\n%s\r\n", len(firstKey), firstKey), "$100\r\n")
	}
	if err != nil {
		t.add(append(row, "-", failed(err))...)
		return nil
	}
	ratio := quantile(ours, 0.5) / quantile(theirs, 0.5)
	t.add(append(row, fmt.Sprintf("%.2f", quantile(theirs, 0.5)), fmt.Sprintf("%.2f", ratio), "0.5", "0.35", verdict(-ratio, -0.5, -0.35))...)
	return nil
}

// source is a node that others join. Its peer is looked for on the port of joiners.
func (x *sitting) source(cores []int) (*server, error) {
	peer, own := freePort(), freePort()
	a, err := x.node("twincached", cores, peer, "-X", strconv.Itoa(own), "-t", "1")
	if err == nil {
		a.repl = own
		x.joinPort = peer
	}
	return a, err
}

// joiner is an empty node that links with a.
func (x *sitting) joiner(a *server, cores []int) (*server, error) {
	return x.node("the peer", cores, a.repl, "-X", strconv.Itoa(x.joinPort))
}

// copies is how long each of some copies took, in seconds.
func (x *sitting) copies(items int, source func() (*server, error), join func(a *server) (*server, error), get, has string) (all []float64, err error) {
	a, err := source()
	if err != nil {
		return nil, err
	}
	if err := x.fill(a, items); err != nil {
		return nil, err
	}
	for range x.full.copies {
		from := time.Now()
		b, err := join(a)
		if err == nil {
			err = answered(b, get, has)
		}
		if err != nil {
			return all, err
		}
		all = append(all, time.Since(from).Seconds())
		b.end()
	}
	return all, nil
}

// copyLatency measures the source's clients without copies and with them, in turn.
func copyLatency(x *sitting) (*table, error) {
	a, err := x.source(x.first)
	if err != nil {
		return nil, err
	}
	if err := x.fill(a, x.full.items); err != nil {
		return nil, err
	}
	l := &load{flags: []string{"--rate", "20000"}, keys: x.full.items, cores: x.second, open: true}
	var quiet, busy bench.Server
	copies := 0
	for range x.full.rounds {
		r, err := x.round(a, l, false)
		if err != nil {
			return nil, err
		}
		quiet.Rounds = append(quiet.Rounds, *r)
		stop := x.copying(a)
		r, err = x.round(a, l, false)
		n, failure := stop()
		if copies += n; err != nil || failure != nil {
			return nil, fmt.Errorf("%w %w", err, failure)
		}
		busy.Rounds = append(busy.Rounds, *r)
	}
	quiet.Sum()
	busy.Sum()
	ratio := busy.Median.P99 / quiet.Median.P99
	t := &table{head: []string{"copies", "p99 with", "without", "ratio", "CPU us with", "without", "must", "goal", ""}}
	t.add(strconv.Itoa(copies), micro(busy.Median.P99), micro(quiet.Median.P99), fmt.Sprintf("%.2f", ratio), fmt.Sprintf("%.2f", busy.Median.CPU),
		fmt.Sprintf("%.2f", quiet.Median.CPU), "2", "1.2", verdict(-ratio, -2, -1.2))
	return t, nil
}

// copying takes copies of a until it is stopped; then it says how many were begun.
func (x *sitting) copying(a *server) (stop func() (int, error)) {
	quit, done := make(chan struct{}), make(chan struct{})
	n := 0
	var failure error
	go func() {
		defer close(done)
		for failure == nil {
			b, err := x.joiner(a, x.second)
			if failure = err; b == nil {
				return
			}
			n++
			b.end()
			select {
			case <-quit:
				return
			default:
			}
		}
	}()
	return func() (int, error) {
		close(quit)
		<-done
		if failure != nil && strings.Contains(failure.Error(), "takes no client") {
			failure = nil // it was still copying
		}
		return n, failure
	}
}
