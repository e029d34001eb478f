package house

import (
	"fmt"
	"go/ast"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

const (
	faultRows     = 16 // of the first table of docs/faults.md, at least
	faultScenario = 20
	faultRefusals = 14 // rows of the table of refusals, at least
	faultWarm     = 14 // rows of its last table, at least
)

var (
	testName  = regexp.MustCompile("`(Test\\w+)`")
	faultTest = regexp.MustCompile(`^Test(Failure_|Scenario|Refused_|Warm_)`)
)

// lost is what is wrong between the text of docs/faults.md and the tests that exist, each
// with the number of times that it does.
func lost(text string, tests map[string]int) (found []string) {
	complain := func(format string, args ...any) { found = append(found, fmt.Sprintf(format, args...)) }
	failures, scenarios, _ := strings.Cut(text, "\n## Scenarios\n")
	named := map[string]bool{}
	rows := 0
	for line := range strings.Lines(failures) {
		if !strings.HasPrefix(line, "| ") || strings.HasPrefix(line, "| what happens |") {
			continue
		}
		rows++
		if !strings.Contains(line, "`TestFailure_") {
			complain("a failure without its test: %s", line)
		}
	}
	if rows < faultRows {
		complain("%d failures, want %d or more", rows, faultRows)
	}
	for n := range faultScenario {
		row := regexp.MustCompile(fmt.Sprintf(`(?m)^\| %d \|.*$`, n+1)).FindString(scenarios)
		m := testName.FindAllStringSubmatch(row, -1)
		if len(m) == 0 {
			complain("scenario %d has no test", n+1)
		}
		for _, test := range m {
			if !strings.HasPrefix(test[1], fmt.Sprintf("TestScenario%02d_", n+1)) {
				complain("%s stands in the row of scenario %d", test[1], n+1)
			}
		}
	}
	_, refusals, _ := strings.Cut(scenarios, "\n## Who refuses\n")
	refusals, warm, _ := strings.Cut(refusals, "\n## Warm restart\n")
	rows = 0
	for line := range strings.Lines(warm) {
		if strings.HasPrefix(line, "| ") && !strings.HasPrefix(line, "| what happens |") {
			if rows++; !strings.Contains(line, "`TestWarm_") {
				complain("a warm restart without its test: %s", line)
			}
		}
	}
	if rows < faultWarm {
		complain("%d warm restarts, want %d or more", rows, faultWarm)
	}
	rows = 0
	for line := range strings.Lines(refusals) {
		if strings.HasPrefix(line, "| ") && !strings.HasPrefix(line, "| says BYE |") {
			if rows++; !strings.Contains(line, "`TestRefused_") {
				complain("a refusal without its test: %s", line)
			}
		}
	}
	if rows < faultRefusals {
		complain("%d refusals, want %d or more", rows, faultRefusals)
	}
	for _, m := range testName.FindAllStringSubmatch(text, -1) {
		named[m[1]] = true
		if tests[m[1]] != 1 {
			complain("%s exists %d times", m[1], tests[m[1]])
		}
	}
	for name := range tests {
		if faultTest.MatchString(name) && !named[name] {
			complain("%s is not named", name)
		}
	}
	slices.Sort(found)
	return found
}

func testNames(all []*source) map[string]int {
	tests := map[string]int{}
	for _, s := range all {
		for _, d := range s.ast.Decls {
			if f, ok := d.(*ast.FuncDecl); ok && s.test && f.Recv == nil && strings.HasPrefix(f.Name.Name, "Test") {
				tests[f.Name.Name]++
			}
		}
	}
	return tests
}

func readFaults(t *testing.T) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(root, "docs", "faults.md"))
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func TestFaults_EachHasItsTest(t *testing.T) {
	for _, l := range lost(readFaults(t), testNames(sources(t))) {
		t.Errorf("docs/faults.md: %s", l)
	}
}

func TestFaults_LossIsSeen(t *testing.T) {
	all := testNames(sources(t))
	text, tests := readFaults(t), all
	for name, change := range map[string]func(){
		"a test that is gone":         func() { delete(tests, "TestScenario06_DeleteAndOlderSetCrossWhileTheLinkFlaps") },
		"a test that is there twice":  func() { tests["TestFailure_NodeKilled"] = 2 },
		"a test that is not named":    func() { tests["TestFailure_Unheard"] = 1 },
		"a scenario without its row":  func() { text = strings.Replace(text, "\n| 11 |", "\n| 10 |", 1) },
		"a scenario without its test": func() { text = strings.Replace(text, "`TestScenario20_", "`Scenario20_", 1) },
		"a test in another row":       func() { text = strings.Replace(text, "`TestScenario03_", "`TestScenario04_", 1) },
		"a failure without its test":  func() { text = strings.Replace(text, "`TestFailure_ThirdNode`", "", 1) },
		"a refusal that is not named": func() { tests["TestRefused_Unheard"] = 1 },
		"a refusal without its test":  func() { text = strings.Replace(text, "`TestRefused_TwoHistories`", "", 1) },
		"a refusal without its row":   func() { text = regexp.MustCompile(`(?m)^\| HISTORY.*\n`).ReplaceAllString(text, "") },
		"a warm restart not named":    func() { tests["TestWarm_Unheard"] = 1 },
		"a warm restart without test": func() { text = strings.Replace(text, "`TestWarm_AnImageIsUsedOnce`", "", 1) },
		"a failure without its row":   func() { text = regexp.MustCompile(`(?m)^\| a third node.*\n`).ReplaceAllString(text, "") },
	} {
		text, tests = readFaults(t), maps.Clone(all)
		if change(); len(lost(text, tests)) == 0 {
			t.Errorf("%s passes", name)
		}
	}
}
