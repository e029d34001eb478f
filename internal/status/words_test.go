package status

import (
	"os"
	"regexp"
	"slices"
	"testing"
)

// Every word that Warnings can say is in the list, and no others.
func TestWarningWords_AreThoseOfWarnings(t *testing.T) {
	source, err := os.ReadFile("warnings.go")
	if err != nil {
		t.Fatal(err)
	}
	var said []string
	for _, m := range regexp.MustCompile(`(?:warn\(.*, |Warning\{)"([a-z_]+)",`).FindAllStringSubmatch(string(source), -1) {
		said = append(said, m[1])
	}
	if want := slices.Sorted(slices.Values(WarningWords)); !slices.Equal(slices.Sorted(slices.Values(said)), want) {
		t.Errorf("warnings.go says %q, the list is %q", said, want)
	}
}
