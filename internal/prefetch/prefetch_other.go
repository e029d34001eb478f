//go:build !amd64 && !arm64

package prefetch

// Line does nothing here.
func Line(uintptr) {}

// Lines does nothing here.
func Lines(uintptr) {}
