package node

import (
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"regexp"
	"strings"
	"testing"
	"time"

	"twincached/internal/status"
	"twincached/internal/testkit"
)

func TestStats_HaveTheRowsScriptsLookFor(t *testing.T) {
	cfgA, cfgB := pairConfigs(t)
	a, b := start(t, cfgA), start(t, cfgB)
	waitReady(t, a, b)
	testkit.Eventually(t, "the link", func() bool { return a.Stats().Link.Link == "stream" })
	rows := ask(t, a, "stats")
	for name, want := range map[string]string{
		"pid": fmt.Sprint(os.Getpid()), "uptime": `[1-9]\d*`, "time": `\d{10}`, "version": regexp.QuoteMeta(MemcachedVersion),
		"twincached_version": regexp.QuoteMeta(Version), "pointer_size": "64|32", "rusage_user": `\d+\.\d{6}`, "rusage_system": `\d+\.\d{6}`,
		"max_connections": "64", "curr_connections": "[1-9]", "total_connections": "[1-9]", "rejected_connections": "0",
		"connection_structures": "[1-9]", "bytes_read": `\d+`, "bytes_written": `\d+`, "limit_maxbytes": "8388608", "accepting_conns": "1",
		"listen_disabled_num": "0", "threads": "2", "io_engine": "uring|epoll", "conn_yields": `\d+`, "curr_items": "0", "total_items": "0", "bytes": "0", "evictions": "0",
		"cmd_get": "0", "cmd_set": "0", "get_hits": "0", "get_misses": "0",
		"repl_state": "ready", "repl_qualifier": "none", "repl_link": "stream", "repl_peer": cfgA.Peer, "repl_peer_id": fmt.Sprintf("%x", b.id),
		"repl_node_id": fmt.Sprintf("%x", a.id), "repl_slot": fmt.Sprint(a.store.Slot()), "repl_peer_version": "twincached/.*", "repl_protocol": "1", "repl_features": "1f", "repl_features_peer": "1f", "repl_backlog": "0", "repl_unacked": "0", "repl_lag_ms": `\d+`,
		"repl_link_seconds": `\d+`, "repl_last_contact_ms": `\d+`, "repl_last_error": "none", "repl_last_error_age_ms": "0",
	} {
		if !regexp.MustCompile("^(" + want + ")$").MatchString(rows[name]) {
			t.Errorf("%s is %q, want %s", name, rows[name], want)
		}
	}
}

// Many who read stats take three words a line and no more: what is wrong with the link
// is one word too.
func TestStats_EveryLineHasThreeWords(t *testing.T) {
	cfg, _ := pairConfigs(t)
	n := start(t, cfg) // nobody is there
	testkit.Eventually(t, "the first dial", func() bool { return n.Stats().Link.LastError != "" })
	waitReady(t, n)
	c, err := net.Dial("tcp", n.ClientAddrs()[0].String())
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	fmt.Fprint(c, "stats\r\nstats replication\r\nquit\r\n")
	b, err := io.ReadAll(c)
	if err != nil || !strings.Contains(string(b), "STAT repl_last_error DIAL:_cannot_reach_the_peer") {
		t.Errorf("%v: %s", err, b)
	}
	for line := range strings.Lines(string(b)) {
		if words := strings.Fields(line); len(words) != 3 && words[0] != "END" {
			t.Errorf("%q", line)
		}
	}
}

func TestStats_OfANodeAloneHaveTheSameRows(t *testing.T) {
	n := start(t, testConfig(t.Output()))
	waitReady(t, n)
	rows := ask(t, n, "stats")
	for name, want := range map[string]string{"repl_state": "ready", "repl_qualifier": "alone", "repl_link": "down", "repl_peer": "none", "repl_peer_id": "none", "repl_features": "1f", "repl_features_peer": "none"} {
		if rows[name] != want {
			t.Errorf("%s is %q, want %q", name, rows[name], want)
		}
	}
}

func TestStats_SettingsSayWhatTheFlagsSaid(t *testing.T) {
	cfg, _ := pairConfigs(t)
	cfg.PeerWait, cfg.NoEviction, cfg.NoFlush, cfg.NoCAS, cfg.Cluster = 0, true, true, true, "shop"
	n := start(t, cfg)
	waitReady(t, n)
	rows := ask(t, n, "stats settings")
	_, port, _ := strings.Cut(n.ClientAddrs()[0].String(), ":")
	for name, want := range map[string]string{
		"maxbytes": "8388608", "maxconns": "64", "tcpport": port, "udpport": "0", "inter": "127.0.0.1", "evictions": "off",
		"num_threads": "2", "item_size_max": "1048576", "flush_enabled": "no", "cas_enabled": "no", "cluster": "shop",
		"local_keys": "*.lock", "peer": cfg.Peer, "repl_secret": "no",
	} {
		if rows[name] != want {
			t.Errorf("%s is %q, want %q", name, rows[name], want)
		}
	}
}

func TestStats_IdleKicksStandThereWithATimeout(t *testing.T) {
	cfg := testConfig(t.Output())
	n := start(t, cfg)
	waitReady(t, n)
	if kicks, there := ask(t, n, "stats")["idle_kicks"]; there {
		t.Errorf("without a timeout idle_kicks is %s", kicks)
	}
	cfg.IdleTimeout = time.Second
	n = start(t, cfg)
	waitReady(t, n)
	if got := statRows(n.settingsRows())["idle_timeout"]; got != "1" { // a client that asks may be kicked before it does
		t.Errorf("idle_timeout is %q", got)
	}
	c := dial(t, n)
	defer c.Close()
	if b, err := io.ReadAll(c); len(b) != 0 || err != nil { // up to the node's FIN
		t.Fatalf("got %q, %v", b, err)
	}
	testkit.Eventually(t, "the kick is counted", func() bool {
		kicks, there := statRows(n.generalRows())["idle_kicks"]
		return there && kicks != "0"
	})
}

// TestStats_StatusIsOneLineOfJSON: what status, top and scripts read, from the first client on.
func TestStats_StatusIsOneLineOfJSON(t *testing.T) {
	cfg := testConfig(t.Output())
	cfg.LocalKeys = []string{"a\r\nSTAT b"}
	n := start(t, cfg)
	waitReady(t, n)
	rows := ask(t, n, "stats status")
	var p status.Pair
	if err := json.Unmarshal([]byte(rows["status"]), &p); err != nil || len(rows) != 1 {
		t.Fatalf("%v: %d rows, %s", err, len(rows), rows["status"])
	}
	if p.Node.AtMillis == 0 || !p.Node.State.Serves || p.Node.Node.ID != fmt.Sprintf("%x", n.id) || p.Peer != nil || p.Node.Settings.LocalKeys[0] != cfg.LocalKeys[0] {
		t.Errorf("got %s", rows["status"])
	}
}

func TestStats_ConnsListThisOne(t *testing.T) {
	n := start(t, testConfig(t.Output()))
	waitReady(t, n)
	rows := ask(t, n, "stats conns")
	found := false
	for name, value := range rows {
		found = found || strings.HasSuffix(name, ":listen_addr") && strings.HasSuffix(value, n.ClientAddrs()[0].String())
	}
	if !found {
		t.Errorf("got %v", rows)
	}
}

func TestVerbosity_MovesTheLogLevel(t *testing.T) {
	cfg := testConfig(t.Output())
	n := start(t, cfg)
	waitReady(t, n)
	ask(t, n, "verbosity 2")
	if got := cfg.LogLevel.Level(); got != slog.LevelDebug {
		t.Errorf("got %v", got)
	}
	ask(t, n, "verbosity 0")
	if got := cfg.LogLevel.Level(); got != slog.LevelInfo {
		t.Errorf("got %v", got)
	}
}

func TestPrintable_KeepsRowsWhole(t *testing.T) {
	if got := printable("a\r\nSTAT b\x7f ü"); got != "a??STAT b? ü" {
		t.Errorf("got %q", got)
	}
}

// Whoever asks a node that has ended, as a server of metrics may, gets nothing.
func TestStatRows_OfANodeThatHasEnded(t *testing.T) {
	n := start(t, testConfig(t.Output()))
	for _, kind := range []string{"", "settings", "slabs", "items"} {
		if kind != "items" && len(n.StatRows(kind)) == 0 {
			t.Errorf("%q: no rows", kind)
		}
	}
	n.Close()
	for _, kind := range []string{"", "settings", "slabs", "items"} {
		if rows := n.StatRows(kind); rows != nil {
			t.Errorf("%q: %d rows of a node that has ended", kind, len(rows))
		}
	}
}
