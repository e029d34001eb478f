package cli

import (
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"sync/atomic"

	"twincached/internal/health"
	"twincached/internal/node"
)

// healthTeller answers health checks for the node of this process.
type healthTeller struct {
	node   atomic.Pointer[node.Node] // nil: it is not there yet
	socket *health.Socket
}

// openHealth comes before privileges are dropped: whoever checks as root or as the
// node's user believes a socket that root has made.
func openHealth(log *slog.Logger) *healthTeller {
	t := new(healthTeller)
	t.socket = health.Open(healthName, log, t.report)
	return t
}

func (t *healthTeller) close() { t.socket.Close() }

func (t *healthTeller) report() health.Report {
	r := health.Report{PID: os.Getpid(), Version: node.MemcachedVersion, State: "starting"}
	n := t.node.Load()
	if n == nil {
		return r
	}
	now := n.Health()
	r.State, r.Qualifier, r.Full, r.Status = now.State, now.Qualifier, now.Full, n.StatusLine()
	for _, a := range n.ClientAddrs() {
		switch a := a.(type) {
		case *net.UnixAddr:
			if path, err := filepath.Abs(a.Name); err == nil {
				r.Clients = append(r.Clients, path)
			}
		case *net.TCPAddr:
			r.Clients = append(r.Clients, net.JoinHostPort(a.IP.String(), strconv.Itoa(a.Port)))
		}
	}
	return r
}
