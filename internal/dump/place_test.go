package dump

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func contents(t *testing.T, name string) string {
	t.Helper()
	b, err := os.ReadFile(name)
	if os.IsNotExist(err) {
		return "none"
	}
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func begin(t *testing.T, name, text string) *Place {
	t.Helper()
	p, err := Create(name)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := p.Write([]byte(text)); err != nil {
		t.Fatal(err)
	}
	return p
}

func TestPlace_TheNameIsThatOfAWholeFile(t *testing.T) {
	name := filepath.Join(t.TempDir(), "dump")
	begin(t, name, "killed") // and its file is left
	p := begin(t, name, "first")
	if got := contents(t, name); got != "none" {
		t.Errorf("%q before it is whole", got)
	}
	if err := p.Commit(); err != nil {
		t.Fatal(err)
	}
	begin(t, name, "second").Abort()
	if got := contents(t, name) + contents(t, name+newSuffix); got != "firstnone" {
		t.Errorf("%q", got)
	}
	if info, err := os.Stat(name); err != nil || info.Mode() != 0o600 {
		t.Errorf("%v, %v", info.Mode(), err)
	}
}

func TestPlace_TwoAtOnce(t *testing.T) {
	name := filepath.Join(t.TempDir(), "dump")
	first := begin(t, name, "first")
	second := begin(t, name, "second is not whole")
	if err := first.Commit(); err == nil || !strings.Contains(err.Error(), "of another dump") {
		t.Errorf("%v", err)
	}
	if got := contents(t, name); got != "none" {
		t.Errorf("%q", got)
	}
	if err := second.Commit(); err != nil {
		t.Error(err)
	}
	if got := contents(t, name); got != "second is not whole" {
		t.Errorf("%q", got)
	}
}

// Nobody has another file written by a link in the place of the new one.
func TestPlace_FollowsNoLink(t *testing.T) {
	dir := t.TempDir()
	name, other := filepath.Join(dir, "dump"), filepath.Join(dir, "other")
	if err := os.WriteFile(other, []byte("mine"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(other, name+newSuffix); err != nil {
		t.Fatal(err)
	}
	if err := begin(t, name, "dumped").Commit(); err != nil {
		t.Fatal(err)
	}
	if got := contents(t, name) + contents(t, other); got != "dumpedmine" {
		t.Errorf("%q", got)
	}
	if _, err := Create(dir); !strings.Contains(fmt.Sprint(err), "is no file") {
		t.Errorf("%v", err)
	}
}
