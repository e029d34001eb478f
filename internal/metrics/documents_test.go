package metrics

import (
	"fmt"
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
)

// describes reads what a description has to say of itself.
var describes = regexp.MustCompile(`fqName: "(\w+)", help: "([^"]*)".* variableLabels: \{([^}]*)\}`)

// documented is the table of docs/operations.md as the code has it.
func documented(t *testing.T) string {
	t.Helper()
	descs := make([]*prometheus.Desc, 0, len(own)+2)
	for i := range own {
		descs = append(descs, own[i].desc)
	}
	var b strings.Builder
	b.WriteString("| metric | labels | says |\n|---|---|---|\n")
	for _, d := range append(descs, durationDesc, lagDesc) {
		m := describes.FindStringSubmatch(d.String())
		if m == nil {
			t.Fatalf("%v", d)
		}
		labels := strings.ReplaceAll(m[3], ",", "`, `")
		if labels != "" {
			labels = "`" + labels + "`"
		}
		fmt.Fprintf(&b, "| `%s` | %s | %s |\n", m[1], labels, m[2])
	}
	return b.String()
}

// The table of our own metrics is the one that the code has.
func TestDocuments_TheTableOfMetrics(t *testing.T) {
	page, err := os.ReadFile("../../docs/operations.md")
	if err != nil {
		t.Fatal(err)
	}
	if want := documented(t); !strings.Contains(string(page), "\n"+want+"\n") {
		t.Errorf("docs/operations.md does not have this table:\n%s", want)
	}
}

// What a pair says is in the table, and what memcached_exporter says too.
func TestDocuments_NothingElseIsSaid(t *testing.T) {
	t.Parallel()
	known := documented(t)
	a, _ := startPair(t)
	for _, m := range regexp.MustCompile(`(?m)^# TYPE (\w+) `).FindAllStringSubmatch(a.scrape(t), -1) {
		family, _, _ := strings.Cut(m[1], "_")
		switch family {
		case "memcached", "go", "process":
		case "twincached":
			if !strings.Contains(known, "`"+m[1]+"`") {
				t.Errorf("%s is not in the table", m[1])
			}
		default:
			t.Errorf("%s is of no family", m[1])
		}
	}
}
