package main

import (
	"cmp"
	"fmt"
	"net"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"

	"twincached/internal/bench"
)

// pair starts two twincached that are linked. a is on the first core, b on cores.
func (x *sitting) pair(cores []int, flags ...string) (a, b *server, err error) {
	peer, own := freePort(), freePort()
	repl := func(port int) []string { return append([]string{"-X", strconv.Itoa(port)}, flags...) }
	if a, err = x.node("twincached", x.first, peer, repl(own)...); err != nil {
		return nil, nil, err
	}
	a.repl = own
	if b, err = x.node("the peer", cores, own, repl(peer)...); err != nil {
		return nil, nil, err
	}
	b.repl = peer
	return a, b, linked(a.address)
}

// linked waits until a node has its peer.
func linked(address string) error {
	for end := time.Now().Add(startTimeout); time.Now().Before(end); time.Sleep(10 * time.Millisecond) {
		if text, err := ask(address, "stats\r\n", "END\r\n"); err == nil && strings.Contains(text, "STAT repl_link stream\r\n") {
			return nil
		}
	}
	return fmt.Errorf("the two nodes did not link within %v", startTimeout)
}

// ask sends a request and returns what comes until end.
func ask(address, request, end string) (string, error) {
	c, err := net.Dial("tcp", address)
	if err != nil {
		return "", err
	}
	defer c.Close()
	if err := c.SetDeadline(time.Now().Add(startTimeout)); err != nil {
		return "", err
	}
	if _, err := c.Write([]byte(request)); err != nil {
		return "", err
	}
	var text []byte
	for b := make([]byte, 64<<10); !strings.HasSuffix(string(text), end); {
		n, err := c.Read(b)
		if text = append(text, b[:n]...); err != nil {
			return string(text), err
		}
	}
	return string(text), nil
}

// redisPair starts Redis and a replica of it.
func (x *sitting) redisPair(cores []int) (a, b *server, err error) {
	if x.redis == "" {
		return nil, nil, errNone
	}
	if a, err = x.redisServer("Redis", x.redis, x.first); err != nil {
		return nil, nil, err
	}
	if b, err = x.redisServer("its replica", x.redis, cores, "--replicaof", "127.0.0.1 "+strconv.Itoa(a.port)); err != nil {
		return nil, nil, err
	}
	for end := time.Now().Add(startTimeout); time.Now().Before(end); time.Sleep(10 * time.Millisecond) {
		if text, err := ask(b.address, "*2\r\n$4\r\nINFO\r\n$11\r\nreplication\r\n", "\r\n"); err == nil && strings.Contains(text, "master_link_status:up") {
			return a, b, nil
		}
	}
	return nil, nil, fmt.Errorf("the replica did not link within %v", startTimeout)
}

func livePeer(x *sitting) (*table, error) {
	a, _, err := x.pair(x.second, "-t", "1")
	if err != nil {
		return nil, err
	}
	alone, err := x.node("twincached", x.first, 0, "-t", "1")
	if err != nil {
		return nil, err
	}
	redis, _, errRedis := x.redisPair(x.second)
	t := &table{head: []string{"sets", "CPU us, ours", "Redis", "ratio", "must", "goal", "", "alone", "price, ratio", "must", "goal", ""}}
	for _, l := range []load{
		{work: "depth 1", flags: []string{"--gets", "0"}, must: 1.2, goal: 1.5},
		{work: "depth 16", flags: []string{"--gets", "0", "-d", "16"}, must: 1.2, goal: 1.5},
		{work: "5,000 a second", flags: []string{"--gets", "0", "--rate", "5000"}, must: 1.5, goal: 2},
		{work: "20,000 a second", flags: []string{"--gets", "0", "--rate", "20000"}, must: 1.5, goal: 2},
		{work: "60,000 a second", flags: []string{"--gets", "0", "--rate", "60000"}, must: 1, goal: 1.2},
	} {
		l.cores = x.second
		found, errs := x.turns([]*server{a, redis, alone}, &l)
		if err := cmp.Or(errs[0], errs[2]); err != nil {
			t.add(l.work, failed(err))
			continue
		}
		row := []string{l.work, fmt.Sprintf("%.2f", found[0].Median.CPU)}
		if err := cmp.Or(errRedis, errs[1]); err != nil {
			row = append(row, "-", failed(err), "", "", "")
		} else {
			r := bench.Compare(&found[1], &found[0])
			row = append(row, fmt.Sprintf("%.2f", found[1].Median.CPU), span(*r.CPU), fmt.Sprint(l.must), fmt.Sprint(l.goal), verdict(r.CPU.Median, l.must, l.goal))
		}
		price := bench.Compare(&found[2], &found[0])
		t.add(append(row, fmt.Sprintf("%.2f", found[2].Median.CPU), span(*price.CPU), "0.85", "0.95", verdict(price.CPU.Median, 0.85, 0.95))...)
	}
	return t, nil
}

// idle looks at a pair, memcached and Redis with a replica, all at the same time.
func idle(x *sitting) (*table, error) {
	a, b, err := x.pair(x.second)
	if err != nil {
		return nil, err
	}
	servers := []*server{a, b}
	if m, err := x.stock("memcached", x.memcached, x.both); err == nil {
		servers = append(servers, m)
	}
	if r, replica, err := x.redisPair(x.second); err == nil {
		servers = append(servers, r, replica)
	}
	time.Sleep(x.full.idle / 5) // what a start leaves behind
	var before []time.Duration
	for _, s := range servers {
		before = append(before, cpuTime(s.pid()))
	}
	time.Sleep(x.full.idle)
	t := &table{head: []string{"process", "CPU", "must", "goal", ""}}
	for i, s := range servers {
		percent := 100 * (cpuTime(s.pid()) - before[i]).Seconds() / x.full.idle.Seconds()
		row := []string{s.name, fmt.Sprintf("%.2f %%", percent)}
		if i < 2 {
			row = append(row, "0.3 %", "0.1 %", verdict(-percent, -0.3, -0.1))
		}
		t.add(row...)
	}
	return t, nil
}

func lag(x *sitting) (*table, error) {
	a, b, err := x.pair(x.second, "-t", "1")
	if err != nil {
		return nil, err
	}
	r, replica, errRedis := x.redisPair(x.second)
	t := &table{head: []string{"sets/s beside", "p50, ours", "Redis", "ratio", "p99, ours", "Redis", "ratio", "must", "goal", ""}}
	for _, rate := range []int{0, 5000, 50_000} {
		var ours, theirs []float64
		var failure error
		for range x.full.copies {
			one, err := x.lags(a, b, rate)
			if failure = cmp.Or(failure, err); errRedis == nil {
				other, err := x.lags(r, replica, rate)
				failure = cmp.Or(failure, err)
				theirs = append(theirs, other...)
			}
			ours = append(ours, one...)
		}
		work := fmt.Sprint(rate)
		switch {
		case failure != nil:
			t.add(work, failed(failure))
		case errRedis != nil:
			t.add(work, micro(quantile(ours, 0.5)), "-", failed(errRedis), micro(quantile(ours, 0.99)))
		default:
			p50, p99 := quantile(ours, 0.5)/quantile(theirs, 0.5), quantile(ours, 0.99)/quantile(theirs, 0.99)
			t.add(work, micro(quantile(ours, 0.5)), micro(quantile(theirs, 0.5)), fmt.Sprintf("%.2f", p50), micro(quantile(ours, 0.99)),
				micro(quantile(theirs, 0.99)), fmt.Sprintf("%.2f", p99), "1", "0.8", verdict(-p50, -1, -0.8))
		}
	}
	return t, nil
}

func micro(us float64) string { return fmt.Sprintf("%.0f", us) }

func quantile(v []float64, q float64) float64 {
	s := slices.Sorted(slices.Values(v))
	if len(s) == 0 {
		return 0
	}
	return s[min(int(q*float64(len(s))), len(s)-1)]
}

// lags is how long some sets on a took until they were seen on b, in microseconds, beside a load
// of sets on a.
func (x *sitting) lags(a, b *server, rate int) (all []float64, err error) {
	if rate > 0 {
		words := []string{"bench", "--json", "--gets", "0", "--rate", strconv.Itoa(rate), "--duration", "1h", "--keys", strconv.Itoa(x.full.keys)}
		if a.resp {
			words = append(words, "--protocol", "resp")
		}
		stop, err := x.background(x.second, append(words, a.address)...)
		if err != nil {
			return nil, err
		}
		defer stop()
		time.Sleep(x.full.measured) // the keys are set
	}
	to, err := dialLag(a)
	if err != nil {
		return nil, err
	}
	defer to.Close()
	from, err := dialLag(b)
	if err != nil {
		return nil, err
	}
	defer from.Close()
	for i := range x.full.samples {
		took, err := lagOf(to, from, fmt.Sprintf("lag:%d:%d:%d", os.Getpid(), time.Now().UnixNano(), i))
		if err != nil {
			return all, err
		}
		all = append(all, float64(took.Nanoseconds())/1e3)
		time.Sleep(time.Millisecond)
	}
	return all, nil
}
