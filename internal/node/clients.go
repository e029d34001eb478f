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

func (t linkTurns) BeginTurn() { t.n.link.Load().BeginTurn() }

func (t linkTurns) EndTurn(last bool) time.Duration { return t.n.link.Load().EndTurn(last) }

// newProtocol makes what the clients' conns share, when the first client comes:
// by then the store is open.
func (n *Node) newProtocol() *memproto.Server {
	p := &memproto.Server{
		Store:        n.store,
		Version:      MemcachedVersion,
		FlushEnabled: !n.cfg.NoFlush,
		TextOnly:     n.cfg.protocol() == ProtocolText,
		BinaryOnly:   n.cfg.protocol() == ProtocolBinary,
		TextLogins:   n.logins.text,
		SASLLogins:   n.logins.sasl,
		LoginDelayed: n.sayLoginsWait,
		Shutdown:     n.shutdown(),
		RefreshCerts: n.refreshCerts(),
		NoWatch:      n.cfg.NoWatch,
		NoDumps:      n.cfg.NoDumps,
		WatcherBytes: n.cfg.WatcherKiB << 10,
		Settings:     n.settingsRows,
		General:      n.generalRows,
		Replication:  n.replicationRows,
		Status:       n.StatusLine,
		Conns:        n.connRows,
		Verbosity:    n.setVerbosity,
		Nanos:        func() int64 { return int64(time.Since(n.started)) },
		Log:          func(line string) { n.log.Debug(line) },
	}
	if n.cfg.UnixSocket == "" {
		_, _, p.Listeners = n.splitListeners()
	}
	p.PrefixDelimiter = n.cfg.PrefixDelimiter
	p.CountPrefixes(n.cfg.PrefixDelimiter != 0)
	p.SetCrawler(!n.cfg.NoCrawler)
	p.SetTrackSizes(n.cfg.TrackSizes)
	p.SetVerbosity(n.cfg.Verbosity)
	n.store.SetEvicted(p.Evicted)
	return p
}
