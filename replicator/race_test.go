//go:build race

package replicator

const raceEnabled = true
