//go:build !race

package testkit

// Race tells whether the race detector is built in: it makes a program several times
// slower and larger.
const Race = false

// Step: a test that runs on one goroutine tries one in so many of its cases. The race
// detector has nothing to find there but what it checks of pointers. Without it, as in
// "go test ./...", they are all tried.
const Step = 1
