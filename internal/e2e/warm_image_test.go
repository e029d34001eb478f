package e2e

import (
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"twincached/internal/testkit"
	"twincached/internal/testkit/rig"
)

// TestWarm_AnImageIsUsedOnce: a node that has served from it, and is killed, begins empty.
func TestWarm_AnImageIsUsedOnce(t *testing.T) {
	t.Parallel()
	w := newAsleep(t)
	w.stop(w.a)
	w.change(w.b)
	w.stop(w.b)
	rig.StartAll(w.b)
	w.holds(w.b)
	w.b.Kill()
	rig.StartAll(w.b)
	w.empty(w.b)
}

// TestWarm_AClonedImage: the directory of a node is restored from a backup, and the peer has met
// the node since. It is taken for an older node: nothing that was deleted returns.
func TestWarm_AClonedImage(t *testing.T) {
	t.Parallel()
	w := newAsleep(t)
	w.stop(w.a)
	backup := t.TempDir()
	if err := os.CopyFS(backup, os.DirFS(w.dirs[w.a])); err != nil {
		t.Fatal(err)
	}
	rig.StartAll(w.a)
	rig.WaitLinked(w.a, w.b)
	w.change(w.a)
	rig.WaitEqual(w.a, w.b, slices.Concat(w.changed, w.deleted))
	testkit.Eventually(t, "the deletes are acknowledged", func() bool { return w.a.Stat("tombstones") == "0" && w.b.Stat("tombstones") == "0" })
	w.a.Kill()
	if err := os.CopyFS(t.TempDir(), os.DirFS(backup)); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		w.restore(backup)
		rig.StartAll(w.a)
		w.equal()
		w.a.Kill()
	}
}

// restore makes the directory of a what it was.
func (w *asleep) restore(backup string) {
	w.Helper()
	dir := w.dirs[w.a]
	if err := os.RemoveAll(dir); err != nil {
		w.Fatal(err)
	}
	if err := os.CopyFS(dir, os.DirFS(backup)); err != nil {
		w.Fatal(err)
	}
}

// TestWarm_ThePeerMetAnother: while a is stopped, b links with a new machine. a returns with its
// image, and is taken for an older node.
func TestWarm_ThePeerMetAnother(t *testing.T) {
	t.Parallel()
	w := newAsleep(t)
	w.stop(w.a)
	c := rig.NewNode(t, "c", w.a.Host, w.b.Host, "--handover", "100ms")
	rig.StartAll(c)
	rig.WaitLinked(c, w.b)
	w.change(c)
	rig.WaitEqual(c, w.b, slices.Concat(w.changed, w.deleted))
	if code := c.Stop(); code != 0 {
		t.Errorf("c ended with status %d", code)
	}
	rig.StartAll(w.a)
	w.equal()
}

// TestWarm_AnImageThatCannotBeUsed is refused with a line that says why, and kept. The node
// begins empty, and takes a copy from its peer.
func TestWarm_AnImageThatCannotBeUsed(t *testing.T) {
	t.Parallel()
	for cause, spoil := range map[string]func(w *asleep, image []byte) []byte{
		"torn": func(w *asleep, image []byte) []byte { return image[:len(image)/2] },
		"checksum": func(w *asleep, image []byte) []byte {
			image[len(image)/2] ^= 1
			return image
		},
		"node": func(w *asleep, image []byte) []byte {
			if err := os.Remove(filepath.Join(w.dirs[w.a], "node-id")); err != nil {
				w.Error(err)
			}
			return image
		},
		"cluster": func(w *asleep, image []byte) []byte {
			for _, n := range []*rig.Node{w.a, w.b} {
				n.Args = append(n.Args, "--cluster", "another")
			}
			return image
		},
	} {
		t.Run(cause, func(t *testing.T) {
			t.Parallel()
			w := newAsleep(t)
			w.stop(w.a)
			w.stop(w.b)
			image, err := os.ReadFile(w.image(w.a, ""))
			if err != nil {
				t.Fatal(err)
			}
			image = spoil(w, image)
			if err := os.WriteFile(w.image(w.a, ""), image, 0o600); err != nil {
				t.Fatal(err)
			}
			rig.StartAll(w.a)
			w.empty(w.a)
			if !w.a.Logged("level=ERROR", "event=image_bad", "cause="+cause, "kept_as="+w.image(w.a, ".bad")) || w.a.Stat("warm_image") != "bad" {
				t.Errorf("it does not say that the image is bad: warm_image %s\n%s", w.a.Stat("warm_image"), w.a.Log.Tail(2000))
			}
			if kept, err := os.ReadFile(w.image(w.a, ".bad")); err != nil || !slices.Equal(kept, image) {
				t.Errorf("it is not kept: %d bytes, %v", len(kept), err)
			}
			if cause != "cluster" {
				rig.StartAll(w.b)
				rig.WaitLinked(w.a, w.b)
				rig.WaitEqual(w.a, w.b, slices.Concat(w.kept, w.changed, w.deleted))
				if has := w.a.Count(w.kept); has != len(w.kept) {
					t.Errorf("its peer brings %d of %d keys", has, len(w.kept))
				}
			}
		})
	}
}

// TestWarm_DiskFullWhileWriting: there is no image, and one line says so. The exit status is
// that of any stop, and the next start begins empty.
func TestWarm_DiskFullWhileWriting(t *testing.T) {
	t.Parallel()
	unshare := testkit.NeedTool(t, "unshare", "a node needs a small disk of its own")
	if os.Geteuid() != 0 {
		testkit.Lacks(t, "only root mounts a small disk")
	}
	a := rig.NewNode(t, "a", rig.NewNet(t)+".1", "")
	dir := sleeper(t, a)
	disk := "mount -t tmpfs -o size=1m tmpfs " + dir + " && exec " + rig.Binary(t) + ` "$@"`
	a.Program, a.Args = unshare, append([]string{"-m", "sh", "-c", disk, "sh"}, a.Args...)
	if out, err := exec.Command(unshare, "-m", "true").CombinedOutput(); err != nil {
		testkit.Lacks(t, "mounts of one's own are not permitted: "+string(out))
	}
	rig.StartAll(a)
	value := strings.Repeat("x", 10_000)
	a.Load(rig.Keys("k", 500), func(int) string { return value })
	if code := a.Stop(); code != 3 { // it has no peer, so they were to be in the image only
		t.Errorf("status %d, want 3", code)
	}
	if !a.Logged("level=ERROR", "event=image_not_written", "no space left on device") || a.Logged("event=image_written") {
		t.Errorf("it does not say that it has no image:\n%s", a.Log.Tail(2000))
	}
	if a.Logged("event=state_not_kept") {
		t.Errorf("what it wrote of the image is still there: there is no room for its clock\n%s", a.Log.Tail(2000))
	}
}

// stopsAt waits until a file is there, and stops the process at once: with SIGSTOP, so that
// nothing moves while somebody looks. false: it has ended before.
func (w *asleep) stopsAt(n *rig.Node, file string) bool {
	w.Helper()
	for end := time.Now().Add(testkit.Patience); ; {
		if _, err := os.Stat(file); err == nil {
			break
		}
		if !n.Running() {
			return false
		}
		if time.Now().After(end) {
			w.Fatalf("%s has never been there:\n%s", file, n.Log.Tail(2000))
		}
	}
	if n.Process().Signal(syscall.SIGSTOP) != nil {
		return false
	}
	n.Signal(syscall.SIGSTOP) // which waits until it is stopped
	return true
}

// large loads as much as takes some time to write and to load.
func (w *asleep) large(n *rig.Node) {
	w.Helper()
	value := strings.Repeat("x", 10_000)
	n.Load(rig.Keys("large", 15_000), func(int) string { return value })
}

// TestWarm_KilledWhileWriting: what there is of the image is thrown away, and the node begins
// empty. Its peer has everything.
func TestWarm_KilledWhileWriting(t *testing.T) {
	t.Parallel()
	w := newAsleep(t)
	w.large(w.a)
	rig.WaitEqual(w.a, w.b, rig.Keys("large", 15_000))
	for try := 0; ; try++ {
		w.a.Signal(syscall.SIGTERM)
		if w.stopsAt(w.a, w.image(w.a, ".new")) {
			w.a.Kill()
		}
		w.a.Wait()
		if _, err := os.Stat(w.image(w.a, "")); err != nil {
			break
		}
		if try == 5 {
			t.Skip("SKIPPED: the image was always complete before anybody saw it")
		}
		rig.StartAll(w.a)
		rig.WaitLinked(w.a, w.b)
	}
	w.change(w.b)
	rig.StartAll(w.a)
	w.equal()
	if w.a.Stat("warm_image") != "none" {
		t.Errorf("it has loaded something: %s", w.a.Stat("warm_image"))
	}
	if _, err := os.Stat(w.image(w.a, ".new")); err == nil {
		t.Error("image.new is still there")
	}
}

// TestWarm_KilledWhileLoading: that process has served nobody, so the next one loads the image
// once more.
func TestWarm_KilledWhileLoading(t *testing.T) {
	t.Parallel()
	w := newAsleep(t)
	w.large(w.a)
	w.stop(w.b)
	w.change(w.a)
	w.stop(w.a)
	loads := func() {
		w.a.Start()
		w.a.WaitLog("event=image_loading")
		w.a.Signal(syscall.SIGSTOP)
		_, whole := os.Stat(w.image(w.a, ""))
		_, part := os.Stat(w.image(w.a, ".loading"))
		if w.a.Logged("event=image_loaded") || whole != nil && part != nil { // its log may come later
			t.Skip("SKIPPED: the image was loaded before anybody saw it")
		}
	}
	for range 3 {
		loads()
		w.a.Kill()
	}
	loads()
	w.a.Signal(syscall.SIGTERM) // and one that is stopped as planned leaves it for the next one
	w.a.Signal(syscall.SIGCONT)
	if code := w.a.Wait(); code != 0 || w.a.Logged("event=image_writ") {
		t.Errorf("status %d\n%s", code, w.a.Log.Tail(2000))
	}
	rig.StartAll(w.a)
	w.holds(w.a)
	if has := w.a.Count(rig.Keys("large", 15_000)); has != 15_000 {
		t.Errorf("it has %d of 15000 large values", has)
	}
	rig.StartAll(w.b)
	w.equal()
}
