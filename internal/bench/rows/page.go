package main

import (
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"time"

	"twincached/internal/bench"
)

// page is the text of BENCHMARKS.md by sections.
type page struct {
	sections map[string]string
	servers  string // whose figures it has: "name (version); name (version)"
}

const (
	mark        = "<!-- section "
	serversMark = "\nServers: "
)

// readPage takes an earlier page apart.
func readPage(text string) *page {
	p := &page{sections: map[string]string{}}
	_, servers, _ := strings.Cut(text, serversMark)
	p.servers, _, _ = strings.Cut(servers, ".\n")
	for _, part := range strings.Split(text, mark)[1:] {
		name, body, _ := strings.Cut(part, " -->\n")
		p.put(name, strings.TrimSpace(body))
	}
	return p
}

func (p *page) put(name, text string) { p.sections[name] = text }

// text is the whole page.
func (p *page) text(x *sitting) string {
	var b strings.Builder
	b.WriteString(intro)
	fmt.Fprintf(&b, "%s%s.\n", serversMark, strings.Join(x.versions(p.servers), "; "))
	for _, c := range all {
		if body := p.sections[c.name]; body != "" {
			fmt.Fprintf(&b, "\n%s%s -->\n%s\n", mark, c.name, body)
		}
	}
	return b.String()
}

const intro = `# How fast it is

` + "`make bench`" + ` writes this page. ` + "`make bench ROWS=...`" + ` measures some sections anew and leaves the others as they are; each says when, and with which
commit, it was measured. Binaries of others are given by variables (MEMCACHED, MEMCACHED_HEAD, POGOCACHE, REDIS, VALKEY), and DISK is a directory on the disk to restart from.

Unless a section says otherwise, each server has one thread on a core of its own and the load, ` + "`twincached bench --spin`" + `, has another one. The servers
take turns, round by round. A ratio is that of the medians, and more than 1 means that we are that many times as good; in brackets stand the lowest and the
highest ratio of one turn. CPU is the server's, in microseconds a request. *goal*, *must* and *lost* say which of the two targets in a row is reached by
the ratio of CPU a request, or by what the section names. Hosts steal time without saying so: differences below 5 % are noise.

What is behind the rows that were lost, and what was tried, is in [docs/speed.md](docs/speed.md).
`

// section measures one and returns its text.
func (x *sitting) section(c *section) string {
	var b strings.Builder
	fmt.Fprintf(&b, "## %s\n\n", c.title)
	if c.about != "" {
		fmt.Fprintf(&b, "%s\n\n", c.about)
	}
	t, err := c.run(x)
	if t != nil && len(t.rows) > 0 {
		b.WriteString(t.text())
		if t.note != "" {
			fmt.Fprintf(&b, "\n%s\n", t.note)
		}
	}
	if err != nil {
		fmt.Fprintf(&b, "Not measured: %s.\n", strings.TrimSpace(err.Error()))
	}
	fmt.Fprintf(&b, "\n%s", x.stamp())
	return strings.TrimSpace(b.String())
}

// stamp says where and when.
func (x *sitting) stamp() string {
	commit := output("git", "rev-parse", "--short", "HEAD")
	if output("git", "status", "--porcelain", "--untracked-files=no", "--", "*.go", "go.mod") != "" {
		commit += " and changes"
	}
	text := fmt.Sprintf("Measured %s, commit %s, on %s, %d cores, Linux %s, %s, %d rounds.",
		time.Now().UTC().Format("2006-01-02 15:04 UTC"), commit, cpuName(), runtime.NumCPU(), output("uname", "-r"), runtime.Version(), x.full.rounds)
	if x.quick {
		text += " With -quick: the numbers mean nothing."
	}
	return text
}

func output(name string, words ...string) string {
	out, err := exec.Command(name, words...).Output()
	if err != nil {
		return ""
	}
	return strings.TrimSpace(string(out))
}

func cpuName() string {
	text, _ := os.ReadFile("/proc/cpuinfo")
	for line := range strings.Lines(string(text)) {
		if name, ok := strings.CutPrefix(line, "model name"); ok {
			return strings.TrimLeft(strings.TrimSpace(name), ": ")
		}
	}
	return runtime.GOARCH
}

// versions is what the binaries say of themselves. A server that is not measured now keeps what an
// earlier page says of it.
func (x *sitting) versions(earlier string) (all []string) {
	for _, b := range []struct{ name, path, flag string }{
		{"memcached", x.memcached, "-V"}, {"memcached HEAD", x.head, "-V"}, {"pogocache", x.pogocache, "--version"},
		{"Redis", x.redis, "--version"}, {"Valkey", x.valkey, "--version"},
	} {
		if b.path == "" {
			for said := range strings.SplitSeq(earlier, "; ") { // another section has its figures
				if strings.HasPrefix(said, b.name+" (") {
					all = append(all, said)
				}
			}
			continue
		}
		said, _, _ := strings.Cut(output(b.path, b.flag), "\n")
		if said == "" {
			said = "not there"
		}
		all = append(all, fmt.Sprintf("%s (%s)", b.name, said))
	}
	return all
}

// table is one of a section.
type table struct {
	head []string
	rows [][]string
	note string // below it
}

func (t *table) add(cells ...string) { t.rows = append(t.rows, cells) }

func (t *table) text() string {
	var b strings.Builder
	row := func(cells []string) { fmt.Fprintf(&b, "| %s |\n", strings.Join(cells, " | ")) }
	row(t.head)
	row(strings.Split(strings.Repeat("---,", len(t.head)-1)+"---", ","))
	for _, cells := range t.rows {
		row(append(cells, make([]string, len(t.head)-len(cells))...))
	}
	return b.String()
}

// verdict says which target a ratio reaches.
func verdict(ratio, must, goal float64) string {
	switch {
	case must == 0:
		return ""
	case ratio >= goal:
		return "goal"
	case ratio >= must:
		return "must"
	}
	return "**lost**"
}

func span(s bench.Span) string { return fmt.Sprintf("%.2f (%.2f-%.2f)", s.Median, s.Low, s.High) }

// targets is must and goal as cells.
func targets(must, goal float64) (string, string) {
	if must == 0 {
		return "", ""
	}
	return fmt.Sprint(must), fmt.Sprint(goal)
}

// failed is an error as a cell.
func failed(err error) string {
	text := strings.ReplaceAll(strings.ReplaceAll(err.Error(), "\n", " "), "|", "/")
	return fmt.Sprintf("%.160s", text)
}
