package node

import (
	"errors"
	"fmt"
	"net"
	"time"

	"twincached/internal/nodelog"
	"twincached/internal/web"
	"twincached/memproto"
)

// DefaultStatusPort is where the status page is, unless said.
const DefaultStatusPort = 8211

// aliveFor is how long a node counts as alive whose tick has not run: fifty of them.
const aliveFor = 5 * time.Second

// StatusPage says where HTTP for people and monitors is, and for whom. The zero value:
// there is none.
type StatusPage struct {
	Address  string // HOST:PORT, an empty HOST for all addresses; port 0 takes any free one
	AuthFile string // logins, as in Config.AuthFile; empty: nobody has to log in
	Insecure bool   // an Address beyond loopback is fine without logins
	TLS      bool   // with the certificate of Config.TLS
}

// checkStatusPage does not open to others what only this machine was meant to see.
func checkStatusPage(c *Config) error {
	p := &c.StatusPage
	if p.Address == "" {
		for _, f := range []struct {
			flag string
			set  bool
		}{{"--status-auth", p.AuthFile != ""}, {"--status-insecure", p.Insecure}, {"--status-tls", p.TLS}} {
			if f.set {
				return fmt.Errorf("%s has no use without --status ADDRESS: there is no status page", f.flag)
			}
		}
		return nil
	}
	host, port, err := net.SplitHostPort(p.Address)
	if err != nil {
		return fmt.Errorf("--status %s: HOST:PORT, :PORT, or an IPv6 address with a port in brackets", p.Address)
	}
	if _, err := parsePort(port); err != nil {
		return fmt.Errorf("--status %s: %w", p.Address, err)
	}
	if p.TLS && c.TLS.ChainCert == "" {
		return errors.New("--status-tls needs a certificate: -o ssl_chain_cert=FILE (and -o ssl_key=FILE, if the key is not in it)")
	}
	if p.AuthFile != "" && p.Insecure {
		return errors.New("--status-auth and --status-insecure contradict each other: keep one")
	}
	if isLoopback(host) || p.AuthFile != "" || p.Insecure {
		return nil
	}
	where := "this machine"
	if !isAny(host) {
		where = host
	}
	return fmt.Errorf(`--status %s would show the node's numbers, addresses and log to whoever reaches %s. Choose one:
  this machine only:          --status 127.0.0.1:%s
  people who log in:          --status-auth FILE, lines name:password (and --status-tls)
  a network that you trust:   --status-insecure`, p.Address, where, port)
}

// bindStatusPage opens the address of the page, while the process may.
func (n *Node) bindStatusPage() (err error) {
	p := &n.cfg.StatusPage
	if p.Address == "" {
		return nil
	}
	if n.page.listener, err = net.Listen("tcp", p.Address); err != nil {
		return fmt.Errorf("node: cannot open the status page on %s: %w; choose another address with --status", p.Address, err)
	}
	return nil
}

// pageConns is how many connections the page may have, beside those of clients.
func (n *Node) pageConns() int {
	if n.cfg.StatusPage.Address == "" {
		return 0
	}
	return web.MaxConns
}

// page is the HTTP of a node.
type page struct {
	listener net.Listener // from the start on; nil: there is none
	server   *web.Server
	logins   *memproto.Logins
}

// servePage begins to answer.
func (n *Node) servePage() {
	p := &n.cfg.StatusPage
	if n.page.listener == nil {
		return
	}
	cfg := web.Config{Board: n.board, Now: n.clock.Now, Health: n.webHealth, Log: n.log}
	if n.cfg.Metrics != nil {
		cfg.Metrics = n.cfg.Metrics(n)
	}
	if l := n.page.logins; l != nil {
		cfg.Login = l.Match
	}
	if p.TLS {
		cfg.TLS = n.certs.server(secureBasic) // no certificate is asked of a browser or a probe: the login says who it is
	}
	host, _, _ := net.SplitHostPort(p.Address)
	cfg.Names = []string{host}
	if n.host != "" {
		cfg.Names = append(cfg.Names, n.host)
	}
	n.page.server = web.New(cfg)
	n.page.server.Serve(n.page.listener)
	scheme := choose(p.TLS, "https://", "http://")
	n.log.Info("status page open", nodelog.StatusOpen, "url", scheme+n.page.listener.Addr().String()+"/", "login", p.AuthFile != "")
	if p.AuthFile != "" && !p.TLS && !isLoopback(host) {
		n.log.Warn("logins to the status page travel in the clear: whoever reads the network reads them; --status-tls encrypts them", nodelog.StatusInClear)
	}
}

// closePage ends it. A node that has begun to stop still shows that.
func (n *Node) closePage() {
	switch {
	case n.page.server != nil:
		n.page.server.Close()
	case n.page.listener != nil:
		n.page.listener.Close()
	}
}

// StatusAddr is where the status page is, nil without one.
func (n *Node) StatusAddr() net.Addr {
	if n.page.listener == nil {
		return nil
	}
	return n.page.listener.Addr()
}

// webHealth is what probes are told.
func (n *Node) webHealth() web.Health {
	h := n.Health()
	started := n.clients.Load() != nil
	return web.Health{
		State:   h.State,
		Ready:   h.State == "ready" && started,
		Started: started,
		Alive:   time.Since(n.started)-time.Duration(n.ticked.Load()) < aliveFor,
	}
}
