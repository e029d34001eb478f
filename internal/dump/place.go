package dump

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
)

// Place is where a dump goes: a file beside the one that is meant, which takes its place once
// it is whole and on disk. So there is never half a dump under that name.
type Place struct {
	name string
	f    *os.File
}

// newSuffix is behind the name of a file that is not whole yet.
const newSuffix = ".new"

// Create opens the place for a file. What an earlier dump that was killed has left there is
// removed. Only the user may read it: values are secrets.
func Create(name string) (*Place, error) {
	if info, err := os.Stat(name); err == nil && !info.Mode().IsRegular() {
		return nil, fmt.Errorf("%s is there, and is no file", name)
	}
	if err := os.Remove(name + newSuffix); err != nil && !errors.Is(err, os.ErrNotExist) {
		return nil, err
	}
	f, err := os.OpenFile(name+newSuffix, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600) // no link is followed
	if err != nil {
		return nil, err
	}
	return &Place{name: name, f: f}, nil
}

// Write writes to the file.
func (p *Place) Write(b []byte) (int, error) { return p.f.Write(b) }

// Commit makes the file safe on disk, and gives it its name.
func (p *Place) Commit() error {
	err := p.f.Sync()
	ours, statErr := p.f.Stat()
	if err = errors.Join(err, statErr, p.f.Close()); err == nil {
		var there os.FileInfo
		if there, err = os.Lstat(p.f.Name()); err == nil && !os.SameFile(ours, there) {
			return fmt.Errorf("%s is of another dump that was begun meanwhile", p.f.Name())
		}
	}
	if err == nil {
		err = os.Rename(p.f.Name(), p.name)
	}
	if err != nil {
		return errors.Join(err, os.Remove(p.f.Name()))
	}
	return syncDir(filepath.Dir(p.name))
}

// Abort removes the file. What had that name before is still there.
func (p *Place) Abort() {
	_ = p.f.Close()
	_ = os.Remove(p.f.Name())
}

// syncDir makes a new name safe on disk.
func syncDir(name string) error {
	d, err := os.Open(name)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}
