//go:build race

package wire

const raceEnabled = true // the race detector allocates on its own
