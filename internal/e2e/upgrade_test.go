package e2e

import (
	"archive/tar"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"twincached/internal/testkit"
	"twincached/internal/testkit/rig"
	"twincached/internal/wire"
)

// The release that the pair of TestUpgrade_TwoReleases begins with is the first commit that
// has both files: the recording of a session of version 1, and the command that compares two
// nodes. Its nodes have no features. From the first tag on, add the pair of that one.
const (
	recordedSession = "testdata/wire/session_v1/peer.hex"
	verifyCommand   = "internal/verify/verify.go"
)

// git runs git in this checkout.
func git(input string, args ...string) (string, error) {
	cmd := exec.Command("git", append([]string{"-C", "../.."}, args...)...)
	cmd.Stdin = strings.NewReader(input)
	out, err := cmd.Output()
	return string(out), err
}

// earlierCommit finds that commit in the history of this checkout; "" = it is not there.
func earlierCommit() string {
	if shallow, err := git("", "rev-parse", "--is-shallow-repository"); err != nil || shallow != "false\n" {
		return ""
	}
	added, err := git("", "log", "--diff-filter=A", "--reverse", "--format=%H", "--", recordedSession)
	first, _, found := strings.Cut(added, "\n")
	if err != nil || !found {
		return ""
	}
	later, err := git("", "rev-list", "--reverse", "--topo-order", "--ancestry-path", first+"..HEAD")
	if err != nil {
		return ""
	}
	commits := append([]string{first}, strings.Fields(later)...)
	has, err := git(strings.Join(commits, ":"+verifyCommand+"\n")+":"+verifyCommand+"\n", "cat-file", "--batch-check")
	if err != nil {
		return ""
	}
	for i, line := range strings.Split(has, "\n") {
		if line != "" && !strings.HasSuffix(line, " missing") {
			return commits[i]
		}
	}
	return ""
}

// earlierRelease builds the program of that commit.
func earlierRelease(t *testing.T) (program string) {
	t.Helper()
	testkit.NeedTool(t, "git", "an earlier release is built from its commit")
	commit := earlierCommit()
	if commit == "" {
		testkit.Lacks(t, "the history of this project is not here, and an earlier release is built from it: take a git clone without --depth")
	}
	source, err := git("", "archive", commit)
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	unpack(t, source, dir)
	program = filepath.Join(dir, "earlier")
	build := exec.Command("go", "build", "-trimpath", "-o", program, ".")
	build.Dir = dir
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("commit %s does not build: %v\n%s", commit, err, out)
	}
	return program
}

// unpack writes the files of a tar archive below dir.
func unpack(t *testing.T, archive, dir string) {
	t.Helper()
	for r := tar.NewReader(strings.NewReader(archive)); ; {
		h, err := r.Next()
		if errors.Is(err, io.EOF) {
			return
		}
		if err != nil {
			t.Fatal(err)
		}
		if h.Typeflag != tar.TypeReg || !filepath.IsLocal(h.Name) {
			continue
		}
		name := filepath.Join(dir, h.Name)
		text, err := io.ReadAll(r)
		if err == nil {
			err = os.MkdirAll(filepath.Dir(name), 0o755)
		}
		if err == nil {
			err = os.WriteFile(name, text, 0o644)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
}

// TestUpgrade_TwoReleases: a pair of an earlier release is upgraded node by node under load,
// and goes back the same way, whichever node is first. No acknowledged write is lost, and
// after each step both nodes hold the same.
func TestUpgrade_TwoReleases(t *testing.T) {
	t.Parallel()
	old := earlierRelease(t)
	t.Run("order", func(t *testing.T) {
		for first := range 2 {
			t.Run(fmt.Sprint("node ", first, " first"), func(t *testing.T) {
				t.Parallel()
				upgrade(t, old, first)
			})
		}
	})
}

func upgrade(t *testing.T, old string, first int) {
	a, b := rig.NewPair(t, "-I", "8m")
	nodes := [2]*rig.Node{a, b}
	for _, n := range nodes {
		n.Program, n.Bare = old, true
	}
	rig.StartAll(a, b)
	rig.WaitLinked(a, b)
	if features := a.Stat("repl_features"); features != "" {
		t.Fatalf("the earlier release has features %s: this tests nothing", features)
	}
	large := []string{"large0", "large1"} // a value that a later release sends in pieces
	a.Load(large, func(int) string { return strings.Repeat("large ", 500_000) })
	var acked []string
	steps := []struct {
		node    int
		program string
		peers   string // features of the peer, as the node sees them then; "" = the earlier release does not say
	}{{first, "", "0"}, {1 - first, "", fmt.Sprintf("%x", uint64(wire.Features))}, {first, old, ""}, {1 - first, old, ""}}
	for i, step := range steps {
		n := nodes[step.node]
		acked = append(acked, restartedUnderLoad(n, nodes[1-step.node], step.program, fmt.Sprint("step", i, "-"))...)
		if got := n.Stat("repl_features_peer"); got != step.peers {
			t.Errorf("step %d: the features of the peer are %q, want %q", i, got, step.peers)
		}
		if other := nodes[1-step.node]; i == 2 && other.Stat("repl_features_peer") != "0" {
			t.Errorf("step %d: the features of the peer that went back are %q", i, other.Stat("repl_features_peer"))
		}
		rig.WaitEqual(a, b, append(acked, large...))
		if lost := lacks(n, acked); len(lost) > 0 {
			t.Fatalf("step %d: %d of %d acknowledged sets are lost: %q", i, len(lost), len(acked), some(lost))
		}
		if n.Count(large) != len(large) {
			t.Fatalf("step %d: the large values are lost", i)
		}
		v := verify(t, a, b, "--strict")
		v.want(t, 0, "differ=0 only_a=0 only_b=0")
		if v.counts["compared"] != len(acked)+len(large) {
			t.Errorf("step %d: %d keys were compared, of %d", i, v.counts["compared"], len(acked)+len(large))
		}
	}
	t.Logf("%d sets acknowledged, none lost", len(acked))
}

// restartedUnderLoad restarts a node as planned, with another program, while clients write to
// both nodes, and returns the keys whose sets were acknowledged.
func restartedUnderLoad(n, other *rig.Node, program, prefix string) (acked []string) {
	n.T.Helper()
	clients := []*pipeline{{node: n, prefix: prefix + n.Name, breath: time.Millisecond}, {node: other, prefix: prefix + other.Name, breath: time.Millisecond}}
	for _, p := range clients {
		p.start(20)
	}
	testkit.Eventually(n.T, "clients write", func() bool { return clients[0].acked.Load() > 500 && clients[1].acked.Load() > 500 })
	if code := n.Stop(); code != 0 {
		n.T.Errorf("the planned stop of node %s ended with status %d", n.Name, code)
	}
	n.Program, n.Bare = program, program != ""
	n.Start()
	n.WaitServing()
	rig.WaitLinked(n, other)
	for _, p := range clients {
		p.quit()
		p.done.Wait()
		if p.odd != "" {
			n.T.Errorf("a client of node %s is told %q", p.node.Name, p.odd)
		}
		acked = append(acked, p.keys()...)
	}
	return acked
}
