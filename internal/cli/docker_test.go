package cli

import (
	"crypto/rand"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/bradfitz/gomemcache/memcache"

	"twincached/internal/testkit/compose"
)

// finalStage is the Dockerfile's last stage, with the file from outside in place
// of the build stage's: no base image has to be pulled.
func finalStage(t *testing.T) string {
	t.Helper()
	text := projectFile(t, "Dockerfile")
	from := strings.LastIndex(text, "\nFROM ")
	if from < 0 || !strings.HasPrefix(text[from:], "\nFROM scratch\n") {
		t.Fatal("the Dockerfile does not end with a stage from scratch")
	}
	copied := regexp.MustCompile(`COPY --from=build (--chown=\S+ )?/`)
	if !copied.MatchString(text[from:]) {
		t.Fatal("the Dockerfile's final stage takes nothing from the build stage")
	}
	return copied.ReplaceAllString(text[from:], "COPY $1")
}

// buildCommand is how the Dockerfile builds the program.
func buildCommand(t *testing.T) (env, args []string) {
	t.Helper()
	m := regexp.MustCompile(`(?m)^RUN (CGO_ENABLED=0) go (build .*) -o /twincached \.$`).FindStringSubmatch(projectFile(t, "Dockerfile"))
	if m == nil {
		t.Fatal("the Dockerfile's build line has another form")
	}
	return []string{m[1]}, strings.Fields(strings.ReplaceAll(m[2], `"-s -w"`, "-s\x00-w"))
}

func buildImage(t *testing.T, tag string) {
	t.Helper()
	dir := t.TempDir()
	env, args := buildCommand(t)
	for i := range args {
		args[i] = strings.ReplaceAll(args[i], "\x00", " ")
	}
	cmd := exec.Command("go", append(args, "-o", filepath.Join(dir, "twincached"), root)...)
	cmd.Env = append(os.Environ(), env...)
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("go %q: %v\n%s", args, err, out)
	}
	if err := os.Mkdir(filepath.Join(dir, "state"), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "Dockerfile"), []byte(finalStage(t)), 0o600); err != nil {
		t.Fatal(err)
	}
	compose.Docker(t, "build", "-q", "-t", tag, dir)
	t.Cleanup(func() { compose.Docker(t, "rmi", "-f", tag) })
}

// composePair starts the compose file, with the real final stage of the Dockerfile,
// and returns the ports of a and b on this machine.
func composePair(t *testing.T) (c *compose.Project, ports []string) {
	t.Helper()
	c = compose.New(t, filepath.Join(root, "docker-compose.yml"))
	buildImage(t, c.Name)
	ports = freePorts(t, 4)
	c.Env = []string{"TWINCACHED_IMAGE=" + c.Name, "PORT_A=" + ports[0], "PORT_B=" + ports[1], "STATUS_A=" + ports[2], "STATUS_B=" + ports[3]}
	c.Up("a", "b")
	c.WaitHealthy("a")
	c.WaitHealthy("b")
	return c, ports[:2]
}

// Write on a, read on b, stop a, read on b, start a, read on a.
func TestCompose_TwoContainersHoldOneDataSet(t *testing.T) {
	t.Parallel() // it waits more than it works
	c, ports := composePair(t)
	if user := c.Inspect("a", "{{.Config.User}}"); user != "65532:65532" {
		t.Errorf("it runs as %q", user)
	}

	a, b := newClient("127.0.0.1:"+ports[0]), newClient("127.0.0.1:"+ports[1])
	if err := a.Set(&memcache.Item{Key: "k", Value: []byte("v")}); err != nil {
		t.Fatal(err)
	}
	waitFor(t, "k on b", func() bool { it, err := b.Get("k"); return err == nil && string(it.Value) == "v" })

	c.Must("stop", "a")
	if code := c.Inspect("a", "{{.State.ExitCode}}"); code != "0" {
		t.Errorf("a ended with status %s", code)
	}
	if err := b.Set(&memcache.Item{Key: "while-away", Value: []byte("w")}); err != nil {
		t.Fatal(err)
	}
	if it, err := b.Get("k"); err != nil || string(it.Value) != "v" {
		t.Fatalf("k on b without a: %v", err)
	}

	c.Must("start", "a")
	c.WaitHealthy("a")
	a = newClient("127.0.0.1:" + ports[0])
	for key, want := range map[string]string{"k": "v", "while-away": "w"} {
		if it, err := a.Get(key); err != nil || string(it.Value) != want {
			t.Errorf("%s on a after its return: %v", key, err)
		}
	}
	fmt.Fprintln(t.Output(), c.Must("ps"))
}

// An image is configured by arguments, which its health check does not have; its root
// may be read-only.
func TestImage_HealthcheckFindsItsNode(t *testing.T) {
	t.Parallel() // it waits more than it works
	if testing.Short() {
		t.Skip("SKIPPED: takes a container engine and some seconds")
	}
	compose.Tool(t)
	image := "twincached-test-" + strings.ToLower(rand.Text()[:8])
	buildImage(t, image)
	for want, args := range map[string][]string{
		"127.0.0.1:11300 serves (ready, alone, ": {"-l", "127.0.0.1:11300"},
		"[::1]:11301 serves (ready, alone, ":     {"-p", "11301", "-B", "binary"},
	} {
		id := compose.Docker(t, append([]string{"run", "-d", "--rm", "--read-only", image}, args...)...)
		t.Cleanup(func() { compose.Docker(t, "rm", "-f", id) })
		said := ""
		waitFor(t, "it is ready: "+want, func() bool {
			out, err := exec.Command("docker", "exec", id, "/twincached", "healthcheck", "--ready").CombinedOutput()
			said = string(out)
			return err == nil
		})
		if want4 := strings.Replace(want, "[::1]", "127.0.0.1", 1); !strings.HasPrefix(said, want) && !strings.HasPrefix(said, want4) { // without IPv6
			t.Errorf("%q: %q", args, said)
		}
		waitFor(t, "the engine takes it for healthy", func() bool {
			return compose.Docker(t, "inspect", "-f", "{{.State.Health.Status}}", id) == "healthy"
		})
	}
}
