package clients

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"twincached/internal/testkit"
	"twincached/internal/testkit/rig"
)

const phpDir = "../../deploy/php/" // the settings that docs/clients.md recommends

// page is a PHP page under settings of deploy/php. Each visit is a process of
// its own: nothing of what a page has learned of a dead node lives on, so that
// every visit has to fail over by itself.
type page struct {
	t        *testing.T
	php      string
	ini      string   // a file of deploy/php, with this test's addresses in it
	override []string // settings of a test that go before the file's
	script   string
	hosts    string // a file that the page sees as /etc/hosts; "" for the machine's own

	keys func(session string) []string // what a session leaves in the cache
}

// newPage skips the test where PHP or the extension of the settings is missing.
func newPage(t *testing.T, ini, script string, a, b *rig.Node, override ...string) *page {
	t.Helper()
	p := &page{t: t, php: testkit.NeedTool(t, "php", "it runs the session pages"), override: override}
	p.script = abs(t, "../../testdata/php/"+script)
	p.ini = filepath.Join(t.TempDir(), ini)
	text := testkit.ReadFile(t, phpDir+ini)
	extension := setting(t, text, "session.save_handler")
	needExtension(t, p.php, extension)
	text = strings.NewReplacer("n1:", a.Host+":", "n2:", b.Host+":", "pair.example:", pairName+":").Replace(text)
	if err := os.WriteFile(p.ini, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	p.keys = func(session string) []string { return []string{session} }
	if extension == "memcached" {
		p.keys = func(session string) []string {
			return []string{"memc.sess.key." + session, "memc.sess.key.lock." + session}
		}
	}
	return p
}

func needExtension(t *testing.T, php, extension string) {
	t.Helper()
	loaded := fmt.Sprintf("exit(extension_loaded(%q) ? 0 : 1);", extension)
	if exec.Command(php, "-r", loaded).Run() != nil {
		testkit.NeedTool(t, "php-"+extension, "it is the PHP extension under test")
	}
}

func abs(t *testing.T, path string) string {
	t.Helper()
	path, err := filepath.Abs(path)
	if err != nil {
		t.Fatal(err)
	}
	return path
}

var iniLine = regexp.MustCompile(`(?m)^ *([a-z_.]+) *= *(.*?) *$`)

// setting reads one setting from the text of an ini file.
func setting(t *testing.T, text, name string) string {
	t.Helper()
	for _, m := range iniLine.FindAllStringSubmatch(text, -1) {
		if m[1] == name {
			return m[2]
		}
	}
	t.Fatalf("no %s in the settings", name)
	return ""
}

// setting reads one of the page's settings, as its visits have it.
func (p *page) setting(name string) string {
	p.t.Helper()
	return setting(p.t, strings.Join(append(p.override, testkit.ReadFile(p.t, p.ini)), "\n"), name)
}

// number is a setting that is one.
func (p *page) number(name string) int {
	p.t.Helper()
	n, err := strconv.Atoi(p.setting(name))
	if err != nil {
		p.t.Fatalf("%s: %v", name, err)
	}
	return n
}

// run describes PHP under the settings of the page.
func (p *page) run(ctx context.Context, args ...string) *exec.Cmd {
	argv := []string{p.php, "-c", p.ini}
	for _, line := range p.override {
		argv = append(argv, "-d", line)
	}
	argv = append(argv, args...)
	if p.hosts != "" {
		argv = inside(p.hosts, argv)
	}
	return exec.CommandContext(ctx, argv[0], argv[1:]...)
}

// command is one visit.
func (p *page) command(session string) *exec.Cmd {
	ctx, cancel := context.WithTimeout(context.Background(), testkit.Patience)
	p.t.Cleanup(cancel)
	return p.run(ctx, "-d", "session.use_cookies=0", "-d", "session.cache_limiter=", p.script, session)
}

// visit asks for the page and returns its counter; whatever PHP complains of
// is in complaints.
func (p *page) visit(session string) (n int, complaints string) {
	p.t.Helper()
	cmd := p.command(session)
	var stdout, stderr strings.Builder
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	err := cmd.Run()
	n, bad := strconv.Atoi(strings.TrimSpace(stdout.String()))
	if err != nil || bad != nil {
		p.t.Fatalf("php: %v, printed %q and %s", err, &stdout, &stderr)
	}
	return n, stderr.String()
}

// visitors are several sessions of a page: by their names, some go to the one
// node first and some to the other.
type visitors struct {
	*page
	sessions []string
	visits   int
}

func newVisitors(p *page) *visitors {
	return &visitors{page: p, sessions: rig.Keys("visitor", 6)}
}

func (v *visitors) allKeys() (all []string) {
	for _, s := range v.sessions {
		all = append(all, v.keys(s)...)
	}
	return all
}

// count lets every session visit the page, and wants it to count on.
func (v *visitors) count(when string) {
	v.t.Helper()
	v.visits++
	for _, s := range v.sessions {
		if n, complaints := v.visit(s); n != v.visits {
			v.t.Fatalf("%s: session %s counts %d, want %d\n%s", when, s, n, v.visits, complaints)
		}
	}
}
