//go:build !linux

package health

import (
	"errors"
	"net"
)

func listen(string) (net.Listener, error) {
	return nil, errors.New("health: this system has no sockets without a file")
}

func listed(string) []string { return nil }

func credentials(net.Conn) (uid, pid int, err error) { return 0, 0, errors.ErrUnsupported }
