package testkit

import (
	"testing"
	"time"
)

// Patience is how long a test waits for what must happen, on a machine that is busy
// with other things. Nothing is measured by it.
const Patience = time.Minute

// Eventually waits until ok, which it asks after a millisecond and then less and less
// often, and ends the test with what it waited for when that does not come true within
// Patience. In a bubble of testing/synctest it waits by the bubble's clock.
func Eventually(t testing.TB, what string, ok func() bool) {
	t.Helper()
	deadline := time.Now().Add(Patience)
	for pause := time.Millisecond; !ok(); pause = min(2*pause, 8*time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("waited in vain: %s", what)
		}
		time.Sleep(pause)
	}
}
