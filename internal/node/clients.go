package node

import (
	"io/fs"
	"time"

	"twincached/internal/serve"
	"twincached/memproto"
)

// serveConfig is what the settings mean for the client port.
func (n *Node) serveConfig() serve.Config {
	plain, secure, _ := n.splitListeners()
	c := serve.Config{
		Addresses:        plain,
		TLS:              secure,
		UnixSocket:       n.cfg.UnixSocket,
		UnixMode:         fs.FileMode(n.cfg.UnixMask),
		Threads:          n.cfg.Threads,
		IO:               n.cfg.IO,
		MaxConns:         n.cfg.MaxConns,
		Backlog:          n.cfg.Backlog,
		RequestsPerEvent: n.cfg.RequestsPerEvent,
		BufferBytes:      n.cfg.BufferBytes(),
		Short:            n.short,
		DropAtLimit:      !n.cfg.WaitAtLimit,
		IdleTimeout:      n.cfg.IdleTimeout,
		Now:              n.clock.Now,
		NewConn:          func(s *memproto.Scratch) serve.Handler { return memproto.NewConnWith(n.protocol(), s) },
		Log:              n.log,
	}
	if n.cfg.Peer != "" || n.cfg.replPort() != 0 {
		c.Turns = linkTurns{n}
	}
	return c
}

// linkTurns passes the turns of the event loops on to the link, which is opened after the clients' addresses are bound.
type linkTurns struct{ n *Node }

func (t linkTurns) BeginTurn() { t.n.link.BeginTurn() }

func (t linkTurns) EndTurn(last bool) time.Duration { return t.n.link.EndTurn(last) }
