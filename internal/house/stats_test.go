package house

import (
	"regexp"
	"strings"
	"testing"
)

// statRow finds a row of stats in a document: its prefix is one that only rows have.
var statRow = regexp.MustCompile("`((?:repl|clock|shed|auth|log_lines|warm)_[a-z_]*[a-z])`")

// Whoever watches a row that a document names has to find it.
func TestDocuments_NameRowsOfStats(t *testing.T) {
	var code strings.Builder
	for _, s := range sources(t) {
		if !s.test {
			code.WriteString(read(t, s.name))
		}
	}
	found := 0
	for _, name := range documents(t) {
		for _, m := range statRow.FindAllStringSubmatch(read(t, name), -1) {
			found++
			row := m[1]
			if cause, ok := strings.CutPrefix(row, "repl_refused_"); ok && !strings.Contains(code.String(), `"`+row+`"`) {
				row = strings.ToUpper(cause) // a row for each cause that was counted
			}
			if !strings.Contains(code.String(), `"`+row+`"`) {
				t.Errorf("%s: no row of stats is %s", name, m[1])
			}
		}
	}
	if found < 10 {
		t.Errorf("found %d rows in the documents", found)
	}
}
