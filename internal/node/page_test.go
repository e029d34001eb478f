package node

import (
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"strings"
	"testing"

	"twincached/internal/testkit"
)

// browse asks a node's status page for a path.
func browse(t *testing.T, n *Node, path, name, password string) (code int, body string) {
	t.Helper()
	scheme := choose(n.cfg.StatusPage.TLS, "https://", "http://")
	r, err := http.NewRequest(http.MethodGet, scheme+n.StatusAddr().String()+path, nil)
	if err != nil {
		t.Fatal(err)
	}
	if name != "" {
		r.SetBasicAuth(name, password)
	}
	c := http.Client{Timeout: testkit.Patience, Transport: &http.Transport{DisableKeepAlives: true, TLSClientConfig: &tls.Config{InsecureSkipVerify: true}}}
	resp, err := c.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp.StatusCode, string(text)
}

// withPage is a node with a status page on any free port of loopback.
func withPage(cfg Config) Config {
	cfg.StatusPage.Address = "127.0.0.1:0"
	return cfg
}

func TestValidate_StatusPageIsNotOpenToAllByMistake(t *testing.T) {
	for _, c := range []struct {
		page StatusPage
		want string // "" = it is fine
	}{
		{StatusPage{}, ""},
		{StatusPage{Address: "127.0.0.1:8211"}, ""}, {StatusPage{Address: "[::1]:8211"}, ""}, {StatusPage{Address: "localhost:8211"}, ""},
		{StatusPage{Address: ":8211"}, "--status-insecure"}, {StatusPage{Address: "0.0.0.0:8211"}, "--status 127.0.0.1:8211"},
		{StatusPage{Address: "10.0.0.1:8211"}, "whoever reaches 10.0.0.1"}, {StatusPage{Address: "n1:8211"}, "--status-auth FILE"},
		{StatusPage{Address: ":8211", Insecure: true}, ""}, {StatusPage{Address: ":8211", AuthFile: "f"}, ""},
		{StatusPage{Address: ":8211", AuthFile: "f", Insecure: true}, "contradict"},
		{StatusPage{Address: "n1"}, "HOST:PORT"}, {StatusPage{Address: "127.0.0.1:http"}, "is not a number"}, {StatusPage{Address: "127.0.0.1:70000"}, "is not a number"},
		{StatusPage{AuthFile: "f"}, "--status-auth has no use"}, {StatusPage{Insecure: true}, "--status-insecure has no use"}, {StatusPage{TLS: true}, "--status-tls has no use"},
		{StatusPage{Address: "127.0.0.1:1", TLS: true}, "ssl_chain_cert"},
	} {
		cfg := testConfig(io.Discard)
		cfg.StatusPage = c.page
		err := cfg.Validate()
		if (err == nil) != (c.want == "") || err != nil && !strings.Contains(err.Error(), c.want) {
			t.Errorf("%+v: %v, want %q", c.page, err, c.want)
		}
	}
}

func TestStart_NamesTheFlagOfABusyStatusPort(t *testing.T) {
	busy, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer busy.Close()
	cfg := testConfig(t.Output())
	cfg.StatusPage.Address = busy.Addr().String()
	if n, err := Start(cfg); err == nil {
		n.Close()
		t.Error("it starts")
	} else if !strings.Contains(err.Error(), "--status") || !strings.Contains(err.Error(), "in use") {
		t.Error(err)
	}
}

// The page shows the node, and no key of a client, wherever it came from.
func TestStatusPage_ShowsBothNodesAndNoKey(t *testing.T) {
	ca, cb := pairConfigs(t)
	a, b := start(t, withPage(ca)), start(t, withPage(cb))
	waitReady(t, a, b)
	c := dial(t, a)
	defer c.Close()
	const key = "a-key-of-a-client"
	for i := range 50 {
		fmt.Fprintf(c, "set %s%d 0 0 1\r\nx\r\nget %s%d\r\n", key, i, key, i)
	}
	testkit.Eventually(t, "the page has both nodes", func() bool {
		_, page := browse(t, a, "/", "", "")
		return strings.Contains(page, "Both nodes are ready") && strings.Contains(page, b.ClientAddrs()[0].String()) && strings.Contains(page, ">50<")
	})
	for _, n := range []*Node{a, b} {
		for _, path := range []string{"/", "/status.json", "/livez", "/readyz", "/startupz"} {
			if code, text := browse(t, n, path, "", ""); code != 200 || strings.Contains(text, key) {
				t.Errorf("%s: %d, a key in it: %v", path, code, strings.Contains(text, key))
			}
		}
	}
}

func TestStatusPage_LoginsAreReadAgainAndTLS(t *testing.T) {
	log := new(testkit.Log)
	cfg := withPage(testConfig(log))
	cfg.TLS.ChainCert, cfg.TLS.Key, _ = writeCert(t, t.TempDir(), "first")
	cfg.StatusPage.TLS, cfg.StatusPage.AuthFile = true, loginFile(t, "ann:old\n")
	n := start(t, cfg)
	waitReady(t, n)
	if code, _ := browse(t, n, "/", "ann", "old"); code != 200 {
		t.Errorf("%d", code)
	}
	if err := os.WriteFile(cfg.StatusPage.AuthFile, []byte("ann:new\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := n.Reload(); err != nil {
		t.Fatal(err)
	}
	for password, want := range map[string]int{"old": 401, "new": 200} {
		if code, _ := browse(t, n, "/", "ann", password); code != want {
			t.Errorf("%s: %d, want %d", password, code, want)
		}
	}
	if code, word := browse(t, n, "/readyz", "", ""); code != 200 || word != "ready\n" {
		t.Errorf("a probe: %d, %q", code, word)
	}
	if log.Has("in the clear") {
		t.Error("it warns of logins in the clear")
	}
	cfg = withPage(testConfig(log))
	cfg.StatusPage.AuthFile = "/none"
	if _, err := Start(cfg); err == nil || !strings.Contains(err.Error(), "--status-auth") {
		t.Errorf("a file that is not there: %v", err)
	}
}

func TestStatusPage_LoginsInTheClearAreWarnedOf(t *testing.T) {
	log := new(testkit.Log)
	cfg := testConfig(log)
	cfg.StatusPage = StatusPage{Address: "0.0.0.0:0", AuthFile: loginFile(t, "ann:x\n")}
	start(t, cfg)
	if !log.Has("level=WARN", "in the clear", "--status-tls") {
		t.Error(log.String())
	}
}

// A node that waits for its peer is alive, and not ready.
func TestStatusPage_ProbesOfANodeThatWaits(t *testing.T) {
	cfg, _ := pairConfigs(t)
	cfg.Boot = BootWait
	n := start(t, withPage(cfg))
	for path, want := range map[string]string{"/livez": "200 alive\n", "/readyz": "503 joining\n", "/startupz": "503 joining\n"} {
		code, word := browse(t, n, path, "", "")
		if got := fmt.Sprint(code, " ", word); got != want {
			t.Errorf("%s: %q, want %q", path, got, want)
		}
	}
}
