//go:build !linux

package bench

import (
	"errors"
	"net"
)

// canPoll: each connection has a goroutine here.
const canPoll = false

func runLoop(*source, []net.Conn, int, float64) error { return errors.ErrUnsupported }
