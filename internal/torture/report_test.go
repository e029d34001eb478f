package torture

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

// tally is what all rounds found.
type tally struct {
	began        time.Time
	rounds       map[string]*faultTally
	planned      []plannedStop
	gaveUp       []gaveUp
	joins        []time.Duration // from the start of a process until it serves clients
	brokenRounds int
	broken       []string
	down         map[string]map[string][]outage // by library and fault
}

// faultTally is what the rounds of one fault found.
type faultTally struct {
	rounds, values, differ, lone             int
	stale, returned, vanished, foreign, read int
	evicting                                 int // rounds in which a node evicted
	lost                                     []time.Duration
	lossy                                    int // rounds that lost something
	most                                     int // lost in one round
	linkIn, equalIn                          []time.Duration
	verified, kills                          int
	kept                                     [2]share // without and with saturated graves
}

// share is how many of the keys that were written once and never deleted are there.
type share struct {
	rounds, once, kept int
	least              float64 // of one round
}

// plannedStop is one SIGTERM with the link up.
type plannedStop struct {
	took   time.Duration
	status int
	lost   int
	lagged bool // the link was slow, or long
}

// gaveUp is one that a node could not finish within its time.
type gaveUp struct {
	took          time.Duration // beyond its time
	left          int           // items that its peer does not have, as it said
	keys, changes int           // that are lost
}

func newTally() *tally {
	return &tally{began: time.Now(), rounds: map[string]*faultTally{}, down: map[string]map[string][]outage{}}
}

func (t *tally) add(r *round) {
	f := t.rounds[r.fault.name]
	if f == nil {
		f = &faultTally{kept: [2]share{{least: 1}, {least: 1}}}
		t.rounds[r.fault.name] = f
	}
	f.rounds++
	f.values += r.v.values
	f.verified += r.verified.compared
	f.differ += r.v.differ + r.verified.differ
	f.lone += r.v.onlyA + r.v.onlyB
	f.stale += r.v.stale
	f.returned += r.v.returned
	f.vanished += r.v.vanished
	f.foreign += r.v.foreign
	f.read += r.readBreaches
	if r.evicted {
		f.evicting++
	}
	if r.v.once > 0 {
		s := &f.kept[0]
		if r.saturated {
			s = &f.kept[1]
		}
		s.rounds, s.once, s.kept = s.rounds+1, s.once+r.v.once, s.kept+r.v.kept
		s.least = min(s.least, float64(r.v.kept)/float64(r.v.once))
	}
	f.kills += len(r.killedAt[0]) + len(r.killedAt[1])
	f.lost = append(f.lost, r.v.lost...)
	if len(r.v.lost) > 0 {
		f.lossy++
		f.most = max(f.most, len(r.v.lost))
	}
	f.linkIn, f.equalIn = append(f.linkIn, r.linkIn), append(f.equalIn, r.equalIn)
	if len(r.broken) > 0 {
		t.brokenRounds++
		for _, b := range r.broken[:min(5, len(r.broken))] {
			t.broken = append(t.broken, fmt.Sprintf("round %d, %s: %s", r.number, r.fault.name, b))
		}
	}
}

// outages notes what the probes went through.
func (t *tally) outages(fault string, probes []*probe, from, to time.Time) {
	for _, p := range probes {
		if t.down[p.library] == nil {
			t.down[p.library] = map[string][]outage{}
		}
		t.down[p.library][fault] = append(t.down[p.library][fault], measure(p.take(from, to)))
	}
}

// print is the round's line in the log.
func (r *round) print() {
	text := fmt.Sprintf("round %d %s %s: %d values, %d differ, %d on one node only, linked after %d ms, equal after %d ms, verify %d keys in %.1f s",
		r.number, r.fault.name, r.victim.name(), r.v.values, r.v.differ, r.v.onlyA+r.v.onlyB,
		r.linkIn.Milliseconds(), r.equalIn.Milliseconds(), r.verified.compared, r.verified.seconds)
	if len(r.v.lost) > 0 {
		text += fmt.Sprintf(", lost %d of up to %v before the kill", len(r.v.lost), slices.Max(r.v.lost).Round(100*time.Microsecond))
	}
	if len(r.notes) > 0 {
		text += " (" + strings.Join(r.notes, "; ") + ")"
	}
	r.h.logf("%s", text)
	for _, b := range r.broken[:min(20, len(r.broken))] {
		r.h.logf("  BROKEN %s", b)
	}
	if more := len(r.broken) - 20; more > 0 {
		r.h.logf("  and %d more", more)
	}
}

// quantile returns the value below which a part of all lie; zero of none.
func quantile(all []time.Duration, part float64) time.Duration {
	if len(all) == 0 {
		return 0
	}
	sorted := slices.Sorted(slices.Values(all))
	return sorted[min(len(sorted)-1, int(part*float64(len(sorted))))]
}

func millis(d time.Duration) string {
	if d < 10*time.Millisecond {
		return fmt.Sprintf("%.1f", float64(d.Microseconds())/1000)
	}
	return fmt.Sprint(d.Milliseconds())
}

// report is what goes into a document.
func (t *tally) report(h *harness) string {
	var b strings.Builder
	form := "short form"
	if h.long {
		form = fmt.Sprintf("%.0f minutes", time.Since(t.began).Minutes())
	}
	rounds := 0
	for _, f := range t.rounds {
		rounds += f.rounds
	}
	fmt.Fprintf(&b, "Seed %d, %s, %d rounds, %s. ", h.seed, form, rounds, time.Now().Format("2006-01-02 15:04"))
	if h.load != nil {
		fmt.Fprintf(&b, "%d changes acknowledged, %d reads checked, %d changes without a reply.\n\n",
			h.load.acked.Load(), h.load.reads.Load(), h.load.unsure.Load())
	}
	t.faultTable(&b)
	t.lossTable(&b)
	t.stopLines(&b)
	t.keptLines(&b)
	t.outageTable(&b, h.probes)
	if len(t.broken) > 0 {
		fmt.Fprintf(&b, "\nBroken promises, %d rounds:\n\n", t.brokenRounds)
		for _, line := range t.broken {
			fmt.Fprintf(&b, "* %s\n", line)
		}
	}
	return b.String()
}

func (t *tally) faultTable(b *strings.Builder) {
	fmt.Fprint(b, "| fault | rounds | values compared | by verify | differ | stale | resurrected | vanished | read went back | one node only (evicted) | linked after, ms | equal after, ms |\n")
	fmt.Fprint(b, "|---|---|---|---|---|---|---|---|---|---|---|---|\n")
	for _, f := range faults {
		r := t.rounds[f.name]
		if r == nil {
			continue
		}
		fmt.Fprintf(b, "| %s | %d | %d | %d | %d | %d | %d | %d | %d | %d | %s / %s | %s / %s |\n", f.what, r.rounds, r.values, r.verified, r.differ,
			r.stale+r.foreign, r.returned, r.vanished, r.read, r.lone, millis(quantile(r.linkIn, 0.5)), millis(quantile(r.linkIn, 1)),
			millis(quantile(r.equalIn, 0.5)), millis(quantile(r.equalIn, 1)))
	}
	fmt.Fprint(b, "\nTimes are median / max; the link's counts from the end of the fault, that of equality from the pause of all writers.\n\n")
}

func (t *tally) lossTable(b *strings.Builder) {
	fmt.Fprint(b, "| kill | kills | that lost acknowledged changes | changes lost | at most in one | age at the kill: p50, ms | p90 | max |\n|---|---|---|---|---|---|---|---|\n")
	for _, f := range faults {
		if k := t.rounds[f.name]; k != nil && k.kills > 0 {
			fmt.Fprintf(b, "| %s | %d | %d | %d | %d | %s | %s | %s |\n", f.what, k.kills, k.lossy, len(k.lost), k.most,
				millis(quantile(k.lost, 0.5)), millis(quantile(k.lost, 0.9)), millis(quantile(k.lost, 1)))
		}
	}
	fmt.Fprint(b, "\nAge: from the reply, as the client read it, to the kill; a reply that was read after it has age 0.\n\n")
}

// stopLines say how nodes ended that were told to.
func (t *tally) stopLines(b *strings.Builder) {
	if len(t.planned) > 0 {
		lost, failed, lagged := 0, 0, 0
		var took []time.Duration
		for _, p := range t.planned {
			lost += p.lost
			took = append(took, p.took)
			if p.status != 0 {
				failed++
			}
			if p.lagged {
				lagged++
			}
		}
		fmt.Fprintf(b, "Planned restarts: %d, %d of them behind a link that lagged; exit status other than 0: %d, acknowledged changes lost: %d. From SIGTERM to the end: median %s ms, max %s ms.\n\n",
			len(t.planned), lagged, failed, lost, millis(quantile(took, 0.5)), millis(quantile(took, 1)))
	}
	if len(t.gaveUp) > 0 {
		left, keys, changes := 0, 0, 0
		var took []time.Duration
		for _, g := range t.gaveUp {
			left, keys, changes = left+g.left, keys+g.keys, changes+g.changes
			took = append(took, g.took)
		}
		fmt.Fprintf(b, "Stopped with status 3, as the link was too slow for what was left: %d, not counted above. They said that %d items are not on a live peer; %d keys have lost what was acknowledged, %d changes. Beyond the time-out they took %s / %s ms.\n\n",
			len(t.gaveUp), left, keys, changes, millis(quantile(took, 0.5)), millis(quantile(took, 1)))
	}
	if len(t.joins) > 0 {
		fmt.Fprintf(b, "From the start of a process until it serves, copy included: median %s ms, max %s ms, of %d.\n\n",
			millis(quantile(t.joins, 0.5)), millis(quantile(t.joins, 1)), len(t.joins))
	}
}

// keptLines say what forgotten deletes cost.
func (t *tally) keptLines(b *strings.Builder) {
	for _, f := range faults {
		r := t.rounds[f.name]
		if r == nil {
			continue
		}
		for i, s := range r.kept {
			if s.rounds == 0 {
				continue
			}
			fmt.Fprintf(b, "%s, %s, %d rounds: of %d keys that were written once and never deleted, %d (%.2f %%) are there afterwards, in the worst round %.2f %%.\n\n",
				f.what, [...]string{"graves with filters", "graves that count for every key"}[i], s.rounds, s.once, s.kept, 100*float64(s.kept)/float64(s.once), 100*s.least)
		}
	}
}

// outageTable is how long clients of libraries had failing calls.
func (t *tally) outageTable(b *strings.Builder, probes []*probe) {
	fmt.Fprint(b, "| client | fault | rounds | calls that failed | misses | outage, ms | longest call, ms |\n|---|---|---|---|---|---|---|\n")
	for _, p := range probes {
		for _, f := range faults {
			all := t.down[p.library][f.name]
			if len(all) == 0 {
				continue
			}
			var down, longest []time.Duration
			failed, missed := 0, 0
			for _, o := range all {
				failed, missed = failed+o.failed, missed+o.missed
				down, longest = append(down, o.down), append(longest, o.longest)
			}
			fmt.Fprintf(b, "| %s | %s | %d | %d | %d | %s / %s | %s / %s |\n", p.library, f.name, len(all), failed, missed,
				millis(quantile(down, 0.5)), millis(quantile(down, 1)), millis(quantile(longest, 0.5)), millis(quantile(longest, 1)))
		}
	}
	fmt.Fprint(b, "\nOutage: from the first failing call to the end of the last one, of a whole round, its restarts and the node's return included; median / max.\n")
}
