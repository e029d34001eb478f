// Package demo runs the compose file's demo, and looks at its page with a browser.
package demo

import (
	"context"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"
	"go.uber.org/goleak"

	"twincached/internal/testkit"
	"twincached/internal/testkit/compose"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(tests{m}) }

// tests are those of this package.
type tests struct{ m *testing.M }

// Run closes what the default client keeps open.
func (r tests) Run() int {
	defer http.DefaultClient.CloseIdleConnections()
	return r.m.Run()
}

const root = "../.."

// demo is the compose file's services, in a project of this test's own.
type demo struct {
	*compose.Project
	ports   map[string]string // of services, on this machine
	browser context.Context
}

// images builds the demo's images as docs/demo.md says for a machine without a
// registry, under the project's name.
func (d *demo) images() {
	t := d.T
	t.Helper()
	names := []string{d.Name, d.Name + "-demo", d.Name + "-prometheus"}
	d.Env = append(d.Env, "TWINCACHED_IMAGE="+names[0], "DEMO_IMAGE="+names[1], "PROMETHEUS_IMAGE="+names[2])
	t.Cleanup(func() { compose.Docker(t, append([]string{"rmi", "-f"}, names...)...) })
	cmd := exec.Command(filepath.Join(root, "deploy/demo/images.sh"))
	cmd.Env = append(os.Environ(), d.Env...)
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("images.sh: %v\n%s", err, out)
	}
}

// start starts everything, the profile stock too, and a browser.
func start(t *testing.T) *demo {
	t.Helper()
	d := &demo{Project: compose.New(t, filepath.Join(root, "docker-compose.yml"))}
	needPHP(t)
	for _, tool := range []string{"memcached", "prometheus"} {
		testkit.NeedTool(t, tool, "it is in one of the demo's images")
	}
	d.browser = newBrowser(t)
	ports := testkit.FreePorts(t, 7)
	d.ports = map[string]string{"a": ports[0], "b": ports[1], "php": ports[2], "stock-php": ports[3], "status-a": ports[4], "prometheus": ports[6]}
	d.Env = []string{"COMPOSE_PROFILES=stock,observe", "PORT_A=" + ports[0], "PORT_B=" + ports[1], "PORT_PHP=" + ports[2], "PORT_STOCK=" + ports[3],
		"STATUS_A=" + ports[4], "STATUS_B=" + ports[5], "PORT_PROMETHEUS=" + ports[6]}
	d.images()
	d.Up("php", "stock-php", "prometheus") // Grafana needs a registry
	t.Logf("all is up after %v", time.Since(began).Round(time.Second))
	return d
}

// visitor is somebody who has not been on a page yet, which answers.
func (d *demo) visitor(t *testing.T, port string) *browser {
	t.Helper()
	tab, end := chromedp.NewContext(d.browser)
	t.Cleanup(end)
	b := &browser{t: t, tab: tab, url: "http://127.0.0.1:" + port + "/", counts: map[string]int{}, backs: map[string]int{}}
	testkit.Eventually(t, "the page answers", func() bool {
		status, _ := get(b.url + "favicon.ico") // which is no visit
		return status == http.StatusNotFound
	})
	if err := chromedp.Do(tab); err != nil { // the tab lives as long as the context that opens it
		t.Fatal(err)
	}
	return b
}

// needPHP ends the test where PHP or one of the extensions is missing.
func needPHP(t *testing.T) {
	t.Helper()
	testkit.ReadTree(t)
	php := testkit.NeedTool(t, "php", "it runs the demo's page")
	for _, extension := range handlers {
		if exec.Command(php, "-r", "exit(extension_loaded('"+extension+"') ? 0 : 1);").Run() != nil {
			testkit.NeedTool(t, "php-"+extension, "it is a PHP extension of the demo's page")
		}
	}
}

// waitLink waits until a node says that its link is as it is to be.
func (d *demo) waitLink(t *testing.T, node string, linked bool) {
	t.Helper()
	testkit.Eventually(t, "the link of node "+node, func() bool {
		c, err := net.Dial("tcp", "127.0.0.1:"+d.ports[node])
		if err != nil {
			return false
		}
		defer c.Close()
		_ = c.SetDeadline(time.Now().Add(testkit.Patience))
		_, _ = io.WriteString(c, "stats replication\r\nquit\r\n")
		rows, err := io.ReadAll(c) // of a port whose container does not listen yet: nothing
		return err == nil && len(rows) > 0 && strings.Contains(string(rows), "STAT repl_link stream\r\n") == linked
	})
}

func TestDemo_CounterNeverGoesBack(t *testing.T) {
	d := start(t)
	t.Run("pair", func(t *testing.T) {
		t.Parallel()
		b := d.visitor(t, d.ports["php"])
		b.own = true
		b.each("both nodes are there", 2)
		b.shootBoth("both")
		narrow(t, b)
		if status, body := get("http://127.0.0.1:" + d.ports["status-a"] + "/status.json"); status != http.StatusOK || !strings.Contains(body, `"host":"a"`) || !strings.Contains(body, `"host":"b"`) {
			t.Errorf("the status page of a answers %d\n%s", status, body)
		}
		d.breakNode(b, "a", "b")
		d.breakNode(b, "b", "a")
	})
	t.Run("observe", func(t *testing.T) {
		t.Parallel()
		d.observed(t)
	})
	// The page says so where a counter goes back.
	t.Run("stock", func(t *testing.T) {
		t.Parallel()
		b := d.visitor(t, d.ports["stock-php"])
		b.each("both memcacheds are there", 2)
		for _, n := range []string{"stock-a", "stock-b"} {
			id := d.Container(n)
			compose.Docker(t, "kill", id)
			b.each(n+" is killed", 1)
			compose.Docker(t, "start", id)
			b.each(n+" is back", 2) // the first may find it not there yet
		}
		b.shootBoth("stock")
		for _, handler := range handlers {
			if b.backs[handler] == 0 {
				t.Errorf("%s on plain memcached: the counter did not go back", handler)
			}
		}
	})
}

// observed waits until Prometheus has found both nodes up, and has the rules.
func (d *demo) observed(t *testing.T) {
	t.Helper()
	api := "http://127.0.0.1:" + d.ports["prometheus"] + "/api/v1/"
	up := url.QueryEscape(`count(max_over_time(up{job="twincached"}[5m]) == 1)`)
	for address, want := range map[string]string{api + "query?query=" + up: `"2"]`, api + "rules": `twincached.rules.yml`} {
		testkit.Eventually(t, address+" says "+want, func() bool {
			_, body := get(address)
			return strings.Contains(body, want)
		})
	}
}

// get asks a web server; status 0: there was no answer.
func get(address string) (status int, body string) {
	r, err := http.Get(address)
	if err != nil {
		return 0, ""
	}
	defer r.Body.Close()
	text, err := io.ReadAll(r.Body)
	if err != nil {
		return 0, ""
	}
	return r.StatusCode, string(text)
}

// breakNode kills a node, cuts it off and pauses it, and brings it back each time,
// while somebody visits the page.
func (d *demo) breakNode(b *browser, n, other string) {
	t := b.t
	id, network := d.Container(n), d.Name+"_default"
	compose.Docker(t, "kill", id)
	b.each(n+" is killed", 2)
	b.shootBoth(n + "-killed")
	compose.Docker(t, "start", id)
	b.each(n+" is started", 1)
	d.waitLink(t, n, true)
	b.each(n+" is back", 2)

	compose.Docker(t, "network", "disconnect", network, id)
	b.each(n+" is cut off", 2)
	b.shoot(n + "-cut-off")
	d.waitLink(t, other, false)
	compose.Docker(t, "network", "connect", "--alias", n, "--alias", map[string]string{"a": "n1", "b": "n2"}[n], network, id) // as the page says
	d.waitLink(t, other, true)                                                                                                // until then it has what it had: docs/demo.md
	b.each(n+" is connected", 2)

	compose.Docker(t, "pause", id)
	for range 2 { // php-memcached may wait 35 s, and then give up: docs/demo.md
		b.count(n+" is paused", "memcache")
	}
	b.shoot(n + "-paused")
	d.waitLink(t, other, false)
	compose.Docker(t, "unpause", id)
	d.waitLink(t, other, true)
	b.each(n+" goes on", 2)
}

// narrow looks at the page as a telephone shows it.
func narrow(t *testing.T, b *browser) {
	t.Helper()
	if err := chromedp.Do(b.tab, chromedp.EmulateViewport(360, 800)); err != nil {
		t.Fatal(err)
	}
	width, err := chromedp.Run(b.tab, chromedp.Evaluate[int](`document.documentElement.scrollWidth`))
	if err != nil || width > 360 {
		t.Errorf("the page is %d wide on a screen of 360: %v", width, err)
	}
	b.shoot("narrow")
	if err := chromedp.Do(b.tab, chromedp.EmulateViewport(1000, 1000)); err != nil {
		t.Fatal(err)
	}
}
