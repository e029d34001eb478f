package node

import (
	"bufio"
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"strings"
	"testing"
	"time"

	"twincached/internal/testkit"
	"twincached/memproto"
)

func TestListen_ReadsMemcachedsPrefixes(t *testing.T) {
	cfg := Default()
	for entry, want := range map[string]listener{
		"127.0.0.1":              {address: "127.0.0.1:11211"},
		"notls:127.0.0.1:7":      {security: secureNot, address: "127.0.0.1:7"},
		"btls:*":                 {security: secureBasic, address: ":11211"},
		"mtls:[::1]:7":           {security: secureMutual, address: "[::1]:7"},
		"proto[ascii]:127.0.0.1": {protocol: ProtocolText, address: "127.0.0.1:11211"},
		"proto[binary]:::1":      {protocol: ProtocolBinary, address: "[::1]:11211"},
		"proto[negotiating]:h:7": {protocol: ProtocolAuto, address: "h:7"},
		"tag[services]:h":        {tag: "services", address: "h:11211"},
		"tag_x_:h:7":             {tag: "x", address: "h:7"},
		"mtls:proto[ascii]:tag_tools_:127.0.0.1:11212": {secureMutual, ProtocolText, "tools", "127.0.0.1:11212"},
		"tagger:7":             {address: "tagger:7"},
		"protocol.example.org": {address: "protocol.example.org:11211"},
	} {
		if got, err := cfg.parseListen(entry); err != nil || got != want {
			t.Errorf("%s: %+v, %v; want %+v", entry, got, err, want)
		}
	}
}

func TestListen_SaysWhatIsWrong(t *testing.T) {
	for entry, want := range map[string]string{
		"proto[ascii]":          "a protocol is named so: proto[ascii]:ADDRESS",
		"proto[ascii:h":         "a protocol is named so",
		"proto[]:h":             "proto[]: the protocols are ascii, binary and negotiating",
		"proto[smoke]:h":        "proto[smoke]: the protocols are",
		"proto[proxy]:h":        "memcached's proxy is not in this program",
		"tag[]:h":               "a tag has 1 to 8 characters",
		"tag_ninechars_:h":      "a tag has 1 to 8 characters",
		"tag[x:h":               "a tag is written tag[NAME]:ADDRESS",
		"tag_x:h":               "a tag is written",
		"tag_x_:":               "the address is empty",
		"proto[ascii]:h:x":      `port "x" is not a number`,
		"tag_x_:proto[ascii]:h": "neither HOST, HOST:PORT nor", // memcached's order is another
		"notls:h":               "notls means nothing without -Z",
		"btls:h":                "btls means nothing without -Z",
		"mtls:h":                "mtls means nothing without -Z",
	} {
		cfg := Default()
		cfg.Listen = []string{"127.0.0.1", entry}
		if err := cfg.Validate(); err == nil || !strings.Contains(err.Error(), "-l, --listen "+entry+": ") || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v; want %s", entry, err, want)
		}
	}
	for _, c := range []struct {
		entry, want string
		change      func(*Config)
	}{
		{"mtls:h", "mtls needs -o ssl_ca_cert=FILE", func(c *Config) { c.TLS.Enabled, c.TLS.ChainCert = true, "f" }},
		{"proto[binary]:h", "add -S, --enable-sasl or leave proto[binary]", func(c *Config) { c.AuthFile = "f" }},
		{"proto[ascii]:h", "add -Y, --auth-file or leave proto[ascii]", func(c *Config) { c.SASL, c.SASLFile = true, "f" }},
	} {
		cfg := Default()
		cfg.Listen = []string{c.entry}
		c.change(&cfg)
		if err := cfg.Validate(); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v; want %s", c.entry, err, c.want)
		}
	}
}

func TestListen_NegotiatingLeavesOutWhatHasNoLogin(t *testing.T) {
	for _, c := range []struct {
		auth, sasl bool
		all, one   Protocol
		want       memproto.Speaks
	}{
		{false, false, ProtocolDefault, ProtocolAuto, memproto.SpeaksBoth},
		{false, false, ProtocolText, ProtocolAuto, memproto.SpeaksBoth},
		{false, false, ProtocolText, ProtocolDefault, memproto.SpeaksText},
		{false, false, ProtocolText, ProtocolBinary, memproto.SpeaksBinary},
		{true, false, ProtocolDefault, ProtocolAuto, memproto.SpeaksText},
		{true, true, ProtocolDefault, ProtocolAuto, memproto.SpeaksBoth},
		{false, true, ProtocolDefault, ProtocolAuto, memproto.SpeaksBinary},
	} {
		cfg := Config{SASL: c.sasl, Protocol: c.all}
		if c.auth {
			cfg.AuthFile = "f"
		}
		if got := cfg.speaks(&listener{protocol: c.one}); got != c.want {
			t.Errorf("%+v: %d", c, got)
		}
	}
}

// askBoth tells which protocols an address answers in.
func askBoth(t *testing.T, addr net.Addr) (text, binary bool) {
	t.Helper()
	ask := func(request, answer string) bool {
		c, err := net.DialTimeout("tcp", addr.String(), testkit.Patience)
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		_ = c.SetDeadline(time.Now().Add(testkit.Patience))
		fmt.Fprint(c, request)
		got := make([]byte, len(answer))
		_, err = io.ReadFull(bufio.NewReader(c), got)
		return err == nil && string(got) == answer
	}
	// As long as a packet's header, or who speaks binary only would wait for the rest of one.
	return ask(strings.Repeat("version\r\n", 3), "VERSION"), ask("\x80\x0b"+strings.Repeat("\x00", 22), "\x81\x0b")
}

func TestNode_EachListenerHasItsProtocol(t *testing.T) {
	var log strings.Builder
	cfg := testConfig(&log)
	cfg.Listen = []string{"proto[ascii]:tag_x_:127.0.0.1", "proto[binary]:127.0.0.1", "proto[negotiating]:127.0.0.1", "127.0.0.1"}
	cfg.Protocol = ProtocolText
	n := start(t, cfg)
	waitReady(t, n)
	for i, want := range [][2]bool{{true, false}, {false, true}, {true, true}, {true, false}} {
		if text, binary := askBoth(t, n.ClientAddrs()[i]); text != want[0] || binary != want[1] {
			t.Errorf("%s: text %v, binary %v", cfg.Listen[i], text, binary)
		}
	}
	n.Close()
	if !strings.Contains(log.String(), "tags of -l are ignored: only memcached's proxy uses them\" event=ignored tags=x") {
		t.Errorf("said %s", log.String())
	}
}

// mtls, btls and the protocol hold beside another ssl_verify_mode.
func TestNode_EachListenerHasItsTLS(t *testing.T) {
	chain, key, _ := writeCert(t, t.TempDir(), "node")
	ca, _, known := writeCert(t, t.TempDir(), "known")
	_, _, stranger := writeCert(t, t.TempDir(), "stranger")
	for mode := range 3 {
		cfg := testConfig(io.Discard)
		cfg.TLS = TLS{Enabled: true, ChainCert: chain, Key: key, CACert: ca, VerifyMode: mode, MinVersion: 3}
		cfg.Listen = []string{"mtls:127.0.0.1", "btls:127.0.0.1", "127.0.0.1", "notls:127.0.0.1"}
		n := start(t, cfg)
		waitReady(t, n)
		addrs := n.ClientAddrs() // the plain one comes first
		if text, _ := askBoth(t, addrs[0]); !text {
			t.Error("notls is not served")
		}
		served := func(i int, certs ...tls.Certificate) bool {
			reply, _, err := overTLS(addrs[i], "version", certs...)
			return err == nil && strings.HasPrefix(reply, "VERSION")
		}
		for i, want := range [][3]bool{{false, true, false}, {true, true, true}, {mode < 2, true, mode == 0}} {
			if got := [3]bool{served(i + 1), served(i+1, known), served(i+1, stranger)}; got != want {
				t.Errorf("mode %d, %s: %v, want %v", mode, cfg.Listen[i], got, want)
			}
		}
	}
}
