package cli

import (
	"fmt"
	"net"
	"os"
)

// portsFileVariable names the environment variable that says where to write the
// client ports. memcached has it for whoever starts it with -p -1.
const portsFileVariable = "MEMCACHED_PORT_FILENAME"

// writePorts puts a line for each client port into the file, memcached's "TCP
// INET: 11211" or "TCP INET6: 11211"; one that takes both families has both. The
// file appears with all of its lines. Unix sockets have none: with nothing but
// those no file is written.
func writePorts(file string, addrs []net.Addr) error {
	var text []byte
	for _, a := range addrs {
		tcp, ok := a.(*net.TCPAddr)
		if !ok {
			continue
		}
		four := tcp.IP.To4() != nil
		if four || tcp.IP.IsUnspecified() {
			text = fmt.Appendf(text, "TCP INET: %d\n", tcp.Port)
		}
		if !four {
			text = fmt.Appendf(text, "TCP INET6: %d\n", tcp.Port)
		}
	}
	if len(text) == 0 {
		return nil
	}
	half := file + ".lck"
	if err := os.WriteFile(half, text, 0o644); err != nil {
		return fmt.Errorf("%s: %w", portsFileVariable, err)
	}
	if err := os.Rename(half, file); err != nil {
		return fmt.Errorf("%s: %w", portsFileVariable, err)
	}
	return nil
}
