//go:build !linux

package bench

import "time"

// What only Linux tells: nothing is known here.
func processCPU(int) time.Duration { return 0 }
func ownCPU() time.Duration        { return 0 }
func processName(int) string       { return "" }
func listener(string) int          { return 0 }
