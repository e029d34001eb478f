package node

import (
	"errors"
	"fmt"
	"net"
	"slices"
	"strconv"
	"strings"

	"twincached/internal/nodelog"
	"twincached/internal/serve"
	"twincached/memproto"
)

// listener is one entry of Config.Listen: memcached's
//
//	[notls:|btls:|mtls:][proto[NAME]:][tag[NAME]:|tag_NAME_:]ADDRESS
type listener struct {
	security security
	protocol Protocol // ProtocolDefault: as the node
	tag      string   // of memcached's proxy; means nothing here
	address  string   // HOST:PORT; port 0 takes any
}

// security is how an entry differs from what -Z and ssl_verify_mode say.
type security string

const (
	secureDefault security = ""      // as the node
	secureNot     security = "notls" // without TLS
	secureBasic   security = "btls"  // no certificate is asked of clients
	secureMutual  security = "mtls"  // clients need a certificate
)

const maxTagBytes = 8 // memcached's

// listenProtocols are memcached's words in proto[...].
var listenProtocols = map[string]Protocol{"ascii": ProtocolText, "binary": ProtocolBinary, "negotiating": ProtocolAuto}

// listeners are the TCP addresses for clients.
func (c *Config) listeners() (all []listener) {
	if len(c.Listen) == 0 {
		return []listener{{address: net.JoinHostPort("", strconv.Itoa(max(c.Port, 0)))}}
	}
	for _, entry := range c.Listen {
		if l, err := c.parseListen(entry); err == nil { // Validate reports the others
			all = append(all, l)
		}
	}
	return all
}

// parseListen reads one entry of Listen. Its error names the flag and the entry.
func (c *Config) parseListen(entry string) (l listener, err error) {
	fail := func(format string, args ...any) (listener, error) {
		return listener{}, fmt.Errorf("-l, --listen %s: %w", entry, fmt.Errorf(format, args...))
	}
	rest := entry
	for _, s := range []security{secureNot, secureBasic, secureMutual} {
		if after, ok := strings.CutPrefix(rest, string(s)+":"); ok {
			l.security, rest = s, after
			break
		}
	}
	if after, ok := strings.CutPrefix(rest, "proto["); ok {
		name, behind, closed := strings.Cut(after, "]:")
		switch p, known := listenProtocols[name]; {
		case !closed:
			return fail("a protocol is named so: proto[ascii]:ADDRESS")
		case name == "proxy":
			return fail("proto[proxy]: memcached's proxy is not in this program; leave the prefix")
		case !known:
			return fail("proto[%s]: the protocols are ascii, binary and negotiating", name)
		default:
			l.protocol, rest = p, behind
		}
	}
	if l.tag, rest, err = cutTag(rest); err != nil {
		return fail("%w", err)
	}
	host, port, err := splitHostPort(rest, max(c.Port, 0))
	if err != nil {
		return fail("%w", err)
	}
	if host == "*" {
		host = ""
	}
	l.address = net.JoinHostPort(host, port)
	return l, nil
}

// cutTag takes tag[NAME]: or tag_NAME_: off an entry. A host may begin with tag.
func cutTag(entry string) (tag, rest string, err error) {
	after, ok := strings.CutPrefix(entry, "tag")
	if !ok || after == "" || after[0] != '[' && after[0] != '_' {
		return "", entry, nil
	}
	end := choose(after[0] == '[', "]:", "_:")
	tag, rest, closed := strings.Cut(after[1:], end)
	if !closed {
		return "", "", errors.New("a tag is written tag[NAME]:ADDRESS or tag_NAME_:ADDRESS")
	}
	if tag == "" || len(tag) > maxTagBytes {
		return "", "", fmt.Errorf("a tag has 1 to %d characters", maxTagBytes)
	}
	return tag, rest, nil
}

// checkListeners finds entries that contradict the rest of the configuration.
func checkListeners(c *Config) error {
	for _, entry := range c.Listen {
		l, err := c.parseListen(entry)
		switch {
		case err != nil:
			return err
		case l.security != secureDefault && !c.TLS.Enabled:
			return fmt.Errorf("-l, --listen %s: %s means nothing without -Z, --enable-ssl", entry, l.security)
		case l.security == secureMutual && c.TLS.CACert == "":
			return fmt.Errorf("-l, --listen %s: mtls needs -o ssl_ca_cert=FILE, as without it no client's certificate is right", entry)
		case l.protocol == ProtocolBinary && c.AuthFile != "" && !c.SASL:
			return fmt.Errorf("-l, --listen %s: -Y, --auth-file logs in clients of the text protocol only; add -S, --enable-sasl or leave proto[binary]", entry)
		case l.protocol == ProtocolText && c.AuthFile == "" && c.SASL:
			return fmt.Errorf("-l, --listen %s: -S, --enable-sasl logs in clients of the binary protocol only; add -Y, --auth-file or leave proto[ascii]", entry)
		}
	}
	return nil
}

// speaks is what clients of l may begin with. As in memcached, a listener that
// negotiates leaves out the protocol that has no login where another has.
func (c *Config) speaks(l *listener) memproto.Speaks {
	p := l.protocol
	if p == ProtocolDefault {
		p = c.protocol()
	} else if p == ProtocolAuto {
		open := *c
		open.Protocol = ProtocolDefault
		p = open.protocol()
	}
	switch p {
	case ProtocolText:
		return memproto.SpeaksText
	case ProtocolBinary:
		return memproto.SpeaksBinary
	}
	return memproto.SpeaksBoth
}

// splitListeners sorts the clients' addresses: those without TLS, and those with.
// speaks has what clients of each may begin with, in this order.
func (n *Node) splitListeners() (plain []string, secure []serve.TLSAddress, speaks []memproto.Speaks) {
	isPlain := func(l listener) bool { return !n.cfg.TLS.Enabled || l.security == secureNot }
	all := n.cfg.listeners()
	slices.SortStableFunc(all, func(a, b listener) int {
		return choose(isPlain(a), 0, 1) - choose(isPlain(b), 0, 1)
	})
	for i := range all {
		l := &all[i]
		if isPlain(*l) {
			plain = append(plain, l.address)
		} else {
			secure = append(secure, serve.TLSAddress{Address: l.address, Config: n.certs.server(l.security)})
		}
		speaks = append(speaks, n.cfg.speaks(l))
	}
	return plain, secure, speaks
}

// logTags says once that tags do nothing here.
func (n *Node) logTags() {
	var tags []string
	for _, l := range n.cfg.listeners() {
		if l.tag != "" {
			tags = append(tags, l.tag)
		}
	}
	if len(tags) > 0 {
		n.log.Info("tags of -l are ignored: only memcached's proxy uses them", nodelog.Ignored, "tags", strings.Join(tags, " "))
	}
}
