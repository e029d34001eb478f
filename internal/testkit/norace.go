//go:build !race

package testkit

// Race tells whether the race detector is built in: it makes a program several times
// slower and larger.
const Race = false
