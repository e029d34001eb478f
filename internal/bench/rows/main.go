package main

import (
	"context"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"
)

// settings is what the command line says.
type settings struct {
	out     string
	rows    string // sections, with commas; "" all that are not only on demand
	quick   bool   // tiny numbers: does it work at all?
	program string // twincached; "": it is built
	disk    string // a directory for what servers keep while they are stopped; "" the one that we are in

	memcached, head, pogocache, redis, valkey string // binaries; "" there is none
}

func main() {
	var s settings
	flag.StringVar(&s.out, "out", "BENCHMARKS.md", "the page")
	flag.StringVar(&s.rows, "rows", "", "sections to measure, with commas; all but hits unless said")
	flag.BoolVar(&s.quick, "quick", false, "tiny numbers that mean nothing, to see that it works")
	flag.StringVar(&s.program, "program", "", "a twincached that is built already")
	flag.StringVar(&s.disk, "disk", "", "where servers that stop keep their files, a directory on a disk; this one unless said")
	flag.StringVar(&s.memcached, "memcached", "memcached", "Debian's memcached")
	flag.StringVar(&s.head, "memcached-head", "", "a memcached of its development tree")
	flag.StringVar(&s.pogocache, "pogocache", "", "pogocache")
	flag.StringVar(&s.redis, "redis", "redis-server", "Redis")
	flag.StringVar(&s.valkey, "valkey", "", "Valkey")
	flag.Parse()
	if err := s.run(os.Stderr); err != nil {
		fmt.Fprintln(os.Stderr, "rows:", err)
		os.Exit(1)
	}
}

// run measures, and writes the page after each section.
func (s *settings) run(progress io.Writer) error {
	names, err := s.sections()
	if err != nil {
		return err
	}
	dir, err := os.MkdirTemp("", "twincached-bench")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	x := &sitting{settings: s, dir: dir, full: full}
	if s.quick {
		x.full = quick
	}
	if x.program = s.program; x.program == "" {
		x.program = filepath.Join(dir, "twincached")
		build := exec.Command("go", "build", "-trimpath", "-o", x.program, ".")
		if out, err := build.CombinedOutput(); err != nil {
			return fmt.Errorf("building twincached: %w\n%s", err, out)
		}
	}
	if err := x.cores(); err != nil {
		return err
	}
	defer x.endAll()
	interrupted, forget := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer forget()
	defer context.AfterFunc(interrupted, func() {
		x.interrupt()
		os.RemoveAll(x.kept)
		os.RemoveAll(dir)
		os.Exit(1)
	})()
	old, _ := os.ReadFile(s.out)
	p := readPage(string(old))
	for _, c := range all {
		if !slices.Contains(names, c.name) {
			continue
		}
		from := time.Now()
		fmt.Fprintf(progress, "%s: ", c.name)
		p.put(c.name, x.section(&c))
		x.endAll()
		if interrupted.Err() != nil {
			return errInterrupted
		}
		fmt.Fprintf(progress, "%.0f s\n", time.Since(from).Seconds())
		if err := os.WriteFile(s.out, []byte(p.text(x)), 0o666); err != nil {
			return err
		}
	}
	return nil
}

// sections is which ones are to be measured.
func (s *settings) sections() (names []string, err error) {
	if s.rows == "" {
		for _, c := range all {
			if !c.onDemand {
				names = append(names, c.name)
			}
		}
		return names, nil
	}
	for name := range strings.SplitSeq(s.rows, ",") {
		if !slices.ContainsFunc(all, func(c section) bool { return c.name == name }) {
			var known []string
			for _, c := range all {
				known = append(known, c.name)
			}
			return nil, fmt.Errorf("there is no section %q: they are %s", name, strings.Join(known, ", "))
		}
		names = append(names, name)
	}
	return names, nil
}
