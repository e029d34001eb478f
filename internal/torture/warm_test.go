package torture

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"time"
)

// fillerItems of 16 KiB take a moment to be written and loaded, and fit.
const fillerItems = 1500

// sleepRound stops both nodes by plan, in either order, behind each other or at once, and
// starts them again, in either order, at once or after a while. All that was acknowledged
// is there.
func sleepRound(r *round) error {
	times := 1
	if r.h.long {
		times = 4
	}
	if err := r.warm("last"); err != nil {
		return err
	}
	for i := range times {
		if err := r.linked(); err != nil {
			return err
		}
		r.h.load.rush.Store(r.rng.IntN(2) == 0)
		r.hold(0.2, 0.8)
		if i == 0 {
			r.struck()
		}
		stopGap, startGap := r.gap(), r.gap()
		first, start := r.rng.IntN(2), r.rng.IntN(2)
		r.note("%s stops %v before the other, %s starts %v before the other", nodeNames[first], stopGap, nodeNames[start], startGap)
		err := r.stopBoth(first, stopGap)
		r.h.load.rush.Store(false)
		if err != nil {
			return err
		}
		r.hold(0, 0.5)
		if err := r.startBoth(start, startGap); err != nil {
			return err
		}
	}
	return r.linked()
}

// gap is between two stops or two starts: none, less than a link takes to come up, or
// longer than a node waits where nobody listens.
func (r *round) gap() time.Duration {
	return time.Duration(r.rng.IntN(1+[...]int{0, 200, 1800}[r.rng.IntN(3)])) * time.Millisecond
}

// stopBoth stops both nodes by plan, one a while after the other was told to. One of them has
// nobody to hand its items over to, but its image has them.
func (r *round) stopBoth(first int, gap time.Duration) error {
	var status [2]int
	var failed [2]error
	done := make(chan struct{})
	go func() {
		status[first], failed[first] = r.h.nodes[first].end(syscall.SIGTERM)
		close(done)
	}()
	<-time.After(gap)
	status[1-first], failed[1-first] = r.h.nodes[1-first].end(syscall.SIGTERM)
	<-done
	if status != [2]int{} {
		r.breach("both nodes were stopped by plan, and ended with status %d and %d", status[0], status[1])
	}
	return errors.Join(failed[:]...)
}

// startBoth starts both nodes, and waits until they serve.
func (r *round) startBoth(first int, gap time.Duration) error {
	if err := r.h.nodes[first].start(); err != nil {
		return err
	}
	<-time.After(gap)
	if err := r.h.nodes[1-first].start(); err != nil {
		return err
	}
	for _, n := range r.h.nodes {
		if err := n.waitServing(); err != nil {
			return err
		}
	}
	return nil
}

// warm restarts both nodes with images, if they have none, with this policy.
func (r *round) warm(policy string) error {
	for _, n := range r.h.nodes {
		if n.began == policy {
			continue
		}
		n.warm, n.state = policy, true
		if err := errors.Join(r.linked(), r.planned(n), r.restart(n)); err != nil {
			return err
		}
	}
	return r.linked()
}

// cold lets nodes that are started from now on begin without an image, until what it returns is called.
func (r *round) cold() (warm func()) {
	policies := [2]string{r.h.nodes[0].warm, r.h.nodes[1].warm}
	for _, n := range r.h.nodes {
		n.warm = ""
	}
	return func() {
		for i, n := range r.h.nodes {
			n.warm = policies[i]
		}
	}
}

// writingRound kills the victim while it writes its image, or just before or after. Its
// peer is there, so what is lost is what a kill loses. The next process begins with the
// whole image, or with none.
func writingRound(r *round) error {
	if err := errors.Join(r.warm("last"), r.fill(r.victim, fillerItems), r.settled()); err != nil {
		return err
	}
	r.struck()
	r.killed(r.victim)
	if err := r.victim.signal(syscall.SIGTERM); err != nil {
		return err
	}
	<-time.After(time.Duration(r.rng.IntN(300)) * time.Millisecond)
	if err := r.victim.kill(); err != nil {
		return err
	}
	r.note("left %s", r.victim.images())
	v, err := r.inspect(r.victim, "SIGKILL")
	if err != nil {
		return err
	}
	r.v.lost = append(r.v.lost, v.lost...)
	r.hold(0.1, 1)
	return r.clean(r.restart(r.victim))
}

// loadingRound stops both nodes by plan and kills the victim while it loads its image. The
// process after it loads that again. What is lost can only be what the victim had alone,
// and only if the killed process had begun to live.
func loadingRound(r *round) error {
	if err := errors.Join(r.warm("any"), r.fill(r.victim, fillerItems), r.settled()); err != nil {
		return err
	}
	n := r.victim
	n.loud = true
	defer func() { n.loud = false }()
	if err := r.stopBoth(r.rng.IntN(2), r.gap()); err != nil {
		return err
	}
	r.struck()
	for range 1 + r.rng.IntN(3) {
		if err := n.start(); err != nil {
			return err
		}
		<-time.After(time.Duration(20+r.rng.IntN(150)) * time.Millisecond)
		if err := n.kill(); err != nil {
			return err
		}
		left := n.images()
		r.note("left %s", left)
		if !strings.Contains(left, "image") { // it had begun to live, and what it was given died with it
			inc := n.inc.Load()
			for i := range inc + 1 {
				r.killedAt[n.index][i] = time.Now()
			}
		}
	}
	return r.clean(r.startBoth(r.rng.IntN(2), r.gap()))
}

// diskRound stops a node by plan that has no room for its image. It says so, begins empty,
// and gets everything from its peer. In the end it has its large disk again. Sometimes the
// image from before is still there, as from a backup: that is of a node which the peer has
// not met last, and costs misses.
func diskRound(r *round) error {
	if err := errors.Join(r.warm("last"), r.fill(r.victim, fillerItems), r.settled()); err != nil {
		return err
	}
	n := r.victim
	if err := errors.Join(r.planned(n), n.smallDisk()); err != nil {
		return err
	}
	defer n.largeDisk()
	r.struck()
	for range 2 {
		if err := errors.Join(r.restart(n), r.linked()); err != nil {
			return err
		}
		r.hold(0.1, 1)
		if err := r.planned(n); err != nil {
			return err
		}
		if left := n.images(); left != "nothing" {
			r.breach("node %s had no room for its image, and left %s", n.name(), left)
		}
	}
	n.largeDisk()
	if r.buried = r.rng.IntN(2) == 0; r.buried {
		r.note("goes on from %s", n.images())
	} else if err := os.Remove(filepath.Join(n.stateDir(), "image")); err != nil {
		return err
	}
	return r.clean(r.restart(n))
}

// clean is for the end of a round with fillers: the nodes are emptied after it.
func (r *round) clean(err error) error {
	r.newKeys("filled", 1)
	return err
}

// stateDir is where the node keeps its id, its clock and its image.
func (n *node) stateDir() string { return filepath.Join(n.dir, "state-"+n.name()) }

// images names the files of images in the state directory.
func (n *node) images() string {
	names, err := filepath.Glob(filepath.Join(n.stateDir(), "image*"))
	if err != nil || len(names) == 0 {
		return "nothing"
	}
	for i, name := range names {
		names[i] = filepath.Base(name)
		if info, err := os.Stat(name); err == nil {
			names[i] += fmt.Sprintf(" (%d KiB)", info.Size()>>10)
		}
	}
	return strings.Join(names, ", ")
}

// kill ends the process at once, if it has not ended by itself.
func (n *node) kill() error {
	if err := n.signal(syscall.SIGKILL); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return err
	}
	select {
	case <-n.done:
		return nil
	case <-time.After(patience):
		return fmt.Errorf("torture: node %s does not end after SIGKILL", n.name())
	}
}

// smallDisk puts a file system of 256 KiB under the state directory, with what is there.
func (n *node) smallDisk() error {
	id, err := os.ReadDir(n.stateDir())
	if err != nil {
		return err
	}
	files := map[string][]byte{}
	for _, f := range id {
		if text, err := os.ReadFile(filepath.Join(n.stateDir(), f.Name())); err == nil && len(text) < 1<<12 {
			files[f.Name()] = text
		}
	}
	if err := command("mount", "-t", "tmpfs", "-o", "size=256k", "tmpfs", n.stateDir()); err != nil {
		return err
	}
	n.small = true
	for name, text := range files {
		if err := os.WriteFile(filepath.Join(n.stateDir(), name), text, 0o600); err != nil {
			return err
		}
	}
	return nil
}

// largeDisk takes it away again.
func (n *node) largeDisk() {
	if n.small {
		_ = command("umount", "-l", n.stateDir()) // it goes with its namespace at the latest
		n.small = false
	}
}
