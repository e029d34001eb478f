package replicator

import (
	"context"
	"crypto/rand"
	"encoding/binary"
	"net"
	"time"
)

// hooks fills in the real thing where no hook is set.
func (c *Config) hooks() {
	if c.Resolve == nil {
		c.Resolve = net.DefaultResolver.LookupHost
	}
	if c.Dial == nil {
		d := net.Dialer{KeepAliveConfig: keepAlive}
		c.Dial = func(ctx context.Context, address string) (net.Conn, error) {
			return d.DialContext(ctx, "tcp", address)
		}
	}
	if c.Rand == nil {
		c.Rand = func(p []byte) { _, _ = rand.Read(p) } // never fails
	}
}

// keepAlive finds out that a peer is gone even if the session's PINGs should fail to.
var keepAlive = net.KeepAliveConfig{Enable: true, Idle: time.Second, Interval: time.Second, Count: 3}

// chance returns a number in [0,1).
func (c *Config) chance() float64 {
	var b [8]byte
	c.Rand(b[:])
	return float64(binary.BigEndian.Uint64(b[:])>>11) / (1 << 53)
}

// longMillis: if the peer has waited longer for this node's STATE, it may have closed the connection.
const longMillis = 500

// meets calls Config.Meets. If that takes long, the connection may be gone, but the peer is there. So the
// wait for it begins anew.
func (l *Link) meets() error {
	if l.cfg.Meets == nil {
		return nil
	}
	began := l.cfg.Now()
	err := l.cfg.Meets()
	if now := l.cfg.Now(); now-began > longMillis {
		l.mu.Lock()
		l.core.WaitAnew(now)
		l.mu.Unlock()
	}
	return err
}
