// Package mutants holds faults, each one line, that the checks of the project have to
// notice. See "The faults, put in one by one" in docs/reliability.md for how to add one.
package mutants

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"twincached/internal/sim"
)

// root is the top of the module, seen from here.
const root = "../.."

// mutant is one fault: a text of a source file, and what stands there instead. The
// rows are in the files table_*_test.go.
type mutant struct {
	name string // what is wrong, in a few words
	says string // what the code promises, and breaks with the new text
	file string // from the top of the module
	old  string // has to be there exactly once: choose a short text that will stay
	new  string
	by   check // fails with the new text, and passes without
}

// check is what kills a mutant: a test, or a plan of the simulation.
type check struct {
	pkg  string // the test's directory, from the top of the module
	test string // its name, or "TestA/case"

	plan  string // of the simulation, instead of a test
	seeds int    // of the plan that are run, at most
}

func test(pkg, name string) check { return check{pkg: pkg, test: name} }

// plan is a check by the simulation. seeds should be ten times as many as it takes:
// another command of a client, and each seed is another run.
func plan(name string, seeds int) check {
	return check{pkg: "internal/sim", test: "TestSim_Hunt", plan: name, seeds: seeds}
}

func (c check) String() string {
	if c.plan != "" {
		return "the simulation, plan " + c.plan
	}
	return "`" + c.test + "`"
}

// table is all of them. These are not in it, as they change nothing that a node, a peer or
// a client could see:
//
//   - a copy that is done sets A to B instead of T: norm makes one cursor of both;
//   - the bulk lane leaves out the item with the sequence t: none has it, the copy took it;
//   - an item is put into the index in front of those with its tag: their order says nothing;
//   - a resize fills the last slot of a table, which ends every search: there is no room
//     then, and another table is tried;
//   - the cleaner does not mark what it has moved as dead: it frees the whole segment;
//   - an index shrinks to an eighth at once: later than to a half, and by more;
//   - setMarks leaves stale as it is: whoever writes over an item has cleared it;
//   - a change between sessions leaves the live lane at the end: its place is then looked
//     for from the other side, which takes longer (BenchmarkAttach_AfterEverythingHasChanged);
//   - merge compares with an item that was flushed: it loses, and a conflict is counted;
//   - a cursor counts from every peer: the copy that another peer was given since has a
//     sequence of its own above that cursor, which makes it begin anew;
//   - everything is buried for an old peer that is empty: that costs misses;
//   - a dialled connection counts as one being set up for as long as it lasts: the gate has
//     nothing to decide while there is a session;
//   - a draining link does not wake its writer for the BYE or a copy that waits: it wakes by itself, in 100 ms.
func table() []mutant {
	return slices.Concat(ruleMutants, stateMutants, flushMutants, clockMutants, memoryMutants, walkMutants, linkMutants, largeMutants,
		arriveMutants, serveMutants, strangerMutants, saidMutants, logMutants, sampleMutants, releaseMutants, metricsMutants, askMutants, pageMutants, drillMutants, dumpMutants, imageMutants, heirMutants, warmMutants)
}

// mutated is the text of the file with the fault in it.
func (m *mutant) mutated() (string, error) {
	text, err := os.ReadFile(filepath.Join(root, m.file))
	if err != nil {
		return "", err
	}
	if n := strings.Count(string(text), m.old); n != 1 {
		return "", fmt.Errorf("%s has this text %d times, not once: %q", m.file, n, m.old)
	}
	return strings.Replace(string(text), m.old, m.new, 1), nil
}

// TestMutants_TheTableFitsTheCode: whoever changes a line that is in the table changes
// its row, and whoever renames a check does.
func TestMutants_TheTableFitsTheCode(t *testing.T) {
	seen, texts := map[string]bool{}, map[string]string{}
	for _, m := range table() {
		if m.name == "" || m.says == "" || m.old == m.new || seen[m.name] {
			t.Errorf("the row %q has no name of its own, says nothing, or changes nothing", m.name)
		}
		seen[m.name] = true
		if _, err := m.mutated(); err != nil {
			t.Errorf("%s: %v", m.name, err)
		}
		if m.by.plan != "" && (!slices.ContainsFunc(sim.Plans, func(p sim.Plan) bool { return p.Name == m.by.plan }) || m.by.seeds == 0) {
			t.Errorf("%s: the simulation has no plan %q, or no seeds of it are to be run", m.name, m.by.plan)
		}
		name, _, _ := strings.Cut(m.by.test, "/")
		if texts[m.by.pkg] == "" {
			texts[m.by.pkg] = testsOf(t, m.by.pkg)
		}
		if !regexp.MustCompile(`(?m)^func ` + name + `\(`).MatchString(texts[m.by.pkg]) {
			t.Errorf("%s: %s has no test %s", m.name, m.by.pkg, name)
		}
	}
}

// TestContributing_NamesAMutant: the example that runs one mutant alone finds one.
func TestContributing_NamesAMutant(t *testing.T) {
	text, err := os.ReadFile(filepath.Join(root, "CONTRIBUTING.md"))
	if err != nil {
		t.Fatal(err)
	}
	only := regexp.MustCompile(`-mutants\.only '([^']+)'`).FindSubmatch(text)
	if only == nil {
		t.Fatal("CONTRIBUTING.md does not show -mutants.only")
	}
	if !slices.ContainsFunc(table(), func(m mutant) bool { return strings.Contains(m.name, string(only[1])) }) {
		t.Errorf("CONTRIBUTING.md shows -mutants.only '%s', and no mutant has that in its name", only[1])
	}
}

// testsOf is the text of a package's tests.
func testsOf(t *testing.T, pkg string) string {
	t.Helper()
	names, err := filepath.Glob(filepath.Join(root, pkg, "*_test.go"))
	if err != nil || len(names) == 0 {
		t.Fatalf("%s has no tests (%v)", pkg, err)
	}
	var all strings.Builder
	for _, name := range names {
		text, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		all.Write(text)
	}
	return all.String()
}
