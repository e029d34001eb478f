//go:build !linux

package replicator

import (
	"errors"
	"net"
)

// direct is for Linux only: see direct_linux.go.
type direct struct{}

func newDirect(net.Conn) *direct { return nil }

func (d *direct) Read([]byte) (int, error) { return 0, errors.ErrUnsupported }

func (d *direct) write(p []byte, wait bool) ([]byte, error) { return p, errors.ErrUnsupported }
