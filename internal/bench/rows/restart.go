package main

import (
	"cmp"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"twincached/internal/bench"
)

// restarter is a server that keeps its items in a file while it is stopped.
type restarter struct {
	name   string
	start  func(dir string) (*server, error) // with what the file in dir has
	signal os.Signal                         // stops it so that the file is written
	file   string                            // in dir
	pause  time.Duration                     // between the stop and the start
}

// restarters are ours and those that there is a binary of, for so many items.
func (x *sitting) restarters(items int) []restarter {
	all := []restarter{{name: "twincached", signal: syscall.SIGTERM, file: "image", start: func(dir string) (*server, error) {
		return x.node("twincached", x.both, -1, "--state-dir", dir, "--warm=any", "--handover", "0s", "--peer-wait", "0s", "--boot", "serve")
	}}}
	if x.redis != "" {
		all = append(all, restarter{name: "Redis", signal: syscall.SIGTERM, file: "dump.rdb", start: func(dir string) (*server, error) {
			return x.redisServer("Redis", x.redis, x.both, "--dir", dir, "--shutdown-on-sigterm", "save")
		}})
	}
	name, binary := "memcached HEAD -e", x.head
	if binary == "" {
		name, binary = "memcached -e", x.memcached
	}
	// Its file is as large as -m, all of it: there is room for the items, and for a page of each
	// class of sizes. It does not use a file in the second, by the clock, in which it has written it.
	size := strconv.Itoa(items/4900 + 100)
	return append(all, restarter{name: name, signal: syscall.SIGUSR1, file: "memory", pause: 1100 * time.Millisecond, start: func(dir string) (*server, error) {
		return x.stock(name, binary, x.both, "-m", size, "-e", filepath.Join(dir, "memory"))
	}})
}

// restarts is what the restarts of one server came to, a value for each.
type restarts struct {
	write, load              []float64 // seconds
	file                     []float64 // bytes on the disk
	before, writing, loading []float64 // resident bytes before the stop, and at most
}

func restart(x *sitting) (*table, error)     { return x.restartRows(x.full.items) }
func restartMany(x *sitting) (*table, error) { return x.restartRows(x.full.many) }

// restartRows fills each server once, and then stops and starts them in turn.
func (x *sitting) restartRows(items int) (*table, error) {
	disk, system, err := x.onDisk()
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(disk)
	all := x.restarters(items)
	servers, found, errs := make([]*server, len(all)), make([]restarts, len(all)), make([]error, len(all))
	dirs := make([]string, len(all))
	for i, r := range all {
		dirs[i] = filepath.Join(disk, strconv.Itoa(i))
		errs[i] = os.Mkdir(dirs[i], 0o777)
		if errs[i] == nil {
			servers[i], errs[i] = r.start(dirs[i])
		}
		if errs[i] == nil {
			errs[i] = cmp.Or(x.fill(servers[i], items), known(servers[i]), servers[i].holds(items))
		}
	}
	for range x.full.copies {
		for i := range all {
			if errs[i] == nil {
				if servers[i], errs[i] = found[i].add(&all[i], servers[i], dirs[i]); errs[i] == nil {
					errs[i] = servers[i].holds(items)
				}
			}
		}
	}
	t := &table{head: []string{"items", "against", "what", "ours", "theirs", "ratio", "must", "goal", ""}, note: x.diskNote(system)}
	for i := 1; i < len(all); i++ {
		if err := cmp.Or(errs[0], errs[i]); err != nil {
			t.add(strconv.Itoa(items), all[i].name, failed(err))
			continue
		}
		t.restart(items, all[i].name, &found[0], &found[i])
	}
	return t, nil
}

// restart adds the rows of one opponent. A ratio below 1 is better.
func (t *table) restart(items int, name string, ours, theirs *restarts) {
	for _, row := range []struct {
		what         string
		ours, theirs []float64
		unit         float64
		form         string
		must, goal   float64
	}{
		{"write, s", ours.write, theirs.write, 1, "%.2f", 1, 0.5},
		{"load, s", ours.load, theirs.load, 1, "%.2f", 1, 0.5},
		{"file, MB", ours.file, theirs.file, 1e6, "%.0f", 0, 0},
		{"memory before the stop, MiB", ours.before, theirs.before, 1 << 20, "%.0f", 0, 0},
		{"most while it writes, MiB", ours.writing, theirs.writing, 1 << 20, "%.0f", 1, 0.9},
		{"most while it loads, MiB", ours.loading, theirs.loading, 1 << 20, "%.0f", 1, 0.9},
	} {
		r := parts(row.ours, row.theirs)
		must, goal := targets(row.must, row.goal)
		t.add(strconv.Itoa(items), name, row.what, fmt.Sprintf(row.form, quantile(row.ours, 0.5)/row.unit),
			fmt.Sprintf(row.form, quantile(row.theirs, 0.5)/row.unit), span(r), must, goal, verdict(-r.Median, -row.must, -row.goal))
	}
}

// parts is a as a part of b: that of the medians, and the lowest and highest of one round.
func parts(a, b []float64) bench.Span {
	r := bench.Span{Median: quantile(a, 0.5) / quantile(b, 0.5), Low: a[0] / b[0], High: a[0] / b[0]}
	for i := range a {
		r.Low, r.High = min(r.Low, a[i]/b[i]), max(r.High, a[i]/b[i])
	}
	return r
}

// add stops and starts a server once.
func (f *restarts) add(r *restarter, s *server, dir string) (*server, error) {
	before := resident(s.pid())
	write, most, err := s.stop(r.signal)
	if err != nil {
		return nil, err
	}
	file, err := diskBytes(filepath.Join(dir, r.file))
	if err != nil {
		return nil, fmt.Errorf("%s wrote nothing: %w: %s", r.name, err, s.lastLine())
	}
	time.Sleep(r.pause)
	from := time.Now()
	if s, err = r.start(dir); err == nil {
		err = s.knows()
	}
	if err != nil {
		return nil, err
	}
	f.load = append(f.load, time.Since(from).Seconds())
	f.write, f.file = append(f.write, write.Seconds()), append(f.file, float64(file))
	f.before, f.writing, f.loading = append(f.before, float64(before)), append(f.writing, float64(most)), append(f.loading, float64(peak(s.pid())))
	return s, nil
}

const (
	knownKey  = "restart:known"
	stopLimit = 5 * time.Minute // of a server that writes its file
	askEvery  = 5 * time.Millisecond
)

var knownValue = strings.Repeat("known 100-", 10)

// known sets the key that is asked for after a start.
func known(s *server) error {
	set := fmt.Sprintf("set %s 0 0 %d\r\n%s\r\n", knownKey, len(knownValue), knownValue)
	if s.resp {
		set = fmt.Sprintf("*3\r\n$3\r\nSET\r\n$%d\r\n%s\r\n$%d\r\n%s\r\n", len(knownKey), knownKey, len(knownValue), knownValue)
	}
	reply, err := ask(s.address, set, "\r\n")
	if err == nil && reply != "STORED\r\n" && reply != "+OK\r\n" {
		err = fmt.Errorf("%s: %s", s.name, strings.TrimSpace(reply))
	}
	return err
}

// knows waits until a server answers with the value of the known key. It is asked on a new
// connection each time.
func (s *server) knows() error {
	get := "get " + knownKey + "\r\n"
	if s.resp {
		get = fmt.Sprintf("*2\r\n$3\r\nGET\r\n$%d\r\n%s\r\n", len(knownKey), knownKey)
	}
	var reply string
	for end := time.Now().Add(stopLimit); time.Now().Before(end); time.Sleep(askEvery) {
		var err error
		if reply, err = ask(s.address, get, "\r\n"); err == nil && strings.Contains(reply, knownValue) {
			return nil
		}
		if err == nil && (reply == "END\r\n" || reply == "$-1\r\n") { // it serves, and has lost it
			break
		}
	}
	return fmt.Errorf("%s does not have what it had: %.40q: %s", s.name, reply, s.lastLine())
}

// holds fails if a server has fewer items than were set.
func (s *server) holds(items int) error {
	request, end, before := "stats\r\n", "END\r\n", "STAT curr_items "
	if s.resp {
		request, end, before = "*1\r\n$6\r\nDBSIZE\r\n", "\r\n", ":"
	}
	text, err := ask(s.address, request, end)
	if err != nil {
		return err
	}
	_, rest, _ := strings.Cut(text, before)
	n := 0
	if _, err := fmt.Sscan(rest, &n); err != nil || n < items {
		return fmt.Errorf("%s has %d of %d items", s.name, n, items)
	}
	return nil
}

// stop ends a server with a signal. It returns how long that took, and the most memory that was
// resident meanwhile, in bytes.
func (s *server) stop(sig os.Signal) (took time.Duration, most int64, err error) {
	if err := os.WriteFile(fmt.Sprintf("/proc/%d/clear_refs", s.pid()), []byte("5"), 0); err != nil { // the peak counts from here
		return 0, 0, err
	}
	from := time.Now()
	if err := s.cmd.Process.Signal(sig); err != nil {
		return 0, 0, fmt.Errorf("%s: %w: %s", s.name, err, s.lastLine())
	}
	timeout, tick := time.After(stopLimit), time.NewTicker(askEvery)
	defer tick.Stop()
	for {
		select {
		case <-s.ended:
			return time.Since(from), most, nil
		case <-tick.C:
			most = max(most, peak(s.pid()))
		case <-timeout:
			return 0, 0, fmt.Errorf("%s has not ended within %v: %s", s.name, stopLimit, s.lastLine())
		}
	}
}

// peak is the most memory of a process that was ever resident, in bytes; 0 once it has ended.
func peak(pid int) int64 {
	text, _ := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	_, rest, _ := strings.Cut(string(text), "\nVmHWM:")
	var kib int64
	_, _ = fmt.Sscan(rest, &kib)
	return kib << 10
}

// diskBytes is what a file takes on the disk: one with holes takes less than its size.
func diskBytes(path string) (int64, error) {
	var stat syscall.Stat_t
	err := syscall.Stat(path, &stat)
	return stat.Blocks * 512, err
}

// onDisk makes a directory for the files of servers that stop, and says what file system it is on.
func (x *sitting) onDisk() (dir, system string, err error) {
	base, err := filepath.Abs(cmp.Or(x.disk, "."))
	if err == nil {
		base, err = filepath.EvalSymlinks(base)
	}
	if err != nil {
		return "", "", err
	}
	mounts, err := os.ReadFile("/proc/self/mounts")
	if err != nil {
		return "", "", err
	}
	if system, err = fileSystem(string(mounts), base); err != nil {
		return "", "", err
	}
	if !x.quick && (system == "tmpfs" || system == "ramfs") {
		return "", "", fmt.Errorf("%s is no disk but memory (%s): name a directory on a disk with -disk", base, system)
	}
	x.kept, err = os.MkdirTemp(base, "twincached-bench")
	return x.kept, system, err
}

// fileSystem finds the type of the file system that a directory is on in the text of
// /proc/self/mounts.
func fileSystem(mounts, dir string) (system string, err error) {
	longest := ""
	for line := range strings.Lines(mounts) {
		words := strings.Fields(line)
		if len(words) < 3 {
			continue
		}
		at := strings.TrimSuffix(words[1], "/") + "/"
		if strings.HasPrefix(dir+"/", at) && len(at) >= len(longest) { // the last one covers the others
			longest, system = at, words[2]
		}
	}
	if system == "" {
		return "", fmt.Errorf("%s: %w", dir, fs.ErrNotExist)
	}
	return system, nil
}

// diskNote says how the rows were measured.
func (x *sitting) diskNote(system string) string {
	return fmt.Sprintf("The files were on a disk (%s), and in the page cache when they were loaded. Restarts of each, in turn: %d.", system, x.full.copies)
}
