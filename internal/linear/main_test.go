// Package linear asks whether one node is consistent: concurrent clients in all
// three protocols note what they asked for and were told, and porcupine looks for
// an order, key by key, in which a plain map would have answered the same. It has
// tests only.
package linear

import (
	"flag"
	"testing"

	"go.uber.org/goleak"
)

var rounds = flag.Int("porcupine.rounds", 40, "histories to check in each test; every one has keys of its own")

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }
