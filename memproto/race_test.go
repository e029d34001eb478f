//go:build race

package memproto

func init() { raceEnabled = true }
