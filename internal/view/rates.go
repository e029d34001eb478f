package view

import "twincached/internal/status"

// longestMillis is how far apart two snapshots may be to make rates of.
const longestMillis = 30_000

// NewRates compares a snapshot with an earlier one. nil: they are of two processes, or of
// no two moments near each other.
func NewRates(before, after *status.Snapshot) *status.Rates {
	if before == nil || after == nil || before.Node.ID != after.Node.ID || after.AtMillis-before.AtMillis > longestMillis {
		return nil
	}
	if r, ok := status.RatesOf(before, after); ok {
		return &r
	}
	return nil
}
