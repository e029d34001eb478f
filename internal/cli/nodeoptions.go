package cli

import (
	"fmt"
	"slices"

	"twincached/internal/node"
	"twincached/internal/nodelog"
)

// settings is what a command line says: one node, and what its process does.
type settings struct {
	Node        node.Config
	User        string // -u: whom to become when started as root
	Daemon      bool   // -d
	PidFile     string // -P
	LogFile     string // --log-file; "" = stderr
	LogFormat   nodelog.Format
	UDPPort     int      // -U: said to be refused, unless 0
	ConfigNotes []string // what of the file of --config was left out, for one line in the log
	EnvNotes    envNotes // variables that set nothing, for a line in the log
	Ignored     []string // flags that were given and mean nothing here, for one line in the log
}

// nodeOptions are the flags of a node and the settings they are read into, which
// begin as the defaults.
type nodeOptions struct {
	all      []*option
	settings settings
	config   string // the file of --config
}

// The groups of the help.
const (
	groupClients = "Clients (memcached's flags)"
	groupProcess = "Process (memcached's flags)"
	groupStatus  = "Status page (HTTP)"
	groupPeer    = "Peer (repcached's flags and ours)"
	groupIgnored = "Accepted and ignored, so that command lines move over unchanged"
)

func newNodeOptions() *nodeOptions {
	n := &nodeOptions{settings: settings{Node: node.Default(), LogFormat: nodelog.FormatAuto}}
	for _, g := range []struct {
		name    string
		options []*option
	}{
		{groupClients, n.servingOptions()}, {groupClients, n.accessOptions()}, {groupProcess, n.processOptions()},
		{groupPeer, n.linkOptions()}, {groupPeer, n.pairOptions()}, {groupStatus, n.statusOptions()}, {groupIgnored, n.ignoredOptions()},
	} {
		for _, o := range g.options {
			o.Category, o.EnvVars = g.name, []string{envName(o.Name)}
		}
		n.all = append(n.all, g.options...)
	}
	return n
}

// find is the option of this long name, which is there.
func (n *nodeOptions) find(name string) *option {
	return n.all[slices.IndexFunc(n.all, func(o *option) bool { return o.Name == name })]
}

// servingOptions say where clients are served, and how many.
func (n *nodeOptions) servingOptions() []*option {
	s, c := &n.settings, &n.settings.Node
	return []*option{
		newOption("port", "p", "PORT", number(&c.Port), "port for clients; -1 takes any free one"),
		newOption("listen", "l", "ADDRESS", reader{read: s.setListen, deflt: "all"}, "address for clients, HOST or HOST:PORT, several with commas"),
		newOption("unix-socket", "s", "FILE", text(&c.UnixSocket).instead("none"), "serve clients on this unix socket, and not on -p and -l"),
		newOption("unix-mask", "a", "MASK", octal(&c.UnixMask), "permissions of the unix socket, in octal"),
		newOption("memory-limit", "m", "MIB", number(&c.MemoryMiB), "memory for the data, everything included, in MiB"),
		newOption("disable-evictions", "M", "", onOff(&c.NoEviction), "answer an error when the memory is full instead of evicting"),
		newOption("max-item-size", "I", "SIZE", size(&c.MaxItemBytes), "largest item, 1k to 1024m"),
		newOption("conn-limit", "c", "N", number(&c.MaxConns), "clients connected at the same time"),
		newOption("threads", "t", "N", number(&c.Threads).instead(fmt.Sprintf("%d, or the number of CPUs if smaller", node.MaxDefaultThreads)), "threads that serve clients"),
		newOption("io", "", "WAY", text(&c.IO), "how these threads receive and send. uring: with io_uring, many requests in one system call; epoll: without it; auto: with it where the system permits it"),
		newOption("listen-backlog", "b", "N", number(&c.Backlog), "connections that wait to be accepted"),
		newOption("max-reqs-per-event", "R", "N", number(&c.RequestsPerEvent), "requests of one client before the next client's turn"),
	}
}

// accessOptions say what clients may do, and who they have to be.
func (n *nodeOptions) accessOptions() []*option {
	s, c := &n.settings, &n.settings.Node
	return []*option{
		newOption("disable-flush-all", "F", "", onOff(&c.NoFlush), "refuse flush_all"),
		newOption("disable-watch", "W", "", onOff(&c.NoWatch), "refuse the command watch"),
		newOption("disable-dumping", "", "", onOff(&c.NoDumps), "refuse the commands that list keys"),
		newOption("prefix-delimiter", "D", "CHAR", reader{read: s.setDelimiter, deflt: "off"}, "count commands by the part of the key before this character (stats detail)"),
		newOption("protocol", "B", "NAME", reader{read: s.setProtocol, deflt: "auto"}, "auto: what a client's first byte says; ascii or binary: that one only"),
		newOption("auth-file", "Y", "FILE", protection(&c.AuthFile).instead("none"), "clients log in; lines name:password, read again at SIGHUP"),
		newOption("enable-sasl", "S", "", reader{read: s.setSASL}, "clients of the binary protocol log in with SASL, with the names of -Y"),
		newOption("enable-ssl", "Z", "", onOff(&c.TLS.Enabled), "TLS for clients, with the files of -o; -l notls:ADDRESS goes without, btls: asks for no certificate, mtls: wants one"),
		newOption("memory-file", "e", "FILE", text(&c.MemoryFile).instead("none"), "keep all data in this file while the node is stopped: --warm, with another place"),
		newOption("enable-shutdown", "A", "", onOff(&c.AllowShutdown), "clients may end the node with shutdown"),
		newOption("extended", "o", "WORDS", reader{read: s.setExtended}, "idle_timeout=SECONDS closes clients without a request, watcher_logbuf_size=KIB is the buffer of one watcher; other words are ignored"),
		newOption("disable-cas", "C", "", onOff(&c.NoCAS), "only shown in stats settings; gets and cas still work, as the cas orders the two nodes' writes"),
		newOption("udp-port", "U", "PORT", reader{read: s.setUDP, deflt: "0"}, "no UDP is opened, as it amplifies attacks on others; without -p it is the port for clients, as in memcached"),
	}
}

func (n *nodeOptions) processOptions() []*option {
	s := &n.settings
	return []*option{
		newOption("user", "u", "NAME", text(&s.User), "become this user when started as root (-u root: stay root)"),
		newOption("daemon", "d", "", onOff(&s.Daemon), "run in the background"),
		newOption("pidfile", "P", "FILE", text(&s.PidFile), "write the process id here, remove it at exit"),
		newOption("config", "", "FILE", text(&n.config).instead("none"), "read flags from a file like Debian's /etc/memcached.conf"),
		newOption("log-file", "", "FILE", text(&s.LogFile).instead("stderr"), "write the log to this file, opened again at SIGHUP"),
		newOption("log-format", "", "FORMAT", reader{read: s.setLogFormat, deflt: string(s.LogFormat)}, "auto: text on a terminal and for journald, else json; text; json"),
		newOption("verbose", "v", "", number(&s.Node.Verbosity), "say more in the log (-vv, -vvv: most)"),
	}
}

// linkOptions say where the peer is, and how the two know each other.
func (n *nodeOptions) linkOptions() []*option {
	s, c := &n.settings, &n.settings.Node
	return []*option{
		newOption("peer", "x", "HOST[:PORT]", reader{read: s.setPeer, deflt: "none"},
			fmt.Sprintf("the other node; its replication port is %d unless said", node.DefaultReplPort)),
		newOption("repl-port", "X", "PORT", reader{read: s.setReplPort, deflt: fmt.Sprintf("%d with -x, else none", node.DefaultReplPort)},
			"replication port of this node; without -x: open it and wait for a peer to dial"),
		newOption("repl-listen", "", "ADDRESS", text(&c.ReplListen).instead("the first of -l that other machines reach"), "address of the replication port"),
		newOption("secret-file", "", "FILE", protection(&c.SecretFile), "file with the secret both nodes share, readable by its owner only"),
		newOption("repl-tls-cert", "", "FILE", protection(&c.ReplTLS.Cert), "TLS on the link: this node's certificate, read again at SIGHUP"),
		newOption("repl-tls-key", "", "FILE", protection(&c.ReplTLS.Key), "its key, readable by its owner only"),
		newOption("repl-tls-ca", "", "FILE", protection(&c.ReplTLS.CA), "the CA that signed both nodes' certificates"),
		newOption("repl-insecure", "", "", onOff(&c.ReplInsecure), "allow a replication port beyond this machine without secret and certificates"),
		newOption("repl-compress", "", "WAY", text((*string)(&c.Compress)), "off, or zstd: compress what goes to the peer, for a slow line between two sites"),
		newOption("cluster", "", "NAME", text(&c.Cluster), "name of the pair, the same on both nodes"),
		newOption("peer-id", "", "ID", reader{read: s.setPeerID, deflt: "any"}, "link only with the node of this id, 32 hexadecimal digits"),
	}
}

// pairOptions say what a node does for its peer, and without it.
func (n *nodeOptions) pairOptions() []*option {
	s, c := &n.settings, &n.settings.Node
	return []*option{
		newOption("state-dir", "", "DIR", text(&c.StateDir).instead("nothing is kept"), "keep the node's id and clock here"),
		newOption("warm", "", "", reader{read: s.setWarm}, "keep all data in --state-dir while the node is stopped; --warm=any: use it even if the other node stopped later and does not come"),
		newOption("local-keys", "", "PATTERNS", list(&c.LocalKeys), `keys that stay on this node: patterns of * ? [a-z] [^a-z] \c, with commas; '' for none`),
		newOption("peer-wait", "", "TIME", duration(&c.PeerWait), "how long a starting node looks for its peer; 1s if the peer's machine refuses the connection"),
		newOption("boot", "", "MODE", text((*string)(&c.Boot)), "auto: serve alone after --peer-wait, but not beside a peer that is there and refuses; serve: also then; wait: only with a copy from the peer"),
		newOption("refused-wait", "", "TIME", duration(&c.RefusedWait), "how long --boot auto stays shut when one refuses that has not proved to be the peer"),
		newOption("drain-timeout", "", "TIME", duration(&c.DrainTimeout), "how long a stopping node waits for the peer to have everything"),
		newOption("handover", "", "TIME", duration(&c.Handover), "how long a stopping node whose peer is gone waits for one to take over"),
		newOption("copy-rate", "", "MIB", number(&c.CopyMiB), "MiB a second of a copy to the peer, at most; 0 for no bound"),
	}
}

// statusOptions say who sees the status page, and where.
func (n *nodeOptions) statusOptions() []*option {
	s, p := &n.settings, &n.settings.Node.StatusPage
	return []*option{
		newOption("status", "", "HOST:PORT", reader{read: s.setStatus, deflt: "none"}, "page with both nodes, /readyz, /status.json and more by HTTP; 127.0.0.1:8211, say"),
		newOption("status-auth", "", "FILE", protection(&p.AuthFile).instead("none"), "who looks logs in; lines name:password, read again at SIGHUP"),
		newOption("status-tls", "", "", onOff(&p.TLS), "HTTPS, with the certificate of -o ssl_chain_cert"),
		newOption("status-insecure", "", "", onOff(&p.Insecure), "allow --status beyond this machine without logins"),
	}
}

// ignoredOptions tune memcached's or repcached's own machinery.
func (n *nodeOptions) ignoredOptions() (all []*option) {
	for _, f := range []struct{ long, letter, word string }{
		{"slab-growth-factor", "f", "NUM"},
		{"slab-min-size", "n", "BYTES"},
		{"enable-largepages", "L", ""},
		{"lock-memory", "k", ""},
		{"enable-coredumps", "r", ""},
		{"queue-length", "q", "N"},
		{"napi-ids", "N", "N"},
		{"engine", "E", "NAME"},
	} {
		note := func(string) error {
			n.settings.Ignored = append(n.settings.Ignored, "--"+f.long)
			return nil
		}
		all = append(all, newOption(f.long, f.letter, f.word, reader{read: note}, ""))
	}
	return all
}

// names are the long names of the options.
func (n *nodeOptions) names() (names []string) {
	for _, o := range n.all {
		names = append(names, o.Name)
	}
	return names
}
