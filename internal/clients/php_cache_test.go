package clients

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"twincached/internal/testkit"
	"twincached/internal/testkit/rig"
)

// runChecks runs a page of testdata/php that checks one thing a line.
func runChecks(t *testing.T, extension string, ini []string, script string, args ...string) {
	t.Helper()
	php := testkit.NeedTool(t, "php", "it runs the cache pages")
	needExtension(t, php, extension)
	ctx, cancel := context.WithTimeout(context.Background(), 2*testkit.Patience)
	defer cancel()
	argv := []string{"-d", "display_errors=stderr", "-d", "log_errors=0", "-d", "memory_limit=512M"}
	for _, line := range ini {
		argv = append(argv, "-d", line)
	}
	argv = append(append(argv, abs(t, "../../testdata/php/"+script)), args...)
	cmd := exec.CommandContext(ctx, php, argv...)
	var stdout, stderr strings.Builder
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	err := cmd.Run()
	checks := 0
	for line := range strings.Lines(stdout.String()) {
		switch {
		case strings.HasPrefix(line, "ok "):
			checks++
		case line != "done\n":
			t.Errorf("%.300s", line)
		}
	}
	if err != nil || !strings.HasSuffix(stdout.String(), "\ndone\n") || checks == 0 {
		t.Errorf("%s ended early, after %d checks: %v", script, checks, err)
	}
	if t.Failed() {
		t.Logf("PHP says:\n%.2000s", &stderr)
	}
}

// onPairAndStock runs pages on a pair, near and far node, and on memcached, which
// is both: what the pages want is what memcached does. By turns, the near node is
// the one and the other.
func onPairAndStock(t *testing.T, turn int, extension string, ini []string, script string, args ...string) {
	t.Run("pair", func(t *testing.T) {
		t.Parallel()
		a, b := rig.NewPair(t)
		rig.StartAll(a, b)
		if turn%2 == 1 {
			a, b = b, a
		}
		runChecks(t, extension, ini, script, append([]string{a.Host, b.Host}, args...)...)
	})
	t.Run("memcached", func(t *testing.T) {
		t.Parallel()
		stock := startMemcached(t)
		runChecks(t, extension, ini, script, append([]string{stock.Host, stock.Host}, args...)...)
	})
}

func TestPHPCache_EveryCallOfMemcachedOnEachNode(t *testing.T) {
	t.Parallel()
	for turn, how := range []string{"text php fastlz", "binary php zlib", "text igbinary none", "binary json fastlz"} {
		t.Run(how, func(t *testing.T) {
			if strings.Contains(how, "igbinary") {
				needExtension(t, testkit.NeedTool(t, "php", "it runs the cache pages"), "igbinary")
			}
			onPairAndStock(t, turn, "memcached", nil, "cache_memcached.php", strings.Fields(how)...)
		})
	}
}

func TestPHPCache_EveryCallOfMemcacheOnEachNode(t *testing.T) {
	t.Parallel()
	for turn, protocol := range []string{"ascii", "binary"} {
		t.Run(protocol, func(t *testing.T) {
			onPairAndStock(t, turn, "memcache", []string{"memcache.protocol=" + protocol}, "cache_memcache.php")
		})
	}
}

// loginPair is a pair whose clients log in.
func loginPair(t *testing.T) (a, b *rig.Node) {
	t.Helper()
	file := filepath.Join(t.TempDir(), "logins")
	if err := os.WriteFile(file, []byte("other:other\nphp:right-one\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	a, b = rig.NewPair(t, "-S", "-Y", file)
	rig.StartAll(a, b)
	return a, b
}

func TestPHPCache_LogsInWithSASL(t *testing.T) {
	t.Parallel()
	a, b := loginPair(t)
	runChecks(t, "memcached", nil, "cache_sasl.php", a.Host, b.Host, "php", "right-one")
}

// Sessions log in too, and go on to the other node as ever.
func TestPHPSession_LogsInWithSASL(t *testing.T) {
	t.Parallel()
	a, b := loginPair(t)
	login := []string{"memcached.sess_sasl_username=php", "memcached.sess_sasl_password=right-one"}
	v := newVisitors(newPage(t, "php-memcached.ini", "counter.php", a, b, login...))
	v.count("first visit")
	if code := a.Stop(); code != 0 {
		t.Fatalf("node a ended with status %d", code)
	}
	v.count("a stopped")
	a.Start()
	a.WaitServing()
	if code := b.Stop(); code != 0 {
		t.Fatalf("node b ended with status %d", code)
	}
	v.count("b stopped")
	wrong := newPage(t, "php-memcached.ini", "counter.php", a, b, login[0], "memcached.sess_sasl_password=wrong")
	out, err := wrong.command("visitor0").Output()
	if err != nil || strings.TrimSpace(string(out)) != "1" {
		t.Errorf("with a wrong password: %v, it counts %q, want a page without its session", err, out)
	}
	v.count("after a wrong password")
}
