package testkit

import (
	"os"
	"testing"
)

// ReadFile returns what is in a file; a test that cannot read it ends.
func ReadFile(t testing.TB, name string) string {
	t.Helper()
	text, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}
