package cli

import (
	"errors"
	"fmt"
	"math"
	"os"
	"strconv"
	"strings"
	"time"

	"twincached/internal/node"
)

// settings is what a command line says: one node, and what its process does.
type settings struct {
	Node        node.Config
	User        string   // -u: whom to become when started as root
	Daemon      bool     // -d
	PidFile     string   // -P
	UDPPort     int      // -U: said to be refused, unless 0
	ConfigNotes []string // what of the file of --config was left out, for one line in the log
	EnvNotes    envNotes // variables that set nothing, for a line in the log
	Ignored     []string // flags that were given and mean nothing here, for one line in the log
}

// option is one flag. The command line, the environment and the help are all
// made from the table of them.
type option struct {
	long   string
	letter string // "" = none
	value  string // what the value is called in the help; "" = the flag takes none
	group  string
	usage  string
	deflt  string // shown in the help
	set    func(s *settings, v string) error
}

const (
	groupClients = "Clients (memcached's flags)"
	groupProcess = "Process (memcached's flags)"
	groupPeer    = "Peer (repcached's flags and ours)"
)

// options is every flag that does something.
var options = append(append(clientOptions, processOptions...), peerOptions...)

var clientOptions = []option{
	{"port", "p", "PORT", groupClients, "port for clients; -1 takes any free one", "11211",
		func(s *settings, v string) error { return setInt(&s.Node.Port, v) }},
	{"listen", "l", "ADDRESS", groupClients, "address for clients, HOST or HOST:PORT, several with commas", "all", setListen},
	{"unix-socket", "s", "FILE", groupClients, "serve clients on this unix socket, and not on -p and -l", "none",
		func(s *settings, v string) error { s.Node.UnixSocket = v; return nil }},
	{"unix-mask", "a", "MASK", groupClients, "permissions of the unix socket, in octal", "700",
		func(s *settings, v string) error { return setOctal(&s.Node.UnixMask, v) }},
	{"memory-limit", "m", "MIB", groupClients, "memory for the data, everything included, in MiB", "64",
		func(s *settings, v string) error { return setInt(&s.Node.MemoryMiB, v) }},
	{"disable-evictions", "M", "", groupClients, "answer an error when the memory is full instead of evicting", "",
		func(s *settings, v string) error { return setBool(&s.Node.NoEviction, v) }},
	{"max-item-size", "I", "SIZE", groupClients, "largest item, 1k to 1024m", "1m",
		func(s *settings, v string) error { return setSize(&s.Node.MaxItemBytes, v) }},
	{"conn-limit", "c", "N", groupClients, "clients connected at the same time", "1024",
		func(s *settings, v string) error { return setInt(&s.Node.MaxConns, v) }},
	{"threads", "t", "N", groupClients, "threads that serve clients", "4, or the number of CPUs if smaller",
		func(s *settings, v string) error { return setInt(&s.Node.Threads, v) }},
	{"listen-backlog", "b", "N", groupClients, "connections that wait to be accepted", "1024",
		func(s *settings, v string) error { return setInt(&s.Node.Backlog, v) }},
	{"max-reqs-per-event", "R", "N", groupClients, "requests of one client before the next client's turn", "20",
		func(s *settings, v string) error { return setInt(&s.Node.RequestsPerEvent, v) }},
	{"disable-flush-all", "F", "", groupClients, "refuse flush_all", "",
		func(s *settings, v string) error { return setBool(&s.Node.NoFlush, v) }},
	{"disable-watch", "W", "", groupClients, "refuse the command watch", "",
		func(s *settings, v string) error { return setBool(&s.Node.NoWatch, v) }},
	{"disable-dumping", "", "", groupClients, "refuse the commands that list keys", "",
		func(s *settings, v string) error { return setBool(&s.Node.NoDumps, v) }},
	{"prefix-delimiter", "D", "CHAR", groupClients, "count commands by what stands before it in a key (stats detail)", "off",
		func(s *settings, v string) error { return setDelimiter(s, v) }},
	{"protocol", "B", "NAME", groupClients, "auto: what a client's first byte says; ascii or binary: that one only", "auto", setProtocol},
	{"auth-file", "Y", "FILE", groupClients, "clients log in; lines name:password, read again at SIGHUP", "none",
		func(s *settings, v string) error { s.Node.AuthFile = v; return nil }},
	{"enable-sasl", "S", "", groupClients, "clients of the binary protocol log in with SASL, with the names of -Y", "",
		func(s *settings, v string) error { return setSASL(s, v) }},
	{"enable-ssl", "Z", "", groupClients, "TLS for clients, with the files of -o; -l notls:ADDRESS goes without, btls: asks for no certificate, mtls: wants one", "",
		func(s *settings, v string) error { return setBool(&s.Node.TLS.Enabled, v) }},
	{"enable-shutdown", "A", "", groupClients, "clients may end the node with shutdown", "",
		func(s *settings, v string) error { return setBool(&s.Node.AllowShutdown, v) }},
	{"extended", "o", "WORDS", groupClients, "idle_timeout=SECONDS closes clients without a request, watcher_logbuf_size=KIB is kept for one that watches; other words are ignored", "", setExtended},
	{"disable-cas", "C", "", groupClients, "stats settings says so; gets and cas go on, as what they compare orders the two nodes' writes", "",
		func(s *settings, v string) error { return setBool(&s.Node.NoCAS, v) }},
	{"udp-port", "U", "PORT", groupClients, "no UDP is opened, as it amplifies attacks on others; without -p it is the port for clients, as in memcached", "0", setUDP},
}

var processOptions = []option{
	{"user", "u", "NAME", groupProcess, "become this user when started as root (-u root: stay root)", "",
		func(s *settings, v string) error { s.User = v; return nil }},
	{"daemon", "d", "", groupProcess, "run in the background", "",
		func(s *settings, v string) error { return setBool(&s.Daemon, v) }},
	{"pidfile", "P", "FILE", groupProcess, "write the process id here, remove it at exit", "",
		func(s *settings, v string) error { s.PidFile = v; return nil }},
	{"config", "", "FILE", groupProcess, "read flags from a file like Debian's /etc/memcached.conf", "none",
		func(*settings, string) error { return nil }}, // read before all others
	{"verbose", "v", "", groupProcess, "say more in the log (-vv, -vvv: most)", "",
		func(s *settings, v string) error { return setInt(&s.Node.Verbosity, v) }},
}

var peerOptions = []option{
	{"peer", "x", "HOST[:PORT]", groupPeer, "the other node; its replication port is 11212 unless said", "none", setPeer},
	{"repl-port", "X", "PORT", groupPeer, "replication port of this node; without -x: open it and wait for a peer to dial", "11212 with -x, else none", setReplPort},
	{"repl-listen", "", "ADDRESS", groupPeer, "address of the replication port", "the first of -l that other machines reach",
		func(s *settings, v string) error { s.Node.ReplListen = v; return nil }},
	{"secret-file", "", "FILE", groupPeer, "file with the secret both nodes share, readable by its owner only", "",
		func(s *settings, v string) error { s.Node.SecretFile = v; return nil }},
	{"repl-tls-cert", "", "FILE", groupPeer, "TLS on the link: this node's certificate, read again at SIGHUP", "",
		func(s *settings, v string) error { s.Node.ReplTLS.Cert = v; return nil }},
	{"repl-tls-key", "", "FILE", groupPeer, "its key, readable by its owner only", "",
		func(s *settings, v string) error { s.Node.ReplTLS.Key = v; return nil }},
	{"repl-tls-ca", "", "FILE", groupPeer, "the CA that signed both nodes' certificates", "",
		func(s *settings, v string) error { s.Node.ReplTLS.CA = v; return nil }},
	{"repl-insecure", "", "", groupPeer, "allow a replication port beyond this machine without secret and certificates", "",
		func(s *settings, v string) error { return setBool(&s.Node.ReplInsecure, v) }},
	{"cluster", "", "NAME", groupPeer, "name of the pair, the same on both nodes", "default",
		func(s *settings, v string) error { s.Node.Cluster = v; return nil }},
	{"peer-id", "", "ID", groupPeer, "link only with the node of this id, 32 hexadecimal digits", "any",
		func(s *settings, v string) error { s.Node.PeerID = strings.ToLower(v); return nil }},
	{"state-dir", "", "DIR", groupPeer, "keep the node's id and clock here", "nothing is kept",
		func(s *settings, v string) error { s.Node.StateDir = v; return nil }},
	{"local-keys", "", "PATTERNS", groupPeer, "keys that stay on this node: patterns of * ? [a-z] [^a-z] \\c, with commas; '' for none", "*.lock",
		func(s *settings, v string) error { return setList(&s.Node.LocalKeys, v) }},
	{"peer-wait", "", "TIME", groupPeer, "how long a starting node looks for its peer; 1s where its machine says that no such node runs", "10s",
		func(s *settings, v string) error { return setDuration(&s.Node.PeerWait, v) }},
	{"boot", "", "MODE", groupPeer, "auto: serve alone after --peer-wait, but not beside a peer that is there and refuses; serve: also then; wait: only with a copy from the peer", "auto",
		func(s *settings, v string) error { s.Node.Boot = node.BootMode(v); return nil }},
	{"refused-wait", "", "TIME", groupPeer, "how long --boot auto stays shut where one that never proved to be the peer refuses", "10m",
		func(s *settings, v string) error { return setDuration(&s.Node.RefusedWait, v) }},
	{"drain-timeout", "", "TIME", groupPeer, "how long a stopping node waits for the peer to have everything", "10s",
		func(s *settings, v string) error { return setDuration(&s.Node.DrainTimeout, v) }},
	{"handover", "", "TIME", groupPeer, "how long a stopping node whose peer is gone waits for one to take over", "5s",
		func(s *settings, v string) error { return setDuration(&s.Node.Handover, v) }},
}

// ignored are flags that tune memcached's or repcached's own machinery. They
// are accepted, so that a command line can move over unchanged.
var ignored = []struct{ long, letter, value string }{
	{"slab-growth-factor", "f", "NUM"},
	{"slab-min-size", "n", "BYTES"},
	{"enable-largepages", "L", ""},
	{"lock-memory", "k", ""},
	{"enable-coredumps", "r", ""},
	{"queue-length", "q", "N"},
	{"memory-file", "e", "FILE"},
	{"napi-ids", "N", "N"},
	{"engine", "E", "NAME"},
}

// apply sets one flag's value.
func (o *option) apply(s *settings, v string) error {
	if err := o.set(s, v); err != nil {
		return fmt.Errorf("%s: %w", o.name(), err)
	}
	return nil
}

// name is how messages call the flag: "-p, --port".
func (o *option) name() string {
	if o.letter == "" {
		return "--" + o.long
	}
	return "-" + o.letter + ", --" + o.long
}

// env is the flag's environment variable.
func (o *option) env() string { return envName(o.long) }

func envName(long string) string {
	return envPrefix + strings.ToUpper(strings.ReplaceAll(long, "-", "_"))
}

func setInt(dst *int, v string) error {
	n, err := strconv.Atoi(v)
	if err != nil {
		return fmt.Errorf("%q is not a whole number", v)
	}
	*dst = n
	return nil
}

func setOctal(dst *int, v string) error {
	n, err := strconv.ParseUint(v, 8, 16)
	if err != nil {
		return fmt.Errorf("%q is not an octal number such as 700", v)
	}
	*dst = int(n)
	return nil
}

func setBool(dst *bool, v string) error {
	b, err := strconv.ParseBool(v)
	if err != nil {
		return fmt.Errorf("%q is neither true nor false", v)
	}
	*dst = b
	return nil
}

func setDuration(dst *time.Duration, v string) error {
	d, err := parseDuration(v)
	if err != nil {
		return fmt.Errorf("%q is not a time such as 10s or 500ms", v)
	}
	*dst = d
	return nil
}

// parseDuration reads a time; a number without a unit is seconds.
func parseDuration(v string) (time.Duration, error) {
	if strings.Trim(v, "+-.0123456789") == "" {
		v += "s"
	}
	return time.ParseDuration(v)
}

// setList replaces a list by the comma separated one in v; empty is none.
func setList(dst *[]string, v string) error {
	*dst = nil
	if v == "" {
		return nil
	}
	for part := range strings.SplitSeq(v, ",") {
		*dst = append(*dst, strings.TrimSpace(part))
	}
	return nil
}

// setListen splits as memcached does: at commas and semicolons, and nothing between
// two of them is nothing.
func setListen(s *settings, v string) error {
	s.Node.Listen = nil
	for part := range strings.FieldsFuncSeq(v, func(r rune) bool { return r == ',' || r == ';' }) {
		if part = strings.TrimSpace(part); part != "" {
			s.Node.Listen = append(s.Node.Listen, part)
		}
	}
	if len(s.Node.Listen) == 0 {
		return fmt.Errorf("%q has no address", v)
	}
	return nil
}

// setSize reads bytes with an optional suffix k or m.
func setSize(dst *int, v string) error {
	unit, digits := 1, v
	if v != "" {
		switch v[len(v)-1] {
		case 'k', 'K':
			unit, digits = 1<<10, v[:len(v)-1]
		case 'm', 'M':
			unit, digits = 1<<20, v[:len(v)-1]
		case 'g', 'G':
			unit, digits = 1<<30, v[:len(v)-1]
		}
	}
	n, err := strconv.Atoi(digits)
	if err != nil || n > math.MaxInt/unit || n < math.MinInt/unit {
		return fmt.Errorf("%q is not a size such as 512k or 2m", v)
	}
	*dst = n * unit
	return nil
}

func setPeer(s *settings, v string) error {
	peer, err := node.WithPort(v, node.DefaultReplPort)
	if err != nil {
		return fmt.Errorf("%s: %w", v, err)
	}
	s.Node.Peer = peer
	return nil
}

func setReplPort(s *settings, v string) error {
	if err := setInt(&s.Node.ReplPort, v); err != nil {
		return err
	}
	if s.Node.ReplPort == 0 {
		return fmt.Errorf("0 is no port (-1 takes any free one); without -x and -X no replication port opens")
	}
	return nil
}

func setProtocol(s *settings, v string) error {
	switch v {
	case "auto", "auto-negotiate":
		s.Node.Protocol = node.ProtocolAuto
	case "ascii":
		s.Node.Protocol = node.ProtocolText
	case "binary":
		s.Node.Protocol = node.ProtocolBinary
	default:
		return fmt.Errorf("%q is neither auto nor ascii nor binary", v)
	}
	return nil
}

// setExtended takes memcached's words with commas. What tunes its own machinery
// is named in the log, and does nothing.
func setExtended(s *settings, v string) error {
	var other []string
	for word := range strings.SplitSeq(v, ",") {
		name, value, given := strings.Cut(strings.TrimSpace(word), "=")
		switch {
		case name == "":
		case strings.HasPrefix(name, "ssl_"):
			if known, err := setTLSWord(&s.Node.TLS, name, value); err != nil {
				return err
			} else if !known {
				other = append(other, name)
			}
		case name == "maxconns_fast", name == "no_maxconns_fast":
			s.Node.WaitAtLimit = name == "no_maxconns_fast"
		case name == "track_sizes":
			s.Node.TrackSizes = true
		case name == "lru_crawler", name == "no_lru_crawler":
			s.Node.NoCrawler = name == "no_lru_crawler"
		case name == "modern", name == "no_modern":
			s.Node.NoCrawler = name == "no_modern"
			other = append(other, name)
		case name == "watcher_logbuf_size":
			if err := setInt(&s.Node.WatcherKiB, value); err != nil {
				return fmt.Errorf("watcher_logbuf_size: %w", err)
			}
		case name != "idle_timeout" && !tuningWords[name] && !strings.HasPrefix(name, "ext_"):
			return fmt.Errorf("illegal suboption %q: memcached has no such word either", word)
		case name != "idle_timeout":
			other = append(other, name)
		case !given:
			return fmt.Errorf("idle_timeout needs a number of seconds: idle_timeout=SECONDS")
		default:
			n, err := strconv.ParseInt(value, 10, 32)
			if err != nil {
				return fmt.Errorf("idle_timeout=%s is not a number of seconds", value)
			}
			s.Node.IdleTimeout = time.Duration(n) * time.Second
		}
	}
	if len(other) > 0 {
		s.Ignored = append(s.Ignored, "--extended="+strings.Join(other, ","))
	}
	return nil
}

// setDelimiter takes the first byte, as memcached does.
func setDelimiter(s *settings, v string) error {
	if v == "" {
		return errors.New("a character is missing")
	}
	s.Node.PrefixDelimiter = v[0]
	return nil
}

// setSASL also looks where memcached's own logins are.
func setSASL(s *settings, v string) error {
	if err := setBool(&s.Node.SASL, v); err != nil {
		return err
	}
	s.Node.SASLFile = ""
	if s.Node.SASL {
		s.Node.SASLFile = os.Getenv("MEMCACHED_SASL_PWDB")
	}
	return nil
}

// setUDP takes memcached's ports, and opens none.
func setUDP(s *settings, v string) error {
	port := 0
	if err := setInt(&port, v); err != nil {
		return err
	}
	if port < -1 || port > math.MaxUint16 {
		return fmt.Errorf("%d is out of range: -1 to %d", port, math.MaxUint16)
	}
	s.UDPPort = port
	return nil
}
