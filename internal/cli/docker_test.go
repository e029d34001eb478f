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

	"twincached/internal/testkit"
)

// compose runs docker compose on this project's own file, in a project of the
// test's own name.
type compose struct {
	t    *testing.T
	tool []string // docker compose, or docker-compose
	env  []string
	name string
}

func (c *compose) try(args ...string) (string, error) {
	words := append(append(append([]string{}, c.tool...), "-p", c.name, "-f", filepath.Join(root, "docker-compose.yml")), args...)
	cmd := exec.Command(words[0], words[1:]...)
	cmd.Env = append(os.Environ(), c.env...)
	out, err := cmd.CombinedOutput()
	return string(out), err
}

func (c *compose) must(args ...string) string {
	c.t.Helper()
	out, err := c.try(args...)
	if err != nil {
		c.t.Fatalf("compose %q: %v\n%s", args, err, out)
	}
	return out
}

func docker(t *testing.T, args ...string) string {
	t.Helper()
	out, err := exec.Command("docker", args...).CombinedOutput()
	if err != nil {
		t.Fatalf("docker %q: %v\n%s", args, err, out)
	}
	return strings.TrimSpace(string(out))
}

// inspect asks for one field of a service's container.
func (c *compose) inspect(service, field string) string {
	c.t.Helper()
	id := strings.Fields(c.must("ps", "-aq", service))
	if len(id) != 1 {
		c.t.Fatalf("service %s has %d containers", service, len(id))
	}
	return docker(c.t, "inspect", "-f", field, id[0])
}

func (c *compose) waitHealthy(service string) {
	c.t.Helper()
	waitFor(c.t, service+" is healthy", func() bool { return c.inspect(service, "{{.State.Health.Status}}") == "healthy" })
}

// composeTool finds an engine that answers and a compose that works.
func composeTool(t *testing.T) []string {
	t.Helper()
	if out, err := exec.Command("docker", "info").CombinedOutput(); err != nil {
		testkit.Lacks(t, "no docker engine answers: "+string(out))
	}
	for _, tool := range [][]string{{"docker", "compose"}, {"docker-compose"}} {
		if exec.Command(tool[0], append(tool[1:], "version")...).Run() == nil {
			return tool
		}
	}
	testkit.Lacks(t, "neither docker compose nor docker-compose is here")
	return nil
}

// finalStage is the Dockerfile's last stage, with the file from outside in place
// of the build stage's: no base image has to be pulled.
func finalStage(t *testing.T) string {
	t.Helper()
	text := projectFile(t, "Dockerfile")
	from := strings.LastIndex(text, "\nFROM ")
	if from < 0 || !strings.HasPrefix(text[from:], "\nFROM scratch\n") {
		t.Fatal("the Dockerfile does not end with a stage from scratch")
	}
	const copied = "COPY --from=build "
	if !strings.Contains(text[from:], copied) {
		t.Fatal("the Dockerfile's final stage takes nothing from the build stage")
	}
	return strings.ReplaceAll(text[from:], copied+"/", "COPY ")
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
	if err := os.WriteFile(filepath.Join(dir, "Dockerfile"), []byte(finalStage(t)), 0o600); err != nil {
		t.Fatal(err)
	}
	docker(t, "build", "-q", "-t", tag, dir)
	t.Cleanup(func() { docker(t, "rmi", "-f", tag) })
}

// composePair starts the compose file, with the real final stage of the Dockerfile,
// and returns the ports of a and b on this machine.
func composePair(t *testing.T) (c *compose, ports []string) {
	t.Helper()
	if testing.Short() {
		t.Skip("SKIPPED: takes a container engine and some seconds")
	}
	c = &compose{t: t, tool: composeTool(t), name: "twincached-test-" + strings.ToLower(rand.Text()[:8])}
	buildImage(t, c.name)
	ports = freePorts(t, 2)
	c.env = []string{"TWINCACHED_IMAGE=" + c.name, "PORT_A=" + ports[0], "PORT_B=" + ports[1]}
	t.Cleanup(func() {
		if t.Failed() {
			out, _ := c.try("logs", "--no-color")
			t.Log(out)
		}
		c.must("down", "-v", "--remove-orphans", "-t", "2")
	})
	c.must("up", "-d", "--no-build")
	c.waitHealthy("a")
	c.waitHealthy("b")
	return c, ports
}

// Write on a, read on b, stop a, read on b, start a, read on a.
func TestCompose_TwoContainersHoldOneDataSet(t *testing.T) {
	c, ports := composePair(t)
	if user := c.inspect("a", "{{.Config.User}}"); user != "65532:65532" {
		t.Errorf("it runs as %q", user)
	}

	a, b := newClient("127.0.0.1:"+ports[0]), newClient("127.0.0.1:"+ports[1])
	if err := a.Set(&memcache.Item{Key: "k", Value: []byte("v")}); err != nil {
		t.Fatal(err)
	}
	waitFor(t, "k on b", func() bool { it, err := b.Get("k"); return err == nil && string(it.Value) == "v" })

	c.must("stop", "a")
	if code := c.inspect("a", "{{.State.ExitCode}}"); code != "0" {
		t.Errorf("a ended with status %s", code)
	}
	if err := b.Set(&memcache.Item{Key: "while-away", Value: []byte("w")}); err != nil {
		t.Fatal(err)
	}
	if it, err := b.Get("k"); err != nil || string(it.Value) != "v" {
		t.Fatalf("k on b without a: %v", err)
	}

	c.must("start", "a")
	c.waitHealthy("a")
	a = newClient("127.0.0.1:" + ports[0])
	for key, want := range map[string]string{"k": "v", "while-away": "w"} {
		if it, err := a.Get(key); err != nil || string(it.Value) != want {
			t.Errorf("%s on a after its return: %v", key, err)
		}
	}
	fmt.Fprintln(t.Output(), c.must("ps"))
}

// An image is configured by arguments, which its health check does not have; its root
// may be read-only.
func TestImage_HealthcheckFindsItsNode(t *testing.T) {
	if testing.Short() {
		t.Skip("SKIPPED: takes a container engine and some seconds")
	}
	composeTool(t)
	image := "twincached-test-" + strings.ToLower(rand.Text()[:8])
	buildImage(t, image)
	for want, args := range map[string][]string{
		"127.0.0.1:11300 serves (ready, alone, ": {"-l", "127.0.0.1:11300"},
		"[::1]:11301 serves (ready, alone, ":     {"-p", "11301", "-B", "binary"},
	} {
		id := docker(t, append([]string{"run", "-d", "--rm", "--read-only", image}, args...)...)
		t.Cleanup(func() { docker(t, "rm", "-f", id) })
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
			return docker(t, "inspect", "-f", "{{.State.Health.Status}}", id) == "healthy"
		})
	}
}
