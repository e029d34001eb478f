package node

import (
	"slices"
	"strings"
	"testing"
)

func TestConfig_CompletesAddresses(t *testing.T) {
	for _, c := range []struct {
		listen, replListen, clients, repl string
	}{
		{"", "", ":11211", ":11212"},
		{"127.0.0.1", "", "127.0.0.1:11211", "127.0.0.1:11212"},
		{"127.0.0.1,10.0.0.1", "", "127.0.0.1:11211 10.0.0.1:11211", "10.0.0.1:11212"},
		{"127.0.0.1,::1", "", "127.0.0.1:11211 [::1]:11211", "127.0.0.1:11212"},
		{"::1", "", "[::1]:11211", "[::1]:11212"},
		{"[::1]:7,fe80::1%lo", "", "[::1]:7 [fe80::1%lo]:11211", "[fe80::1%lo]:11212"},
		{"db1:7", "", "db1:7", "db1:11212"},
		{"*", "", ":11211", ":11212"},
		{"db1", "*", "db1:11211", ":11212"},
		{"", "[::1]", ":11211", "[::1]:11212"},
	} {
		cfg := Default()
		cfg.Peer, cfg.ReplListen = "other:11212", c.replListen
		if c.listen != "" {
			cfg.Listen = strings.Split(c.listen, ",")
		}
		if got := cfg.clientAddresses(); !slices.Equal(got, strings.Fields(c.clients)) {
			t.Errorf("%q: clients %q, want %q", c.listen, got, c.clients)
		}
		if got := cfg.replAddress(); got != c.repl {
			t.Errorf("%q, %q: replication %q, want %q", c.listen, c.replListen, got, c.repl)
		}
	}
}

func TestWithPort(t *testing.T) {
	for in, want := range map[string]string{
		"other": "other:1", "other:2": "other:2", "::1": "[::1]:1", "[::1]": "[::1]:1", "[::1]:2": "[::1]:2",
		"": "", "a:b": "", "a:1:2": "", "a:70000": "", "[::1": "",
	} {
		if got, err := WithPort(in, 1); got != want || (err == nil) != (want != "") {
			t.Errorf("%q: got %q, %v; want %q", in, got, err, want)
		}
	}
}

func TestReplPort_OpensOnlyForAPeer(t *testing.T) {
	for _, c := range []struct {
		peer       string
		port, want int
	}{{"", 0, 0}, {"", 7, 7}, {"o:1", 0, DefaultReplPort}, {"o:1", 7, 7}, {"o:1", -1, -1}} {
		cfg := Default()
		cfg.Peer, cfg.ReplPort = c.peer, c.port
		if got := cfg.replPort(); got != c.want || cfg.replicates() != (c.want != 0) {
			t.Errorf("%+v: got %d, replicates %v", c, got, cfg.replicates())
		}
	}
}
