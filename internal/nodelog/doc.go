// Package nodelog is the log of a node. Nobody waits for it: lines go to a bounded
// buffer, and one goroutine writes them to where the log goes. Where that takes
// nothing (a pipe that nobody reads), lines beyond the bound are dropped, counted,
// and the count stands in the log where they are missing. What repeats itself is
// said once in ten seconds.
package nodelog
