// Command twincached is a memcached that keeps a full copy of itself on a
// second machine: two nodes, one data set, no master.
package main

import (
	"os"
	"runtime/debug"

	"twincached/internal/cli"
)

func main() {
	// The data lives outside of Go's heap; what is left on it is so small that a
	// collection at every doubling would be far too often.
	debug.SetGCPercent(400)
	os.Exit(cli.Main())
}
