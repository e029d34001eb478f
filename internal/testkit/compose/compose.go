package compose

import (
	"crypto/rand"
	"os"
	"os/exec"
	"strings"
	"testing"

	"twincached/internal/testkit"
)

// Project is one test's use of a compose file.
type Project struct {
	T    testing.TB
	Tool []string // docker compose, or docker-compose
	File string
	Name string   // of the project; no other test has it
	Env  []string // what the file's variables are, name=value
}

// New finds an engine and a compose that work, or ends the test with testkit.Lacks.
// Nothing is started.
func New(t testing.TB, file string) *Project {
	t.Helper()
	if testing.Short() {
		t.Skip("SKIPPED: takes a container engine and some seconds")
	}
	return &Project{T: t, Tool: Tool(t), File: file, Name: "twincached-test-" + strings.ToLower(rand.Text()[:8])}
}

// Tool finds an engine that answers and a compose that works.
func Tool(t testing.TB) []string {
	t.Helper()
	if testkit.Race {
		t.Skip("the programs in the images have no race detector: without one here, this runs as well")
	}
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

// Docker runs docker and returns what it prints.
func Docker(t testing.TB, args ...string) string {
	t.Helper()
	out, err := exec.Command("docker", args...).CombinedOutput()
	if err != nil {
		t.Fatalf("docker %q: %v\n%s", args, err, out)
	}
	return strings.TrimSpace(string(out))
}

// Try runs compose on the project.
func (p *Project) Try(args ...string) (string, error) {
	words := append(append(append([]string{}, p.Tool...), "-p", p.Name, "-f", p.File), args...)
	cmd := exec.Command(words[0], words[1:]...)
	cmd.Env = append(append(os.Environ(), "COMPOSE_PROJECT_NAME="+p.Name), p.Env...) // the file's variables may use it
	out, err := cmd.CombinedOutput()
	return string(out), err
}

// Must is Try; a failure ends the test.
func (p *Project) Must(args ...string) string {
	p.T.Helper()
	out, err := p.Try(args...)
	if err != nil {
		p.T.Fatalf("compose %q: %v\n%s", args, err, out)
	}
	return out
}

// Up starts services, all of them when none is named, from images that are there. All
// of the project ends with the test; its log is shown when the test fails.
func (p *Project) Up(services ...string) {
	p.T.Helper()
	p.T.Cleanup(func() {
		if p.T.Failed() {
			out, _ := p.Try("logs", "--no-color", "--tail=60")
			p.T.Log(out)
		}
		p.Must("down", "-v", "--remove-orphans", "-t", "2")
	})
	p.Must(append([]string{"up", "-d", "--no-build"}, services...)...)
}

// Container is the id of a service's container, whether it runs or not.
func (p *Project) Container(service string) string {
	p.T.Helper()
	id := strings.Fields(p.Must("ps", "-aq", service))
	if len(id) != 1 {
		p.T.Fatalf("service %s has %d containers", service, len(id))
	}
	return id[0]
}

// Inspect asks for one field of a service's container.
func (p *Project) Inspect(service, field string) string {
	p.T.Helper()
	return Docker(p.T, "inspect", "-f", field, p.Container(service))
}

// WaitHealthy waits until the engine calls a service healthy.
func (p *Project) WaitHealthy(service string) {
	p.T.Helper()
	id := p.Container(service)
	testkit.Eventually(p.T, service+" is healthy", func() bool {
		return Docker(p.T, "inspect", "-f", "{{.State.Health.Status}}", id) == "healthy"
	})
}
