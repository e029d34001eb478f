package node

import (
	"encoding/hex"
	"errors"
	"fmt"
	"net"
	"strings"
	"time"

	"twincached/internal/glob"
	"twincached/internal/serve"
	"twincached/store"
)

// The bounds of the flags, each with its reason.
const (
	minMemoryMiB    = store.MinMemoryBytes >> 20
	maxMemoryMiB    = store.MaxMemoryBytes >> 20
	maxConns        = 16 << 20                  // four times the most open files Linux allows a process by default (nr_open) and some
	maxThreads      = 256                       // far beyond the point where more threads make it slower
	maxBacklog      = 1 << 16                   // the kernel cuts it to net.core.somaxconn anyway
	maxReqsPerEvent = 1 << 20                   // a client may not keep a thread for itself
	maxVerbosity    = 3                         // -vvv
	maxWatcherKiB   = 64 << 10                  // 20 of them are 1.25 GiB already
	maxClusterBytes = 250                       // it stands in the link's first frame
	maxLocalKeys    = 64                        // each is tried for each write
	maxWait         = 24 * time.Hour            // a longer one is a mistake
	maxIdle         = 10 * 365 * 24 * time.Hour // longer is never
	maxDrain        = 1 * time.Hour             // a service manager has killed the process long before
	maxCopyMiB      = 1 << 20                   // more than any network carries
	maxUnixMask     = 0o777                     // permissions and nothing else
	peerIDDigits    = 2 * len16                 // hexadecimal digits of an id
	len16           = 16                        // bytes of an id
)

// Validate says what is wrong with a Config, naming the flag; nil means that
// Start can fail only for reasons outside of it (a busy port, a secret file).
func (c *Config) Validate() error {
	for _, check := range []func(*Config) error{
		checkSizes, checkServing, checkAddresses, checkLocalKeys, checkProtocol, checkLogins, checkTLS, checkLink, checkWarm, checkReplTLS, checkSecret, checkStatusPage,
	} {
		if err := check(c); err != nil {
			return fmt.Errorf("node: %w", err)
		}
	}
	return nil
}

func within(flag string, v, low, high int, unit string) error {
	if v < low || v > high {
		return fmt.Errorf("%s %d is out of range: %d to %d%s", flag, v, low, high, unit)
	}
	return nil
}

func checkSizes(c *Config) error {
	if c.MemoryMiB < minMemoryMiB {
		return fmt.Errorf("-m, --memory-limit %d is too small to be useful: %d MiB at least", c.MemoryMiB, minMemoryMiB)
	}
	if err := within("-m, --memory-limit", c.MemoryMiB, minMemoryMiB, maxMemoryMiB, " MiB"); err != nil {
		return err
	}
	if err := within("-I, --max-item-size", c.MaxItemBytes, store.MinItemLimitBytes, store.MaxItemLimitBytes, " bytes (1k to 1024m)"); err != nil {
		return err
	}
	if int64(c.MaxItemBytes) > store.LargestItemBytes(int64(c.MemoryMiB)<<20) {
		return fmt.Errorf("-I, --max-item-size %d bytes is more than half of -m, --memory-limit %d MiB: lower -I or raise -m",
			c.MaxItemBytes, c.MemoryMiB)
	}
	return nil
}

func checkServing(c *Config) error {
	if c.WatcherKiB < 0 || c.WatcherKiB > maxWatcherKiB {
		return fmt.Errorf("-o watcher_logbuf_size=%d is out of range: 0 to %d KiB", c.WatcherKiB, maxWatcherKiB)
	}
	if c.IdleTimeout < 0 || c.IdleTimeout > maxIdle {
		return fmt.Errorf("-o idle_timeout=%d is out of range: 0 to %d seconds", int64(c.IdleTimeout/time.Second), int64(maxIdle/time.Second))
	}
	switch c.IO {
	case serve.IOAuto, serve.IOUring, serve.IOEpoll:
	default:
		return fmt.Errorf("--io %q: it is auto, uring or epoll", c.IO)
	}
	return errors.Join(
		within("-c, --conn-limit", c.MaxConns, 1, maxConns, " connections"),
		within("-t, --threads", c.Threads, 1, maxThreads, ""),
		within("-b, --listen-backlog", c.Backlog, 1, maxBacklog, ""),
		within("-R, --max-reqs-per-event", c.RequestsPerEvent, 1, maxReqsPerEvent, ""),
		within("-v, --verbose", c.Verbosity, 0, maxVerbosity, ""),
	)
}

func checkAddresses(c *Config) error {
	if _, port, err := net.SplitHostPort(c.ReplListen); err == nil {
		return fmt.Errorf("--repl-listen %s: an address without a port; the port is -X, --repl-port %s", c.ReplListen, port)
	}
	if err := checkUnixSocket(c); err != nil {
		return err
	}
	if c.Port == 0 && c.UnixSocket == "" {
		return errors.New("-p, --port 0 leaves no port for clients (-1 takes any free one)")
	}
	if err := within("-p, --port", c.Port, -1, 65535, ""); err != nil {
		return err
	}
	if err := within("-X, --repl-port", c.ReplPort, -1, 65535, ""); err != nil {
		return err
	}
	if err := checkListeners(c); err != nil {
		return err
	}
	return checkPortClash(c)
}

// checkUnixSocket looks at what can be known without making the file.
func checkUnixSocket(c *Config) error {
	if len(c.UnixSocket) > serve.MaxSocketPathBytes {
		return fmt.Errorf("-s, --unix-socket: the path has %d bytes, a socket's has %d at most: %s",
			len(c.UnixSocket), serve.MaxSocketPathBytes, c.UnixSocket)
	}
	if c.UnixMask < 0 || c.UnixMask > maxUnixMask {
		return fmt.Errorf("-a, --unix-mask %o is out of range: 0 to %o, in octal", c.UnixMask, maxUnixMask)
	}
	return nil
}

// checkPortClash finds a client and a replication listener on one port of one address.
func checkPortClash(c *Config) error {
	if c.replPort() <= 0 || c.UnixSocket != "" {
		return nil
	}
	replHost, _, err := net.SplitHostPort(c.replAddress())
	if err != nil {
		return err
	}
	for _, a := range c.clientAddresses() {
		host, port, err := net.SplitHostPort(a)
		if err != nil {
			return fmt.Errorf("-l, --listen %s: %w", a, err)
		}
		same := host == replHost || isAny(host) || isAny(replHost)
		if same && port == fmt.Sprint(c.replPort()) {
			return fmt.Errorf("-p, --port and -X, --repl-port are both %s: clients and the peer need a port each", port)
		}
	}
	return nil
}

func checkLocalKeys(c *Config) error {
	if len(c.LocalKeys) > maxLocalKeys {
		return fmt.Errorf("--local-keys names %d patterns: %d at most", len(c.LocalKeys), maxLocalKeys)
	}
	for _, pattern := range c.LocalKeys {
		if pattern == "" {
			return errors.New("--local-keys has an empty pattern among others")
		}
	}
	if _, err := glob.ParseList(c.LocalKeys); err != nil {
		return fmt.Errorf("--local-keys: %w", err)
	}
	return nil
}

func checkProtocol(c *Config) error {
	switch c.Protocol {
	case ProtocolDefault, ProtocolAuto, ProtocolText, ProtocolBinary:
		return nil
	}
	return fmt.Errorf("-B, --protocol %q: it is auto, ascii or binary", c.Protocol)
}

func checkLink(c *Config) error {
	if c.Boot != BootAuto && c.Boot != BootServe && c.Boot != BootWait {
		return fmt.Errorf("--boot %q: it is auto, serve or wait", c.Boot)
	}
	if c.Compress != "" && c.Compress != CompressOff && c.Compress != CompressZstd {
		return fmt.Errorf("--repl-compress %q: it is off or zstd", c.Compress)
	}
	if c.RefusedWait < 0 || c.RefusedWait > maxWait {
		return fmt.Errorf("--refused-wait %v is out of range: 0s to %v", c.RefusedWait, maxWait)
	}
	if c.PeerWait < 0 || c.PeerWait > maxWait {
		return fmt.Errorf("--peer-wait %v is out of range: 0s to %v", c.PeerWait, maxWait)
	}
	if c.DrainTimeout < 0 || c.DrainTimeout > maxDrain {
		return fmt.Errorf("--drain-timeout %v is out of range: 0s to %v", c.DrainTimeout, maxDrain)
	}
	if c.Handover < 0 || c.Handover > maxDrain {
		return fmt.Errorf("--handover %v is out of range: 0s to %v", c.Handover, maxDrain)
	}
	if c.CopyMiB < 0 || c.CopyMiB > maxCopyMiB {
		return fmt.Errorf("--copy-rate %d is out of range: 0 to %d MiB a second", c.CopyMiB, maxCopyMiB)
	}
	if c.Cluster == "" || len(c.Cluster) > maxClusterBytes {
		return fmt.Errorf("--cluster needs a name of 1 to %d bytes", maxClusterBytes)
	}
	if c.PeerID != "" {
		if b, err := hex.DecodeString(c.PeerID); err != nil || len(b) != len16 {
			return fmt.Errorf("--peer-id %q is not the %d hexadecimal digits of a node id", c.PeerID, peerIDDigits)
		}
	}
	if c.Peer != "" {
		if err := checkPeer(c.Peer); err != nil {
			return err
		}
	}
	return checkNeedsPeer(c)
}

// checkWarm sees to it that there is a place for the image.
func checkWarm(c *Config) error {
	if c.Warm != WarmOff && c.Warm != WarmLast && c.Warm != WarmAny {
		return fmt.Errorf("--warm=%s: it is last or any", c.Warm)
	}
	if strings.HasSuffix(c.MemoryFile, "/") {
		return fmt.Errorf("-e, --memory-file %s is a directory: name a file in it", c.MemoryFile)
	}
	if c.Warm != WarmOff && c.imagePath() == "" {
		return errors.New("--warm needs --state-dir DIR, a directory of this node's own: there it keeps what it holds while it is stopped")
	}
	return nil
}

func checkPeer(peer string) error {
	host, port, err := net.SplitHostPort(peer)
	if err != nil {
		return fmt.Errorf("-x, --peer %s: HOST or HOST:PORT, an IPv6 address with a port in brackets", peer)
	}
	if host == "" || strings.ContainsAny(host, "/ \t") {
		return fmt.Errorf("-x, --peer %s has no host name", peer)
	}
	if isAny(host) {
		return fmt.Errorf("-x, --peer %s is every address of this machine, not the peer's", peer)
	}
	if n, err := parsePort(port); err != nil || n == 0 {
		return fmt.Errorf("-x, --peer %s: port %q is not a number from 1 to 65535", peer, port)
	}
	return nil
}

// checkNeedsPeer refuses flags that only mean something with a peer.
func checkNeedsPeer(c *Config) error {
	if c.Peer == "" && c.Boot == BootWait {
		return errors.New("--boot wait contradicts a missing -x, --peer: there is nobody to wait for")
	}
	if c.replicates() {
		return nil
	}
	for _, f := range []struct {
		flag string
		set  bool
	}{
		{"--secret-file", c.SecretFile != ""},
		{SecretVariable, c.Secret != ""},
		{"--repl-tls-cert", c.ReplTLS.enabled()},
		{"--peer-id", c.PeerID != ""},
		{"--repl-listen", c.ReplListen != ""},
		{"--repl-insecure", c.ReplInsecure},
	} {
		if f.set {
			return fmt.Errorf("%s has no use without -x, --peer (or -X, --repl-port): this node replicates nothing", f.flag)
		}
	}
	return nil
}

func checkSecret(c *Config) error {
	if c.SecretFile != "" && c.Secret != "" {
		return fmt.Errorf("--secret-file and %s both give the secret: keep one", SecretVariable)
	}
	if !c.replicates() {
		return nil
	}
	for _, f := range []struct {
		flag string
		set  bool
	}{{"--secret-file", c.SecretFile != ""}, {SecretVariable, c.Secret != ""}, {"--repl-tls-cert", c.ReplTLS.enabled()}} {
		if f.set && c.ReplInsecure {
			return fmt.Errorf("%s and --repl-insecure contradict each other: keep one", f.flag)
		}
	}
	if c.hasSecret() || c.ReplTLS.enabled() || c.ReplInsecure {
		return nil
	}
	host, port, err := net.SplitHostPort(c.replAddress())
	if err != nil {
		return err
	}
	if isLoopback(host) {
		return nil
	}
	where := "all addresses of this machine"
	if !isAny(host) {
		where = host
	}
	return fmt.Errorf(`the replication port %s would be open on %s with no secret and no certificate:
whoever reaches it could read and change all data. Choose one:
  a secret, the same file on both nodes:
      head -c 32 /dev/urandom | base64 > twincached.secret; chmod 600 twincached.secret
      twincached ... --secret-file twincached.secret
  certificates, and encryption: twincached cert -h
  this machine only:            -l 127.0.0.1
  a network that you trust:     --repl-insecure`, port, where)
}
