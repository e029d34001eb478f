package serve

import (
	"net"

	"golang.org/x/sys/unix"
)

// arrived is how many bytes have arrived at nc and not been read; 0 also where that cannot
// be told.
func arrived(nc net.Conn) (n int) {
	if fd := descriptor(nc); fd >= 0 {
		n, _ = unix.IoctlGetInt(fd, unix.TIOCINQ)
	}
	return n
}
