package main

import (
	"cmp"
	"fmt"

	"twincached/internal/bench"
)

// section is one sitting, and one part of the page.
type section struct {
	name, title, about string
	onDemand           bool // only where it is named
	run                func(x *sitting) (*table, error)
}

// all is the sections in the order of the page.
var all = []section{
	{name: "load", title: "One server thread", about: "A node with replication configured, whose peer is not there.", run: oneThread},
	{name: "others", title: "The same, against others", run: others},
	{name: "open", title: "Open loop", about: "Requests are sent when they are due, 90 % gets; latency counts from then. p99 is given in microseconds.", run: openLoop},
	{name: "unpinned", title: "Server and load on the same two cores", about: "Nothing is pinned. Two server threads, and then one. The verdict is on requests a second.", run: unpinned},
	{name: "peer", title: "Sets with a live peer", about: "CPU is that of the node written to. *Alone* is our node without a peer: the price of the peer.", run: livePeer},
	{name: "lag", title: "From STORED on one node to seen on the other", about: "A client sets a key on one node and then asks the other one until it has it. Microseconds; the verdict is on p50, as a part of Redis' time.", run: lag},
	{name: "idle", title: "Idle", about: "Nobody asks for anything. CPU is a part of one core.", run: idle},
	{name: "memory", title: "Resident bytes an item", about: "Keys of 20 bytes; the resident memory of the process, less what it had when it was empty, for each item. A ratio below 1 is better here.", run: memory},
	{name: "memory10m", title: "The same with ten times the items", run: memoryMany},
	{name: "longest", title: "The longest set while many items are loaded", about: "Sets of random keys, 64 under way, while a server grows from empty to nearly all of the items. *Host* is the longest time that a process which only looks at the clock was stopped for, on the server's core before it started; the verdict is on ours without that. Milliseconds.", run: longestSet},
	{name: "hits", title: "Hit ratios", about: "Percent of the reads that were found, at equal -m; and with so much less of it that the resident memory of both processes is equal when all is done. The verdict is that of the least of the three.", onDemand: true, run: hitRatios},
	{name: "copy", title: "Full copy", about: "From the start of an empty node's process to the first get that it answers with an item.", run: fullCopy},
	{name: "copyp99", title: "Clients of the source during copies", about: "20,000 requests a second, 90 % gets, on a node that is copied over and over; p99 in microseconds, a part of what it is without.", run: copyLatency},
	{name: "restart", title: "Restart with the data", about: "A server with values of 100 B is told to stop, writes them to a disk, and is started again. *Write* is from the signal to the end of the process, with all on the disk; *load* from the start of the process to the first get that it answers with an item, asked for every 5 ms. Ours is half of a pair, the other half is not there, and nobody waits for it. Memory is what is resident, which for memcached includes its file. Each server has both cores. Redis compresses values, as by default. memcached's file takes all of `-m`, so it has only as much as the items need. memcached stops at SIGUSR1, the others at SIGTERM; its documents want its file in memory, and here it is on the same disk as the others'. A ratio is ours as a part of theirs: below 1 is better here.", run: restart},
	{name: "restart10m", title: "The same with ten times the items", run: restartMany},
	{name: "upgrade", title: "A node of a pair is restarted, and the other one takes writes", about: "5,000 sets a second on the other node. *Live* is from the start of the process to the first get that it answers; *away* begins when it is told to stop. *Link* is what crossed the link until then, both ways. With its image (`--warm`), and without, which makes a full copy.", run: upgrade},
	{name: "connections", title: "Memory of a connection", about: "Connections that have asked for one key each, and sleep.", run: sleepers},
	{name: "tls", title: "TLS", about: "Go's client chooses the same cipher with both, TLS 1.3.", run: overTLS},
}

// contest is the table of loads, each against some servers. servers[0] is ours.
func (x *sitting) contest(loads []load, servers []*server, errs []error) *table {
	t := &table{head: []string{"work", "against", "CPU us, ours", "theirs", "CPU, ratio", "requests/s, ours", "ratio", "must", "goal", ""}}
	for i := range loads {
		l := &loads[i]
		found, failures := x.turns(servers, l)
		for j := 1; j < len(servers); j++ {
			err := cmp.Or(errs[0], errs[j], failures[0], failures[j])
			if err != nil {
				if servers[j] != nil || errs[j] != errNone {
					t.add(l.work, nameOf(servers[j], j), failed(err))
				}
				continue
			}
			r := bench.Compare(&found[j], &found[0])
			must, goal := targets(l.must, l.goal)
			cpu := bench.Span{}
			if r.CPU != nil {
				cpu = *r.CPU
			}
			t.add(l.work, servers[j].name, fmt.Sprintf("%.2f", found[0].Median.CPU), fmt.Sprintf("%.2f", found[j].Median.CPU), span(cpu),
				fmt.Sprintf("%.0f", found[0].Median.Rate), span(r.Rate), must, goal, verdict(cpu.Median, l.must, l.goal))
		}
	}
	return t
}

func nameOf(s *server, i int) string {
	if s == nil {
		return fmt.Sprintf("server %d", i)
	}
	return s.name
}

// spin are flags of a load that does not sleep.
func spin(words ...string) []string { return append([]string{"--spin"}, words...) }

func oneThread(x *sitting) (*table, error) {
	servers, errs := make([]*server, 3), make([]error, 3)
	servers[0], errs[0] = x.node("twincached", x.first, -1, "-t", "1")
	servers[1], errs[1] = x.stock("memcached", x.memcached, x.first, "-t", "1")
	if errs[2] = errNone; x.pogocache != "" {
		servers[2], errs[2] = x.pogo(x.first)
	}
	var t *table
	// What has to be reached differs from opponent to opponent.
	for i, targets := range [][][2]float64{
		{{1.35, 1.6}, {1.4, 1.7}, {1.1, 1.4}, {0, 0}, {0, 0}, {0, 0}, {1, 1.1}},
		{{0.95, 1.05}, {0.95, 1.1}, {0.9, 1}, {1.4, 1.7}, {1.15, 1.4}, {1.15, 1.4}, {0, 0}},
	} {
		if servers[i+1] == nil && errs[i+1] == errNone {
			continue
		}
		part := x.contest(x.threadLoads(targets), []*server{servers[0], servers[i+1]}, []error{errs[0], errs[i+1]})
		if t == nil {
			t = part
		} else {
			t.rows = append(t.rows, part.rows...)
		}
	}
	return t, nil
}

// threadLoads are the loads on one thread. targets are must and goal of: depth 1; 500 connections;
// large values; depth 16; 16 keys; 100 keys; one connection.
func (x *sitting) threadLoads(targets [][2]float64) (loads []load) {
	many := min(500, x.full.conns)
	add := func(work string, target int, flags ...string) {
		loads = append(loads, load{work: work, flags: spin(flags...), cores: x.second, must: targets[target][0], goal: targets[target][1]})
	}
	for _, kind := range []string{"get", "set", "90/10"} {
		add(kind+", depth 1", 0, "--gets", gets[kind])
		add(fmt.Sprintf("%s, %d connections", kind, many), 1, "--gets", gets[kind], "-c", fmt.Sprint(many))
		if kind == "90/10" {
			continue
		}
		add(kind+" 1 KiB", 2, "--gets", gets[kind], "--size", "1024")
		add(kind+" 10 KiB", 2, "--gets", gets[kind], "--size", "10240")
		loads[len(loads)-1].keys = x.full.large
		add(kind+", depth 16", 3, "--gets", gets[kind], "-d", "16")
	}
	add("get of 16 keys", 4, "--gets", "100", "--multiget", "16")
	add("get of 100 keys", 5, "--gets", "100", "--multiget", "100")
	add("get, one connection", 6, "--gets", "100", "-c", "1")
	return loads
}

func others(x *sitting) (*table, error) {
	servers, errs := make([]*server, 1, 4), make([]error, 1, 4)
	servers[0], errs[0] = x.node("twincached", x.first, -1, "-t", "1")
	join := func(binary string, start func() (*server, error)) {
		if binary != "" {
			s, err := start()
			servers, errs = append(servers, s), append(errs, err)
		}
	}
	join(x.head, func() (*server, error) { return x.stock("memcached HEAD", x.head, x.first, "-t", "1") })
	join(x.redis, func() (*server, error) { return x.redisServer("Redis", x.redis, x.first) })
	join(x.valkey, func() (*server, error) { return x.redisServer("Valkey", x.valkey, x.first) })
	return x.contest([]load{
		{work: "get, depth 1", flags: spin("--gets", "100"), cores: x.second},
		{work: "set, depth 1", flags: spin("--gets", "0"), cores: x.second},
		{work: "get, depth 16", flags: spin("--gets", "100", "-d", "16"), cores: x.second},
		{work: "set, depth 16", flags: spin("--gets", "0", "-d", "16"), cores: x.second},
		{work: "get of 16 keys", flags: spin("--gets", "100", "--multiget", "16"), cores: x.second},
	}, servers, errs), nil
}

// against starts us and memcached.
func (x *sitting) against(cores []int, flags ...string) (servers []*server, err error) {
	a, err := x.node("twincached", cores, -1, flags...)
	if err != nil {
		return nil, err
	}
	b, err := x.stock("memcached", x.memcached, cores, flags...)
	return []*server{a, b}, err
}

func openLoop(x *sitting) (*table, error) {
	servers, err := x.against(x.first, "-t", "1")
	if err != nil {
		return nil, err
	}
	t := &table{head: []string{"requests/s", "CPU us, ours", "memcached", "CPU, ratio", "p99, ours", "memcached", "p99, ratio", "must", "goal", ""}}
	for _, rate := range []int{20_000, 60_000, 90_000} {
		l := &load{flags: []string{"--rate", fmt.Sprint(rate)}, cores: x.second, open: true}
		found, errs := x.turns(servers, l)
		if err := cmp.Or(errs[0], errs[1]); err != nil {
			t.add(fmt.Sprint(rate), failed(err))
			continue
		}
		r := bench.Compare(&found[1], &found[0])
		a, b := &found[0].Median, &found[1].Median
		t.add(fmt.Sprint(rate), fmt.Sprintf("%.2f", a.CPU), fmt.Sprintf("%.2f", b.CPU), span(*r.CPU), fmt.Sprintf("%.0f", a.P99), fmt.Sprintf("%.0f", b.P99),
			span(r.P99), "1", "1.2", verdict(r.CPU.Median, 1, 1.2))
	}
	return t, nil
}

var gets = map[string]string{"get": "100", "set": "0", "90/10": "90"}

func unpinned(x *sitting) (*table, error) {
	t := &table{head: []string{"threads", "work", "requests/s, ours", "memcached", "ratio", "p99 us, ours", "memcached", "p99, ratio", "must", "goal", ""}}
	for _, threads := range []string{"2", "1"} {
		servers, err := x.against(x.both, "-t", threads)
		if err != nil {
			return t, err
		}
		for _, c := range []int{50, min(500, x.full.conns)} {
			for _, work := range []string{"get", "set"} {
				if threads == "1" && (c != 50 || work == "set") {
					continue
				}
				l := &load{flags: []string{"--gets", gets[work], "-c", fmt.Sprint(c)}, cores: x.both}
				found, errs := x.turns(servers, l)
				name := fmt.Sprintf("%s, %d connections", work, c)
				if err := cmp.Or(errs[0], errs[1]); err != nil {
					t.add(threads, name, failed(err))
					continue
				}
				r := bench.Compare(&found[1], &found[0])
				a, b := &found[0].Median, &found[1].Median
				t.add(threads, name, fmt.Sprintf("%.0f", a.Rate), fmt.Sprintf("%.0f", b.Rate), span(r.Rate), fmt.Sprintf("%.0f", a.P99),
					fmt.Sprintf("%.0f", b.P99), span(r.P99), "1", "1.2", verdict(r.Rate.Median, 1, 1.2))
			}
		}
		x.endAll()
	}
	return t, nil
}
