package cli

import (
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"text/tabwriter"

	"twincached/internal/bench"
)

// benchProgress is how far a load has come, in words.
func benchProgress(g bench.Progress) string {
	if g.Loading {
		return fmt.Sprintf("%s: %d keys set, %.0f a second", g.Server, g.Requests, g.Rate)
	}
	return fmt.Sprintf("%s: round %d, %.0f requests a second", g.Server, g.Round, g.Rate)
}

// benchReport prints what a run found, for people.
func benchReport(to io.Writer, o *bench.Options, r *bench.Report) error {
	var b strings.Builder
	t := tabwriter.NewWriter(&b, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(t, "requests/s\tspread\tp50 us\tp90\tp99\tp99.9\tmax\thits\tCPU us a request\tcores\tload's cores\t")
	for i := range r.Servers {
		s := &r.Servers[i]
		m := &s.Median
		cpu, cores := "-", "-"
		if m.CPU > 0 {
			cpu, cores = fmt.Sprintf("%.2f", m.CPU), fmt.Sprintf("%.2f", m.Cores)
		}
		fmt.Fprintf(t, "%.0f\t%.0f%%\t%.1f\t%.1f\t%.1f\t%.1f\t%.0f\t%s\t%s\t%s\t%.2f\t\n",
			m.Rate, 100*s.Spread, m.P50, m.P90, m.P99, m.P999, m.Max, benchHits(s), cpu, cores, m.Client)
	}
	if err := t.Flush(); err != nil {
		return err
	}
	rows := strings.Split(strings.TrimSuffix(b.String(), "\n"), "\n")
	var out strings.Builder
	fmt.Fprintln(&out, rows[0])
	for i := range r.Servers {
		s := &r.Servers[i]
		fmt.Fprintf(&out, "%s  %s%s\n", rows[i+1], s.Address, benchProcess(s))
	}
	for _, s := range r.Servers {
		if late := benchLate(&s); o.Rate > 0 && late > 0 {
			fmt.Fprintf(&out, "%s: up to %d requests were due and not sent yet\n", s.Address, late)
		}
	}
	for _, x := range r.Ratios {
		fmt.Fprintf(&out, "%s is %s times %s in requests a second, %s in p99", x.Address, benchSpan(x.Rate), r.Servers[0].Address, benchSpan(x.P99))
		if x.CPU != nil {
			fmt.Fprintf(&out, ", %s in CPU a request", benchSpan(*x.CPU))
		}
		fmt.Fprintln(&out, " (more than 1 is better)")
	}
	_, err := io.WriteString(to, out.String())
	return err
}

// hitsReport prints what a workload found, for people.
func hitsReport(to io.Writer, about string, found []bench.HitRatio) error {
	var b strings.Builder
	fmt.Fprintln(&b, about)
	for i, r := range found {
		fmt.Fprintf(&b, "%6.2f%%  %s", 100*r.Ratio, r.Address)
		if i > 0 {
			fmt.Fprintf(&b, "  %+.2f points", 100*(r.Ratio-found[0].Ratio))
		}
		if r.LateSeconds > hitsLate {
			fmt.Fprintf(&b, "  (%.1f s late: items expired too early)", r.LateSeconds)
		}
		fmt.Fprintln(&b)
	}
	_, err := io.WriteString(to, b.String())
	return err
}

const hitsLate = 0.5 // seconds from which on a ratio is too low

func benchSpan(s bench.Span) string { return fmt.Sprintf("%.2f (%.2f-%.2f)", s.Median, s.Low, s.High) }

// benchHits is the part of the keys asked for that were there.
func benchHits(s *bench.Server) string {
	var hits, all uint64
	for _, r := range s.Rounds {
		hits += r.Hits
		all += r.Hits + r.Misses
	}
	if all == 0 {
		return "-"
	}
	return fmt.Sprintf("%.2f%%", 100*float64(hits)/float64(all))
}

func benchProcess(s *bench.Server) string {
	if s.Process == "" {
		return ""
	}
	return fmt.Sprintf(" (%s, pid %d)", s.Process, s.PID)
}

func benchLate(s *bench.Server) (late int64) {
	for _, r := range s.Rounds {
		late = max(late, r.Late)
	}
	return late
}

func writeJSON(to io.Writer, v any) error {
	e := json.NewEncoder(to)
	e.SetIndent("", "  ")
	return e.Encode(v)
}
