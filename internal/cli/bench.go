package cli

import (
	"crypto/tls"
	"errors"
	"fmt"
	"math"
	"runtime/debug"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/urfave/cli/v2"

	"twincached/internal/bench"
)

const benchText = `SERVER is HOST[:PORT] of a memcached server of any make (port 11211), or a unix
socket (/PATH). It sets keys that begin with "bench:", so do not run it against a cache
that is in use: it may evict what is there.

Each server is loaded once (--no-load leaves that out); then come the rounds. Several
servers take turns, A B A B, and each is compared with the first one: the ratio of the
medians, and behind it the lowest and the highest ratio of one turn. More than 1: it is
that many times as good as the first. Differences below 5 % are noise on most machines.

Every reply is checked, each byte of each value; the first wrong one ends it with status 1.
A closed loop sends when the last reply is there. With --rate it sends when a request is
due, and the latency counts from that moment, sent or not.

The CPU time a request is the server's, where its process runs on this machine and may be
looked at. It moves less than the requests a second do. Keep the load off the server's
core, and its wake-ups out of the server's time:
  taskset -c 1 twincached bench --spin A B

With --hits it plays one workload on all servers at the same time, and says how much of
what was read they still had. What is not found is stored, up to more than the memory
holds. Start each server anew before it, all with the same -m, and name that by
--hits-memory. A name that does not exist lists the workloads.

Exit status: 0 it was done; 1 a server failed, or gave a wrong reply; 64 the command line
is wrong.`

// benchWords is what the command line says of a load.
type benchWords struct {
	ask       askWords
	opt       bench.Options
	hits      string // a workload that asks for hit ratios; "": a load
	memoryMiB int    // that the servers were given, for it
}

const benchMemory = 64 // MiB, as a server has unless told otherwise

// benchCommand is "twincached bench": it puts load on memcached servers.
func (p *program) benchCommand() *cli.Command {
	w := &benchWords{opt: bench.Default(), memoryMiB: benchMemory}
	return &cli.Command{
		Name:        "bench",
		Usage:       "measure memcached servers under load",
		ArgsUsage:   "SERVER...",
		Description: benchText,
		Flags:       append(w.flags(), w.ask.flags()...),
		Before:      applyOptions,
		Action: func(c *cli.Context) error {
			servers, err := w.read(c)
			if err != nil {
				return exitWith(exitUsage, fmt.Errorf("bench: %w", err))
			}
			run := p.bench
			if w.hits != "" {
				run = w.playHits(p)
			}
			if err := run(servers, w.opt, c.Bool("json")); err != nil {
				return exitWith(exitFailed, fmt.Errorf("bench: %w", err))
			}
			return nil
		},
	}
}

func (w *benchWords) flags() []cli.Flag {
	o := &w.opt
	most := func(n int) string { return fmt.Sprintf("a number from 1 to %d", n) }
	flags := asFlags([]*option{
		newOption("connections", "c", "N", numberFrom(1, bench.MaxConnections, most(bench.MaxConnections), &o.Connections), "connections to each server"),
		newOption("threads", "t", "N", numberFrom(1, bench.MaxThreads, most(bench.MaxThreads), &o.Threads), "threads that serve them"),
		newOption("depth", "d", "N", numberFrom(1, bench.MaxDepth, most(bench.MaxDepth), &o.Depth), "requests sent at once on a connection"),
		newOption("gets", "g", "PERCENT", numberFrom(0, 100, "a number from 0 to 100", &o.Gets), "of the requests; the others are sets"),
		newOption("multiget", "", "N", numberFrom(1, bench.MaxMultiget, most(bench.MaxMultiget), &o.Multiget), "keys of each get"),
		newOption("keys", "n", "N", numberFrom(1, bench.MaxKeys, most(bench.MaxKeys), &o.Keys), "how many different keys there are"),
		newOption("key-size", "", "BYTES", numberFrom(bench.MinKeyBytes, bench.MaxKeyBytes, fmt.Sprintf("a number from %d to %d", bench.MinKeyBytes, bench.MaxKeyBytes), &o.KeyBytes), "of each key"),
		newOption("size", "", "BYTES", valueSizes(o), "of each value, or MIN-MAX: then each key has one of these"),
		newOption("zipf", "z", "S", exponent(&o.Zipf), "some keys are asked for more: the one of rank i in proportion to i^-S; 0: all alike"),
		newOption("ttl", "", "SECONDS", numberFrom(0, 30*24*3600, "a number of seconds, 30 days at most", &o.TTL), "that each item lives; 0: for ever"),
		newOption("rate", "r", "N", numberFrom(0, math.MaxInt32, "a number of requests", &o.Rate), "requests a second, sent when they are due; 0: when the last reply is there"),
		newOption("duration", "", "TIME", durationUpTo(time.Hour, &o.Duration), "of a round"),
		newOption("warmup", "", "TIME", durationUpTo(time.Hour, &o.Warmup), "before it, not measured"),
		newOption("rounds", "", "N", rounds(&o.Rounds), "rounds on each server"),
		newOption("protocol", "", "WORD", protocolWord(&o.Protocol), "text, meta, or resp, which Redis speaks"),
		newOption("hits", "", "WORKLOAD", workloadWord(&w.hits), "what is found, and not how fast: zipf-0.99, scan ...; the servers have to be empty"),
		newOption("hits-memory", "", "MIB", numberFrom(1, 1<<20, "a number of MiB", &w.memoryMiB), "that each server was given (-m), for --hits"),
		newOption("pid", "", "PID,...", pids(&o.PIDs), "the servers' processes, in the order of the servers; 0 finds it"),
	})
	return append(flags,
		&cli.BoolFlag{Name: "no-load", Usage: "the keys are there already, or misses are wanted"},
		&cli.BoolFlag{Name: "need-hits", Usage: "a miss is a wrong reply"},
		&cli.BoolFlag{Name: "spin", Usage: "look for replies all the time: uses a core for each thread"},
		&cli.BoolFlag{Name: "tls", Usage: "speak TLS, and take any certificate if there is no --tls-ca"},
		&cli.BoolFlag{Name: "json", Usage: "print all that was measured as JSON"},
	)
}

// read makes the servers and the options of what was said.
func (w *benchWords) read(c *cli.Context) (servers []string, err error) {
	o := &w.opt
	words := c.Args().Slice()
	if len(words) == 0 {
		return nil, errors.New("say which server: it writes there, so it takes none by itself: twincached bench 127.0.0.1:11211")
	}
	if err := w.fitsHits(c); err != nil {
		return nil, err
	}
	if servers, err = addressesOf(words); err != nil {
		return nil, err
	}
	if o.Rounds == 0 {
		o.Rounds = 1
		if len(servers) > 1 {
			o.Rounds = benchTurns
		}
	}
	o.Load, o.NeedHits, o.Spin = !c.Bool("no-load"), c.Bool("need-hits"), c.Bool("spin")
	a, err := w.ask.options()
	switch {
	case err != nil:
		return nil, err
	case a.LoginError != nil:
		return nil, a.LoginError
	case c.Bool("tls") || a.Roots != nil || a.Certificate != nil:
		o.TLS = &tls.Config{RootCAs: a.Roots, InsecureSkipVerify: a.Roots == nil}
		if a.Certificate != nil {
			o.TLS.Certificates = []tls.Certificate{*a.Certificate}
		}
	}
	if o.Name, o.Password = a.Name, a.Password; o.Name != "" && o.TLS != nil && a.Roots == nil {
		return nil, fmt.Errorf("no password is sent over TLS to a server that anybody could be: name the authority of its certificate by --tls-ca")
	}
	return servers, o.Check(len(servers))
}

// fitsHits refuses what --hits would not heed: the workload says it.
func (w *benchWords) fitsHits(c *cli.Context) error {
	if w.hits == "" {
		return nil
	}
	for _, name := range c.FlagNames() {
		if !slices.Contains([]string{"hits", "hits-memory", "json"}, name) && c.IsSet(name) {
			return fmt.Errorf("--hits does not take --%s: leave it out", name)
		}
	}
	return nil
}

// benchTurns is how many rounds several servers get unless told otherwise: enough for a median.
const benchTurns = 5

func (p *program) bench(servers []string, opt bench.Options, asJSON bool) error {
	debug.SetGCPercent(400) // it makes little garbage, and a collection stops the load
	b := newBar(p.stderr)
	opt.Progress = func(g bench.Progress) { b.draw("bench", g.Done, func() string { return benchProgress(g) }) }
	r, err := bench.Run(servers, opt)
	b.clear()
	if err != nil {
		return err
	}
	if asJSON {
		return writeJSON(p.stdout, r)
	}
	return benchReport(p.stdout, &opt, r)
}

// playHits is bench with a workload that asks for hit ratios.
func (w *benchWords) playHits(p *program) func([]string, bench.Options, bool) error {
	return func(servers []string, _ bench.Options, asJSON bool) error {
		workload, err := bench.Workload(w.hits, int64(w.memoryMiB)<<20)
		if err != nil {
			return err
		}
		b := newBar(p.stderr)
		r, err := bench.HitRatios(servers, workload, func(g bench.Progress) {
			b.draw("bench", g.Done, func() string { return fmt.Sprintf("%s: %d reads", g.Server, g.Requests) })
		})
		b.clear()
		switch {
		case err != nil:
			return err
		case asJSON:
			return writeJSON(p.stdout, r)
		}
		return hitsReport(p.stdout, workload.About, r)
	}
}

// workloadWord reads the name of a workload.
func workloadWord(to *string) reader {
	return reader{deflt: "none", read: func(v string) error {
		if _, err := bench.Workload(v, benchMemory<<20); err != nil {
			return err
		}
		*to = v
		return nil
	}}
}

// rounds reads a number of rounds. 0, which nobody may say, is that nobody did.
func rounds(to *int) reader {
	*to = 0
	return numberFrom(1, 10_000, "a number from 1 to 10000", to).instead(fmt.Sprintf("1, of several servers %d", benchTurns))
}

// valueSizes reads a size, or the least and the greatest.
func valueSizes(o *bench.Options) reader {
	return reader{deflt: strconv.Itoa(o.MaxValue), read: func(v string) error {
		low, high, ranged := strings.Cut(v, "-")
		if !ranged {
			high = low
		}
		a, errA := strconv.ParseUint(low, 10, 31)
		b, errB := strconv.ParseUint(high, 10, 31)
		if errA != nil || errB != nil || a > b || b > bench.MaxValueBytes {
			return fmt.Errorf("%q is not a size such as 100 or 10-1000, %d at most", v, bench.MaxValueBytes)
		}
		o.MinValue, o.MaxValue = int(a), int(b)
		return nil
	}}
}

// exponent reads that of a Zipf distribution.
func exponent(to *float64) reader {
	return reader{deflt: "0", read: func(v string) error {
		s, err := strconv.ParseFloat(v, 64)
		if err != nil || !(s >= 0 && s <= 10) {
			return fmt.Errorf("%q is not a number from 0 to 10 such as 0.99", v)
		}
		*to = s
		return nil
	}}
}

func protocolWord(to *bench.Protocol) reader {
	return reader{deflt: "text", read: func(v string) error {
		all := map[string]bench.Protocol{"text": bench.Text, "meta": bench.Meta, "resp": bench.RESP}
		p, ok := all[v]
		if !ok {
			return fmt.Errorf("%q is neither text nor meta nor resp", v)
		}
		*to = p
		return nil
	}}
}

// pids reads numbers of processes.
func pids(to *[]int) reader {
	return reader{read: func(v string) error {
		*to = nil
		for word := range strings.SplitSeq(v, ",") {
			n, err := strconv.ParseUint(word, 10, 31)
			if err != nil {
				return fmt.Errorf("%q is not the number of a process", word)
			}
			*to = append(*to, int(n))
		}
		return nil
	}}
}
