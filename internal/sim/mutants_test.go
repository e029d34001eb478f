//go:build mutants

package sim

import (
	"flag"
	"fmt"
	"os"
	"strings"
	"testing"

	"twincached/internal/rule"
)

var (
	mutantSeeds = flag.Uint64("mutants.seeds", 3000, "seeds of each plan that a mutant has to survive to count as missed")
	mutantOnly  = flag.String("mutants.rule", "", "this rule only, and with -v a trace of what kills it")
	mutantTable = flag.String("mutants.table", "", "write the table to this file")
)

// TestMutants switches off one safety rule after the other: the simulation has to
// notice each.
func TestMutants(t *testing.T) {
	table := strings.Builder{}
	fmt.Fprintf(&table, "| rule | says | without it | killed by | runs until then |\n|---|---|---|---|---|\n")
	for _, r := range rule.All {
		if *mutantOnly != "" && *mutantOnly != r.Name {
			continue
		}
		f, runs := kill(t, r)
		if f == nil {
			t.Errorf("%s survives %d runs: %s, but %s", r.Name, runs, r.Says, r.Mutant)
			fmt.Fprintf(&table, "| `%s` | %s | %s | **survives** | %d |\n", r.Name, r.Says, r.Mutant, runs)
			continue
		}
		t.Logf("%s: killed by seed %d of %q after %d runs: %s", r.Name, f.Seed, f.Plan, runs, f.Text)
		fmt.Fprintf(&table, "| `%s` | %s | %s | %s, seed %d: %s | %d |\n", r.Name, r.Says, r.Mutant, f.Plan, f.Seed, f.Text, runs)
	}
	if strings.Count(table.String(), "\n") == 2 {
		t.Fatalf("-mutants.rule: there is no rule %q", *mutantOnly)
	}
	if *mutantTable != "" {
		if err := os.WriteFile(*mutantTable, []byte(table.String()), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

// madeFor has the plans of rules whose breach is so rare that there is a plan for it.
var madeFor = map[string]string{
	"BarrierTwice": "copy",

	"GoneProvesNothing": "planned together",
	"OneStays":          "planned together",
	"RefusedStaysShut":  "refusals",
	"ByeAnswered":       "planned together, and crashes",
}

// kill runs seeds without a rule until a promise is broken.
func kill(t *testing.T, r rule.Rule) (found *Failure, runs uint64) {
	if err := rule.Switch(r.Name, false); err != nil {
		t.Fatal(err)
	}
	defer rule.Switch(r.Name, true)
	plans := Plans
	if name := madeFor[r.Name]; name != "" {
		plans = []Plan{planOf(name)}
	}
	found, runs = hunt(plans, *mutantSeeds)
	if found != nil && *mutantOnly != "" {
		Shrink(planOf(found.Plan), found.Seed, func(line string) { t.Log(line) })
	}
	return found, runs
}
