//go:build !linux

package serve

import "net"

// arrived is how many bytes have arrived at nc and not been read: 0, as nobody asks here.
func arrived(net.Conn) int { return 0 }
