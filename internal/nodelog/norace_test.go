//go:build !race

package nodelog

const raceEnabled = false
