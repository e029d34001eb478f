package mutants

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"
)

var (
	runAll    = flag.Bool("mutants.all", false, "put in one fault after the other: the checks have to notice each")
	runTenth  = flag.Int("mutants.tenth", -1, "only every tenth of them, beginning with number 0 to 9")
	runOnly   = flag.String("mutants.only", "", "only those whose name matches this expression; with -v what the check said")
	tableFile = flag.String("mutants.table", "", "write the table to this file")
)

// checkTimeout is for machines that do much else: a check takes a second or two. One that
// does not end has noticed nothing, as nobody can tell a hang from a machine that is slow.
const checkTimeout = 5 * time.Minute

// result is what became of a mutant.
type result struct {
	killed bool
	why    string // what the check said first, or why it could not be asked
	took   time.Duration
}

// TestMutants_EachIsNoticed builds the check of each mutant with the mutant in it, by
// the build tool's overlay, and runs it: it has to fail. Without, it has to pass.
func TestMutants_EachIsNoticed(t *testing.T) {
	chosen := chosenMutants(t)
	if chosen == nil {
		t.Skip("takes minutes: make mutants")
	}
	began, dir := time.Now(), t.TempDir()
	checksPass(t, dir, chosen)
	results := make([]result, len(chosen))
	atOnce(len(chosen), func(i int) {
		m, r := &chosen[i], chosen[i].run(filepath.Join(dir, strconv.Itoa(i)))
		results[i] = r
		t.Logf("%s: %v: %s: %.300s", m.name, r.took.Round(100*time.Millisecond), m.by.test, r.why)
		if !r.killed {
			t.Errorf("%s survives: %s\n%s: %q instead of %q\n%s", m.name, m.says, m.file, m.new, m.old, r.why)
		}
	})
	var text strings.Builder
	fmt.Fprintf(&text, "| fault | the promise | noticed by |\n|---|---|---|\n")
	for i, r := range results {
		m := &chosen[i]
		by := m.by.String()
		if !r.killed {
			by = "**nothing**"
		}
		fmt.Fprintf(&text, "| %s | %s | %s |\n", m.name, m.says, by)
	}
	t.Logf("%d mutants in %v", len(chosen), time.Since(began).Round(time.Second))
	if *tableFile != "" {
		if err := os.WriteFile(*tableFile, []byte(text.String()), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

// chosenMutants is what the flags ask for; nil: nothing.
func chosenMutants(t *testing.T) (chosen []mutant) {
	if !*runAll && *runTenth < 0 && *runOnly == "" {
		return nil
	}
	only, err := regexp.Compile(*runOnly)
	if err != nil {
		t.Fatalf("-mutants.only: %v", err)
	}
	for i, m := range table() {
		if only.MatchString(m.name) && (*runTenth < 0 || i%10 == *runTenth%10) {
			chosen = append(chosen, m)
		}
	}
	if chosen == nil {
		t.Fatalf("-mutants.only: no mutant's name matches %q", *runOnly)
	}
	return chosen
}

// checksPass runs each check once as the code is. Of a plan as many seeds as any row asks for.
func checksPass(t *testing.T, dir string, chosen []mutant) {
	most := map[string]check{}
	var order []string
	for _, m := range chosen {
		key := m.by.pkg + m.by.test + m.by.plan
		was, ok := most[key]
		if !ok {
			order = append(order, key)
		}
		if !ok || was.seeds < m.by.seeds {
			most[key] = m.by
		}
	}
	binaries := map[string]string{}
	for _, key := range order {
		pkg := most[key].pkg
		if binaries[pkg] != "" {
			continue
		}
		binaries[pkg] = filepath.Join(dir, strings.ReplaceAll(pkg, "/", "-")+".test")
		if out, err := build(pkg, binaries[pkg], ""); err != nil {
			t.Fatalf("%s: %v\n%s", pkg, err, out)
		}
	}
	var mu sync.Mutex
	atOnce(len(order), func(i int) {
		c := most[order[i]]
		out, err := c.execute(binaries[c.pkg], checkTimeout)
		if err == nil && strings.Contains(out, "--- PASS: ") {
			return
		}
		mu.Lock()
		defer mu.Unlock()
		t.Errorf("%s does not pass as the code is, so it proves nothing: %v\n%.4000s", c, err, out)
	})
	if t.Failed() {
		t.FailNow()
	}
}

// atOnce calls f for 0 .. n-1, as many at a time as there are cores.
func atOnce(n int, f func(i int)) {
	var wg sync.WaitGroup
	room := make(chan struct{}, runtime.GOMAXPROCS(0))
	for i := range n {
		room <- struct{}{}
		wg.Go(func() {
			defer func() { <-room }()
			f(i)
		})
	}
	wg.Wait()
}

// run builds the check with the mutant in it and asks it. base is the beginning of the
// names of what it writes.
func (m *mutant) run(base string) (r result) {
	began := time.Now()
	defer func() { r.took = time.Since(began) }()
	overlay, err := m.overlay(base)
	if err != nil {
		return result{why: err.Error()}
	}
	if out, err := build(m.by.pkg, base+".test", overlay); err != nil {
		return result{why: fmt.Sprintf("it does not build: %v\n%s", err, out)}
	}
	defer os.Remove(base + ".test")
	out, err := m.by.execute(base+".test", checkTimeout)
	switch {
	case err == nil:
		return result{why: "the check passes"}
	case strings.Contains(out, "panic: test timed out"), !strings.Contains(out, "--- FAIL") && !says.MatchString(out):
		return result{why: fmt.Sprintf("the check does not end, or cannot run: %v\n%.1000s", err, out)}
	}
	return result{killed: true, why: firstLine(out)}
}

// overlay writes the file with the fault in it, and the build tool's word for that.
func (m *mutant) overlay(base string) (string, error) {
	text, err := m.mutated()
	if err != nil {
		return "", err
	}
	place, err := filepath.Abs(filepath.Join(root, m.file))
	if err != nil {
		return "", err
	}
	if err := os.WriteFile(base+".go", []byte(text), 0o644); err != nil {
		return "", err
	}
	words, err := json.Marshal(map[string]map[string]string{"Replace": {place: base + ".go"}})
	if err != nil {
		return "", err
	}
	return base + ".json", os.WriteFile(base+".json", words, 0o644)
}

// build makes a package's tests, with an overlay if there is one.
func build(pkg, binary, overlay string) (string, error) {
	args := []string{"test", "-c", "-vet=off", "-o", binary}
	if overlay != "" {
		args = append(args, "-overlay", overlay)
	}
	cmd := exec.Command("go", append(args, "./"+pkg)...)
	cmd.Dir = root
	out, err := cmd.CombinedOutput()
	return string(out), err
}

// execute asks the check.
func (c check) execute(binary string, timeout time.Duration) (string, error) {
	var run []string
	for part := range strings.SplitSeq(c.test, "/") {
		run = append(run, "^"+part+"$")
	}
	args := []string{"-test.run", strings.Join(run, "/"), "-test.v", "-test.timeout", timeout.String()}
	if c.plan != "" {
		args = append(args, "-sim.hunt", strconv.Itoa(c.seeds), "-sim.plan", c.plan)
	}
	ctx, cancel := context.WithTimeout(context.Background(), timeout+10*time.Second)
	defer cancel()
	cmd := exec.CommandContext(ctx, binary, args...)
	cmd.Dir = filepath.Join(root, c.pkg)
	out, err := cmd.CombinedOutput()
	return string(out), err
}

var says = regexp.MustCompile(`(?m)^\s+\w+_test\.go:\d+: .*|^panic: .*|^fatal error: .*|^unexpected fault .*`)

// firstLine is what a check said first that tells why it failed.
func firstLine(out string) string {
	return strings.TrimSpace(says.FindString(out))
}
