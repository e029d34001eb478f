package cli

import (
	"fmt"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/bradfitz/gomemcache/memcache"

	"twincached/internal/testkit"
)

const composeKeys = 500

// counter is the counter page with one session, on PHP of this machine.
func counter(t *testing.T, ports []string) string {
	t.Helper()
	path := fmt.Sprintf("127.0.0.1:%s,127.0.0.1:%s", ports[0], ports[1])
	out, err := exec.Command("php", "-c", filepath.Join(root, "deploy/php/php-memcached.ini"), "-d", "session.save_path="+path,
		"-d", "session.use_cookies=0", "-d", "error_reporting=0", filepath.Join(root, "testdata/php/counter.php"), "acomposesession").CombinedOutput()
	if err != nil {
		t.Fatalf("counter.php: %v\n%s", err, out)
	}
	return strings.TrimSpace(string(out))
}

func needPHPMemcached(t *testing.T) {
	t.Helper()
	out, err := exec.Command("php", "-m").CombinedOutput()
	if err != nil || !strings.Contains("\n"+string(out), "\nmemcached\n") {
		testkit.Lacks(t, "PHP with the extension memcached is not here")
	}
}

// TestCompose_RestartOfBothKeepsTheData: docker compose restart and a forced up stop
// both containers within a second or so and start each again at once. The node that
// is left waits for the other one and hands over. A visitor's session goes on.
func TestCompose_RestartOfBothKeepsTheData(t *testing.T) {
	t.Parallel() // it waits more than it works
	needPHPMemcached(t)
	c, ports := composePair(t)
	a := newClient("127.0.0.1:" + ports[0])
	for i := range composeKeys {
		if err := a.Set(&memcache.Item{Key: fmt.Sprint("k", i), Value: []byte("v")}); err != nil {
			t.Fatal(err)
		}
	}
	if got := counter(t, ports); got != "1" {
		t.Fatalf("the first visit is number %s", got)
	}
	visits := 1
	recreate := []string{"up", "-d", "--no-build", "--force-recreate"}
	steps := [][]string{{"restart"}, append(recreate, "a", "b")}
	if len(c.Tool) == 2 { // docker compose, not docker-compose, stops both before it starts either: docs/operations.md says how to go about it
		steps = [][]string{{"restart"}, append(recreate, "--no-deps", "a"), append(recreate, "--no-deps", "b")}
	}
	for _, words := range steps {
		began := time.Now()
		c.Must(words...)
		took := time.Since(began)
		c.WaitHealthy("a")
		c.WaitHealthy("b")
		t.Logf("compose %v took %v", words, took.Round(100*time.Millisecond))
		for i, port := range ports {
			n := newClient("127.0.0.1:" + port)
			keys := 0
			for k := range composeKeys {
				if it, err := n.Get(fmt.Sprint("k", k)); err == nil && string(it.Value) == "v" {
					keys++
				}
			}
			if keys != composeKeys {
				t.Errorf("compose %v: node %d has %d of %d keys", words, i, keys, composeKeys)
			}
		}
		visits++
		if got := counter(t, ports); got != fmt.Sprint(visits) {
			t.Errorf("compose %v: the session is at visit %s, want %d", words, got, visits)
		}
	}
	// Both go for good: b has a to hand over to, a has nobody, but its image.
	c.Must("stop")
	codes := c.Inspect("a", "{{.State.ExitCode}}") + " " + c.Inspect("b", "{{.State.ExitCode}}")
	if log := c.Must("logs", "--no-color"); codes != "0 0" || !strings.Contains(log, `"event":"image_left"`) {
		t.Errorf("a and b have stopped with status %s", codes)
	}
}
