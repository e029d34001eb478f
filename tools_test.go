package main

import (
	"os"
	"testing"
)

// requireTools turns a test that skips for a missing tool into one that fails.
const requireTools = "TWINCACHED_REQUIRE_TOOLS"

// skipWithout ends a test that lacks a tool of this machine.
func skipWithout(t *testing.T, what string) {
	t.Helper()
	if os.Getenv(requireTools) != "" {
		t.Fatalf("%s: needed here, %s is set", what, requireTools)
	}
	t.Skipf("SKIPPED: %s", what)
}
