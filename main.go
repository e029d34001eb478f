// Command twincached is a memcached that keeps a full copy of itself on a
// second machine: two nodes, one data set, no master.
//
// The command line is a table (options.go) in memcached's and repcached's own
// letters; what a node is, is in internal/node.
package main

import (
	"os"
	"runtime/debug"
)

func main() {
	// The data lives outside of Go's heap; what is left on it is so small that a
	// collection at every doubling would be far too often.
	debug.SetGCPercent(400)
	p := program{args: os.Args[1:], stdin: os.Stdin, stdout: os.Stdout, stderr: os.Stderr}
	p.serve = p.serveNode
	os.Exit(p.run())
}
