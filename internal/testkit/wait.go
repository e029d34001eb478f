package testkit

import (
	"testing"
	"time"
)

// Patience is how long a test waits for what must happen, on a machine that is busy
// with other things. Nothing is measured by it.
const Patience = time.Minute

// Eventually waits until ok, which it asks every few milliseconds, and ends the test
// with what it waited for when that does not come true within Patience. In a bubble
// of testing/synctest it waits by the bubble's clock.
func Eventually(t testing.TB, what string, ok func() bool) {
	t.Helper()
	deadline := time.Now().Add(Patience)
	tick := time.NewTicker(2 * time.Millisecond)
	defer tick.Stop()
	for !ok() {
		if time.Now().After(deadline) {
			t.Fatalf("waited in vain: %s", what)
		}
		<-tick.C
	}
}
