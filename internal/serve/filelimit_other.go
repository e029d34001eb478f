//go:build !unix

package serve

// RaiseFileLimit has nothing to raise here: this system knows no limit of open files.
func RaiseFileLimit(maxConns, others int) error { return nil }
