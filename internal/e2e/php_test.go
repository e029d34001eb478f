package e2e

import (
	"context"
	"fmt"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// page is a PHP page and the settings that the README gives for it. Each visit
// is a process of its own: nothing of what a page has learned of a dead node
// lives on, so that every visit has to fail over by itself.
type page struct {
	t      *testing.T
	php    string
	ini    []string
	script string
	hosts  string // a file that the page sees as /etc/hosts; "" for the machine's own

	keys func(session string) []string // what a session leaves in the cache
}

// newPage skips the test where PHP or its extension is missing.
func newPage(t *testing.T, extension, script string, ini ...string) *page {
	t.Helper()
	php := needTool(t, "php", "it runs the session pages")
	loaded := fmt.Sprintf("exit(extension_loaded(%q) ? 0 : 1);", extension)
	if exec.Command(php, "-r", loaded).Run() != nil {
		needTool(t, "php-"+extension, "it is the PHP extension under test")
	}
	path, err := filepath.Abs("../../testdata/php/" + script)
	if err != nil {
		t.Fatal(err)
	}
	ini = append([]string{"session.save_handler=" + extension}, ini...)
	return &page{t: t, php: php, ini: ini, script: path}
}

// pecl is the page on pecl-memcache, with both nodes in its path.
func pecl(t *testing.T, a, b *node, ini ...string) *page {
	p := newPage(t, "memcache", "counter.php", append([]string{
		"session.save_path=" + fmt.Sprintf("tcp://%s:11211, tcp://%s:11211", a.host, b.host),
	}, ini...)...)
	p.keys = func(session string) []string { return []string{session} }
	return p
}

// libmemcachedText is the page on php-memcached in the text protocol.
func libmemcachedText(t *testing.T, script, savePath string, ini ...string) *page {
	p := newPage(t, "memcached", script, append([]string{
		"session.save_path=" + savePath,
		"memcached.sess_binary_protocol=0",
		"memcached.sess_lock_expire=30", // on the command line a lock would otherwise never expire
	}, ini...)...)
	p.keys = func(session string) []string {
		return []string{"memc.sess.key." + session, "memc.sess.key.lock." + session}
	}
	return p
}

// twoNodes is libmemcachedText with both nodes in its path.
func twoNodes(t *testing.T, a, b *node) *page {
	return libmemcachedText(t, "counter_retry.php", a.host+clientPort+","+b.host+clientPort,
		"memcached.sess_persistent=1", // or else the second try knows nothing of the first
		"memcached.sess_remove_failed_servers=1",
		"memcached.sess_server_failure_limit=1",
	)
}

// oneName is libmemcachedText with one name that has the addresses of both nodes.
func oneName(t *testing.T, a, b *node) *page {
	p := libmemcachedText(t, "counter.php", pairName+clientPort)
	p.hosts = pairHosts(t, a, b)
	return p
}

// command is one visit.
func (p *page) command(session string) *exec.Cmd {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	p.t.Cleanup(cancel)
	args := []string{"-d", "display_errors=stderr", "-d", "log_errors=0", "-d", "session.use_cookies=0", "-d", "session.cache_limiter="}
	for _, line := range p.ini {
		args = append(args, "-d", line)
	}
	argv := slices.Concat([]string{p.php}, args, []string{p.script, session})
	if p.hosts != "" {
		argv = inside(p.hosts, argv)
	}
	return exec.CommandContext(ctx, argv[0], argv[1:]...)
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
	return &visitors{page: p, sessions: keys("visitor", 6)}
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

func TestPHP_CounterPageSurvivesEitherNode(t *testing.T) {
	pages := []struct {
		name string
		page func(t *testing.T, a, b *node) *page
	}{
		{"memcache", func(t *testing.T, a, b *node) *page { return pecl(t, a, b) }},
		{"memcached text, two nodes", twoNodes},
		{"memcached text, one name", oneName},
	}
	for _, which := range pages {
		t.Run(which.name, func(t *testing.T) {
			a, b := newPair(t)
			counterSurvives(t, a, b, newVisitors(which.page(t, a, b)))
		})
	}
}

// counterSurvives kills and restarts both nodes in turn. Before a node is killed
// it has passed on what it took: the last milliseconds are not promised.
func counterSurvives(t *testing.T, a, b *node, v *visitors) {
	startAll(a, b)
	v.count("first visit")
	v.count("both up")
	for _, doomed := range []*node{a, b, a} {
		waitEqual(a, b, v.allKeys())
		doomed.kill()
		v.count(doomed.name + " killed")
		v.count(doomed.name + " still down")
		doomed.start()
		v.count(doomed.name + " copies or serves")
		doomed.waitServing()
		waitEqual(a, b, v.allKeys())
		v.count(doomed.name + " restarted")
		v.count("both up again")
	}
	a.kill()
	b.kill()
	startAll(a, b)
	v.visits = 0 // there is nobody who knows
	v.count("both were down")
	v.count("both were down, second visit")
}
