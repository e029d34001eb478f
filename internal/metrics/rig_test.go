package metrics

import (
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strconv"
	"testing"
	"time"

	"go.uber.org/goleak"

	"twincached/internal/ca"
	"twincached/internal/node"
	"twincached/internal/testkit"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// served is a node in this process, and its /metrics.
type served struct {
	*node.Node
	url string // of /metrics
}

// startNode starts a node, and waits until it serves.
func startNode(t testing.TB, change func(cfg *node.Config)) *served {
	t.Helper()
	cfg := node.Default()
	cfg.Listen, cfg.Port = []string{"127.0.0.1"}, -1
	cfg.MemoryMiB, cfg.MaxConns, cfg.Threads = 16, 64, 2
	cfg.Log = slog.New(slog.NewTextHandler(t.Output(), nil))
	if change != nil {
		change(&cfg)
	}
	n, err := node.Start(cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(n.Close)
	web := httptest.NewServer(Handler(n))
	t.Cleanup(web.Close)
	return &served{n, web.URL + "/metrics"}
}

// startPair starts two nodes that know each other, over TLS, and waits until they are
// linked and serve. b has taken a full copy of a.
func startPair(t testing.TB) (a, b *served) {
	t.Helper()
	ports := testkit.FreePorts(t, 2)
	authority, err := ca.New(time.Now())
	if err != nil {
		t.Fatal(err)
	}
	at := func(own, peer string) func(cfg *node.Config) {
		return func(cfg *node.Config) {
			cfg.Peer = net.JoinHostPort("127.0.0.1", peer)
			cfg.ReplPort, _ = strconv.Atoi(own) // it is a number
			cfg.ReplTLS = certificates(t, authority)
		}
	}
	a = startNode(t, at(ports[0], ports[1]))
	a.text(t, everySlabCommand...)
	b = startNode(t, at(ports[1], ports[0]))
	for _, n := range []*served{a, b} {
		testkit.Eventually(t, "the nodes are linked", func() bool { s := n.Latest(); return s.Link.State == "stream" && s.State.Serves })
	}
	return a, b
}

// certificates writes those of a node.
func certificates(t testing.TB, authority *ca.Authority) node.ReplTLS {
	t.Helper()
	p, err := authority.Issue("127.0.0.1", time.Now(), 365*24*time.Hour)
	if err != nil {
		t.Fatal(err)
	}
	root, err := authority.PEM()
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	f := node.ReplTLS{Cert: filepath.Join(dir, "n.crt"), Key: filepath.Join(dir, "n.key"), CA: filepath.Join(dir, "ca.crt")}
	for name, text := range map[string][]byte{f.Cert: p.Cert, f.Key: p.Key, f.CA: root.Cert} {
		if err := os.WriteFile(name, text, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return f
}

// text sends commands of the text protocol to the client port, and waits until all are
// answered.
func (n *served) text(t testing.TB, commands ...string) {
	t.Helper()
	testkit.Eventually(t, "the client port is open", func() bool { s := n.Latest(); return s.State.Serves })
	c, err := net.Dial("tcp", n.ClientAddrs()[0].String())
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	for _, command := range commands {
		if _, err := io.WriteString(c, command+"\r\n"); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := io.WriteString(c, "quit\r\n"); err != nil {
		t.Fatal(err)
	}
	if _, err := io.Copy(io.Discard, c); err != nil {
		t.Fatal(err)
	}
}

// scrape is the text that a Prometheus without any wishes gets.
func (n *served) scrape(t testing.TB) string {
	t.Helper()
	tr := &http.Transport{DisableKeepAlives: true}
	r, err := (&http.Client{Transport: tr}).Get(n.url)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Body.Close()
	body, err := io.ReadAll(r.Body)
	if err != nil || r.StatusCode != http.StatusOK {
		t.Fatalf("GET %s: %s, %v\n%s", n.url, r.Status, err, body)
	}
	return string(body)
}
