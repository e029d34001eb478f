package node

import (
	"errors"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"twincached/internal/testkit"
)

// died is what a process is that a step does not return to.
type died struct{}

// diesAt runs work until the step, and tells whether it came to it.
func diesAt(f *imageFile, step imageStep, work func()) (dead bool) {
	f.step = func(s imageStep) {
		if s == step {
			panic(died{})
		}
	}
	defer func() {
		f.step = nil
		if r := recover(); r != nil {
			if _, ok := r.(died); !ok {
				panic(r)
			}
			dead = true
		}
	}()
	work()
	return false
}

// writes keeps an image that says text.
func writes(t *testing.T, f *imageFile, text string) {
	t.Helper()
	if err := f.write(func(w io.Writer) error { _, err := io.WriteString(w, text); return err }); err != nil {
		t.Fatal(err)
	}
}

// loads is a start of the last node: it returns what there is to load, "" for nothing, and uses it.
func loads(t *testing.T, f *imageFile) (text string) {
	t.Helper()
	if err := f.check(); err != nil {
		t.Fatal(err)
	}
	r, met, err := f.take()
	if err != nil {
		t.Fatal(err)
	}
	if r == nil {
		return ""
	}
	b, err := io.ReadAll(r)
	r.Close()
	if err == nil && !met {
		err = f.meet()
	}
	if err != nil {
		t.Fatal(err)
	}
	if err := f.used(); err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func filesIn(t *testing.T, dir string) (names []string) {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		names = append(names, e.Name())
	}
	return names
}

func TestImageFile_IsUsedOnce(t *testing.T) {
	f := &imageFile{path: filepath.Join(t.TempDir(), "image")}
	if got := loads(t, f); got != "" {
		t.Errorf("of nothing it loads %q", got)
	}
	writes(t, f, "one")
	info, err := os.Stat(f.path)
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("mode %v, %v", info.Mode(), err)
	}
	if got := loads(t, f) + loads(t, f); got != "one" {
		t.Errorf("two starts load %q", got)
	}
	if left := filesIn(t, filepath.Dir(f.path)); len(left) > 0 {
		t.Errorf("%q is left", left)
	}
}

// A process dies at any step. The next start loads the image if it was whole and nobody has
// served from it, and nothing otherwise.
func TestImageFile_ProcessDiesAtAnyStep(t *testing.T) {
	for _, c := range []struct {
		step imageStep
		want string // what the next start loads
	}{
		{stepBegun, ""}, {stepFilled, ""}, {stepSynced, ""}, {stepNamed, "new"}, {stepKept, "new"},
		{stepTaken, "new"}, {stepMet, "new"}, {stepRemoved, ""}, {stepUsed, ""},
	} {
		f := &imageFile{path: filepath.Join(t.TempDir(), "image")}
		dead := diesAt(f, c.step, func() {
			writes(t, f, "new")
			loads(t, f)
		})
		if !dead {
			t.Fatalf("it does not come to %s", c.step)
		}
		if got := loads(t, f); got != c.want {
			t.Errorf("it died when it was %s: the next start loads %q, want %q", c.step, got, c.want)
		}
		writes(t, f, "later")
		if got := loads(t, f) + loads(t, f); got != "later" {
			t.Errorf("it died when it was %s, and later two starts load %q", c.step, got)
		}
	}
}

// A disk that is full leaves nothing: an older image would bring back what was deleted since.
func TestImageFile_ErrorLeavesNone(t *testing.T) {
	full := errors.New("no space left")
	f := &imageFile{path: filepath.Join(t.TempDir(), "image")}
	writes(t, f, "old")
	err := f.write(func(w io.Writer) error {
		io.WriteString(w, "half")
		return full
	})
	if !errors.Is(err, full) {
		t.Errorf("error %v", err)
	}
	if left := filesIn(t, filepath.Dir(f.path)); len(left) > 0 {
		t.Errorf("%q is left", left)
	}
}

// A process that has served nobody writes what it has loaded again: that counts.
func TestImageFile_WhatWasLoadedAndNotUsedIsReplaced(t *testing.T) {
	for _, step := range []imageStep{"", stepNamed} {
		f := &imageFile{path: filepath.Join(t.TempDir(), "image")}
		writes(t, f, "first")
		takes(t, f, false)
		if err := f.meet(); err != nil {
			t.Fatal(err)
		}
		dead := diesAt(f, step, func() { writes(t, f, "second") })
		if left := filesIn(t, filepath.Dir(f.path)); !dead && !slices.Equal(left, []string{"image"}) {
			t.Errorf("%q is left: without the image the next start would load the one before", left)
		}
		takes(t, f, false)
		if left := filesIn(t, filepath.Dir(f.path)); !slices.Equal(left, []string{"image.loading"}) {
			t.Errorf("it loads the second one, and there is %q: a process that dies may leave the first one only", left)
		}
		if got := loads(t, f) + loads(t, f); got != "second" {
			t.Errorf("it died when it was %q: two starts load %q", step, got)
		}
	}
}

func TestImageFile_BadOneIsKeptAside(t *testing.T) {
	f := &imageFile{path: filepath.Join(t.TempDir(), "image")}
	if there, err := f.setAside(); there || err != nil {
		t.Errorf("of nothing: %v, %v", there, err)
	}
	if !diesAt(f, stepAside, func() { _, _ = f.setAside() }) {
		t.Error("what a process that died has removed may be back when power is lost")
	}
	for _, text := range []string{"first", "second"} {
		writes(t, f, text)
		takes(t, f, false)
		if there, err := f.setAside(); !there || err != nil {
			t.Errorf("%v, %v", there, err)
		}
		if got := loads(t, f); got != "" {
			t.Errorf("it loads %q", got)
		}
		if b, err := os.ReadFile(f.path + badSuffix); string(b) != text || err != nil {
			t.Errorf("it keeps %q, %v", b, err)
		}
	}
	if left := filesIn(t, filepath.Dir(f.path)); !slices.Equal(left, []string{"image.bad"}) {
		t.Errorf("%q is left", left)
	}
}

// takes begins to load, and sees whether an earlier process may have met its peer.
func takes(t *testing.T, f *imageFile, wantMet bool) {
	t.Helper()
	r, met, err := f.take()
	if r == nil || err != nil {
		t.Fatal(r, err)
	}
	r.Close()
	if met != wantMet {
		t.Errorf("met %v, want %v", met, wantMet)
	}
}

// A process that may have met its peer was killed. That counts until another image is written.
func TestImageFile_WhoMayHaveMetItsPeer(t *testing.T) {
	f := &imageFile{path: filepath.Join(t.TempDir(), "image")}
	writes(t, f, "first")
	takes(t, f, false)
	takes(t, f, false) // it was killed as it loaded
	if err := f.meet(); err != nil {
		t.Fatal(err)
	}
	takes(t, f, true)
	takes(t, f, true)
	if dead := diesAt(f, stepNamed, func() { writes(t, f, "second") }); !dead {
		t.Fatal("it is alive")
	}
	takes(t, f, false)
	if got := loads(t, f) + loads(t, f); got != "second" {
		t.Errorf("two starts load %q", got)
	}
}

// Where a process died before it had removed what it had loaded, what it wrote is kept.
func TestImageFile_TheLaterOneIsKeptAside(t *testing.T) {
	for _, met := range []bool{false, true} {
		f := &imageFile{path: filepath.Join(t.TempDir(), "image")}
		writes(t, f, "first")
		takes(t, f, false)
		if met {
			if err := f.meet(); err != nil {
				t.Fatal(err)
			}
		}
		diesAt(f, stepNamed, func() { writes(t, f, "second") })
		if there, err := f.setAside(); !there || err != nil {
			t.Errorf("%v, %v", there, err)
		}
		if b, err := os.ReadFile(f.path + badSuffix); string(b) != "second" || err != nil {
			t.Errorf("it keeps %q, %v", b, err)
		}
		if left := filesIn(t, filepath.Dir(f.path)); !slices.Equal(left, []string{"image.bad"}) {
			t.Errorf("%q is left", left)
		}
	}
}

func TestImageFile_SaysAtTheStartWhatIsInTheWay(t *testing.T) {
	dir := t.TempDir()
	if err := os.Mkdir(filepath.Join(dir, "d"), 0o700); err != nil {
		t.Fatal(err)
	}
	for path, want := range map[string]string{filepath.Join(dir, "d"): "is no file", filepath.Join(dir, "none", "image"): "no such file or directory"} {
		if err := (&imageFile{path: path}).check(); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", path, err)
		}
	}
}

// It has no peer which may have everything: its items are counted as lost.
func TestImage_ThatANodeAloneCannotWrite(t *testing.T) {
	var log testkit.Log
	cfg := warmConfig(t, &log)
	cfg.StateDir = filepath.Join(cfg.StateDir, "dir")
	n := start(t, cfg)
	waitReady(t, n)
	mustSet(t, client(t, n), "k", "v")
	if err := os.RemoveAll(cfg.StateDir); err != nil {
		t.Fatal(err)
	}
	if left := n.Drain(); left != 1 {
		t.Errorf("%d items are nowhere else, want 1\n%s", left, log.Tail(1000))
	}
}
