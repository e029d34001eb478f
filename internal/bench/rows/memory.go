package main

import (
	"fmt"
	"net"
	"strconv"
	"time"

	"twincached/internal/bench"
	"twincached/internal/bench/hits"
)

func memory(x *sitting) (*table, error) {
	t := memoryTable()
	for _, size := range []int{10, 100, 1024, 10240} {
		items := x.full.items
		if size == 10240 {
			items = x.full.items / 10 // ten gigabytes are too many
		}
		x.itemBytes(t, size, items)
	}
	return t, nil
}

func memoryMany(x *sitting) (*table, error) {
	t := memoryTable()
	x.itemBytes(t, 100, x.full.many)
	return t, nil
}

func memoryTable() *table {
	return &table{head: []string{"items", "value", "ours", "memcached", "ratio", "empty process, ours", "memcached", "must", "goal", ""}}
}

// itemBytes loads us and memcached, and adds a row.
func (x *sitting) itemBytes(t *table, size, items int) {
	row := []string{strconv.Itoa(items), fmt.Sprintf("%d B", size)}
	servers, err := x.against(x.both)
	defer x.endAll()
	var empty, each [2]float64
	for i, s := range servers {
		if err != nil {
			break
		}
		empty[i] = float64(resident(s.pid()))
		_, err = x.report(x.both, "bench", "--json", "--gets", "100", "--duration", "10ms", "--warmup", "0", "--size", strconv.Itoa(size),
			"--keys", strconv.Itoa(items), s.address)
		each[i] = (float64(resident(s.pid())) - empty[i]) / float64(items)
		s.end()
	}
	if err != nil {
		t.add(append(row, failed(err))...)
		return
	}
	ratio := each[0] / each[1]
	t.add(append(row, fmt.Sprintf("%.0f", each[0]), fmt.Sprintf("%.0f", each[1]), fmt.Sprintf("%.2f", ratio), mib(empty[0]), mib(empty[1]),
		"0.9", "0.8", verdict(-ratio, -0.9, -0.8))...)
}

func mib(bytes float64) string { return fmt.Sprintf("%.1f MiB", bytes/(1<<20)) }

// sleepers opens connections to us and to memcached.
func sleepers(x *sitting) (*table, error) {
	servers, err := x.against(x.both, "-t", "1")
	if err != nil {
		return nil, err
	}
	var each [2]float64
	for i, s := range servers {
		before := resident(s.pid())
		conns, err := sleep(s, x.full.conns)
		time.Sleep(x.full.measured)
		each[i] = float64(resident(s.pid())-before) / float64(x.full.conns)
		for _, c := range conns {
			c.Close()
		}
		if err != nil {
			return nil, fmt.Errorf("%s: %w", s.name, err)
		}
	}
	ratio := each[0] / each[1]
	t := &table{head: []string{"connections", "bytes each, ours", "memcached", "ratio", "must", "goal", ""}}
	t.add(strconv.Itoa(x.full.conns), fmt.Sprintf("%.0f", each[0]), fmt.Sprintf("%.0f", each[1]), fmt.Sprintf("%.2f", ratio), "1", "0.7", verdict(-ratio, -1, -0.7))
	return t, nil
}

func sleep(s *server, n int) (conns []net.Conn, err error) {
	for range n {
		c, err := dialLag(s)
		if err != nil {
			return conns, err
		}
		conns = append(conns, c.Conn)
		if _, err := c.exchange("get nobody\r\n", "END\r\n"); err != nil {
			return conns, err
		}
	}
	return conns, nil
}

// hitRatios plays each workload against us and memcached at the same time: time is no matter.
func hitRatios(x *sitting) (*table, error) {
	t := &table{head: []string{"workload", "memcached", "ours, the peer away", "points", "the peer there", "points", "at equal resident memory", "points", ""}}
	for _, w := range hits.Workloads(int64(x.full.hitsMiB) << 20) {
		if x.quick && (w.Duration > 0 || len(t.rows) > 0) {
			continue
		}
		row, err := x.hitRow(w)
		if x.endAll(); err != nil {
			row = []string{w.Name, failed(err)}
		}
		t.add(row...)
	}
	return t, nil
}

// hitRow plays one workload: first at equal -m, and then with as much of it as makes our process as large as memcached's.
func (x *sitting) hitRow(w hits.Workload) ([]string, error) {
	size := strconv.Itoa(x.full.hitsMiB)
	servers, err := x.against(x.both, "-t", "1", "-m", size)
	if err != nil {
		return nil, err
	}
	paired, _, err := x.pair(x.both, "-t", "1", "-m", size)
	if err != nil {
		return nil, err
	}
	found, err := bench.HitRatios([]string{servers[0].address, servers[1].address, paired.address}, w, nil)
	if err != nil {
		return nil, err
	}
	ours, theirs := resident(servers[0].pid()), resident(servers[1].pid())
	x.endAll()
	equal := max(int64(x.full.hitsMiB)-(ours-theirs+1<<19)>>20, 2) // 2 is the smallest
	smaller, err := x.node("twincached", x.both, -1, "-t", "1", "-m", strconv.FormatInt(equal, 10))
	if err != nil {
		return nil, err
	}
	again, err := bench.HitRatios([]string{smaller.address}, w, nil)
	if err != nil {
		return nil, err
	}
	row, worst := []string{w.Name, percent(found[1].Ratio)}, 100.0
	for _, r := range []bench.HitRatio{found[0], found[2], again[0]} {
		points := 100 * (r.Ratio - found[1].Ratio)
		row, worst = append(row, percent(r.Ratio), fmt.Sprintf("%+.2f", points)), min(worst, points)
	}
	row[len(row)-2] += fmt.Sprintf(" (-m %d)", equal)
	return append(row, verdict(worst, -1e-9, 2)), nil
}

func percent(ratio float64) string { return fmt.Sprintf("%.2f", 100*ratio) }
