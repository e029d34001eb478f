//go:build amd64 || arm64

package prefetch

// Line asks for the line of memory that the address is in.
func Line(address uintptr)

// Lines asks for three lines: those that the address, and what is one and two lines behind it, are in.
func Lines(address uintptr)
