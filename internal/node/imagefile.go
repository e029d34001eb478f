package node

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
)

// imageFile is where a node keeps its image while it is stopped (--warm), and the names that
// the image has on its way:
//
//	PATH.new      is being written; whoever finds it throws it away
//	PATH          is whole, and no process has used it
//	PATH.loading  is being read, or loaded; a last node's process has met nobody yet, so the next one may
//	              read it again
//	PATH.met      is loaded, and was of the last node; its process has served nobody yet, but may have
//	              met its peer. That one may have gone on since: so it is not of the last node any more
//	PATH.bad      is kept for people, and never read
//
// An image is used once. A second process with the same image would not know what the first
// one has deleted.
type imageFile struct {
	path string
	step func(imageStep) // a test's: it may not return, as if the process had died there; nil: none
}

const (
	newSuffix     = ".new"
	loadingSuffix = ".loading"
	metSuffix     = ".met"
	badSuffix     = ".bad"
)

// imageStep is a moment at which a process may die.
type imageStep string

// The steps, in the order in which an image lives.
const (
	stepBegun   imageStep = "begun"   // PATH.new is there and empty
	stepFilled  imageStep = "filled"  // all is written, and may be in the page cache only
	stepSynced  imageStep = "synced"  // it is on the disk
	stepNamed   imageStep = "named"   // it has its name; after a loss of power it may have the old one
	stepKept    imageStep = "kept"    // and that is on the disk too
	stepTaken   imageStep = "taken"   // it is PATH.loading, on the disk too
	stepLoading imageStep = "loading" // nothing of it is in the store yet
	stepMet     imageStep = "met"     // it is PATH.met, on the disk too: a peer may learn what it holds
	stepRemoved imageStep = "removed" // it is gone; after a loss of power it may be back
	stepUsed    imageStep = "used"    // and that is on the disk: clients may be served
	stepAside   imageStep = "aside"   // or it is PATH.bad, on the disk too
)

func (f *imageFile) at(s imageStep) {
	if f.step != nil {
		f.step(s)
	}
}

// check finds out at the start what would be in the way at the stop.
func (f *imageFile) check() error {
	if info, err := os.Stat(f.path); err == nil && !info.Mode().IsRegular() {
		return fmt.Errorf("%s is no file", f.path)
	}
	w, err := f.create()
	if err != nil {
		return err
	}
	w.Close()
	return os.Remove(w.Name())
}

// create makes PATH.new, in place of one that a process left which died while it wrote.
func (f *imageFile) create() (*os.File, error) {
	if _, err := f.remove(newSuffix); err != nil {
		return nil, err
	}
	return os.OpenFile(f.path+newSuffix, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
}

// write keeps what fill writes. After an error there is none, but for one that was loaded and
// from which no client was served.
func (f *imageFile) write(fill func(io.Writer) error) error {
	w, err := f.create()
	if err == nil {
		err = f.fill(w, fill)
	}
	if err == nil {
		err = f.name()
	}
	if err != nil {
		_, left := f.remove(newSuffix, "")
		return errors.Join(err, left)
	}
	return nil
}

func (f *imageFile) fill(w *os.File, fill func(io.Writer) error) error {
	f.at(stepBegun)
	err := fill(w)
	if err == nil {
		f.at(stepFilled)
		err = f.sync(w)
	}
	if closed := w.Close(); err == nil {
		err = closed
	}
	return err
}

func (f *imageFile) sync(w *os.File) error {
	err := w.Sync()
	f.at(stepSynced)
	return err
}

// name makes PATH.new the image, in place of what was loaded and not used.
func (f *imageFile) name() error {
	if err := os.Rename(f.path+newSuffix, f.path); err != nil {
		return err
	}
	f.at(stepNamed)
	if _, err := f.remove(loadingSuffix, metSuffix); err != nil {
		return err
	}
	return f.syncDir(stepKept)
}

// remove removes what there is under these names. false: there was nothing.
func (f *imageFile) remove(suffixes ...string) (there bool, err error) {
	for _, suffix := range suffixes {
		switch e := os.Remove(f.path + suffix); {
		case e == nil:
			there = true
		case !errors.Is(e, fs.ErrNotExist):
			err = errors.Join(err, e)
		}
	}
	return there, err
}

// take makes the image PATH.loading and opens it. nil: there is none. Of several the one that was
// written last counts. met: an earlier process may have met its peer with it.
func (f *imageFile) take() (r *os.File, met bool, err error) {
	if err := os.Rename(f.path, f.path+loadingSuffix); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, false, err
	}
	if _, err := os.Stat(f.path + loadingSuffix); err == nil { // what is PATH.met is older
		if _, err := f.remove(metSuffix); err != nil {
			return nil, false, err
		}
	}
	if err := f.syncDir(stepTaken); err != nil { // and with it what a process that died had renamed or removed
		return nil, false, err
	}
	for _, suffix := range []string{loadingSuffix, metSuffix} {
		if r, err = os.Open(f.path + suffix); !errors.Is(err, fs.ErrNotExist) {
			return r, suffix == metSuffix, err
		}
	}
	return nil, false, nil
}

// meet makes what was loaded PATH.met. No peer may be met before it has returned.
func (f *imageFile) meet() error {
	if err := os.Rename(f.path+loadingSuffix, f.path+metSuffix); err != nil {
		return err
	}
	return f.syncDir(stepMet)
}

// used removes what was loaded, for good. No client may be served before it has returned.
func (f *imageFile) used() error {
	there, err := f.remove(loadingSuffix, metSuffix)
	if err == nil && !there {
		err = fs.ErrNotExist // somebody else has it
	}
	if err != nil {
		return err
	}
	f.at(stepRemoved)
	return f.syncDir(stepUsed)
}

// setAside keeps an image for people that no process may read: of several the one that was
// written last. false: there was none.
func (f *imageFile) setAside() (there bool, err error) {
	for _, suffix := range []string{metSuffix, loadingSuffix, ""} {
		err := os.Rename(f.path+suffix, f.path+badSuffix)
		switch {
		case err == nil:
			there = true
		case !errors.Is(err, fs.ErrNotExist):
			return there, err
		}
	}
	return there, f.syncDir(stepAside) // also if there was none: one that was removed may be back after a loss of power
}

// syncDir forces the names in the directory to the disk, where the file system can. That is
// the step then.
func (f *imageFile) syncDir(then imageStep) error {
	d, err := os.Open(filepath.Dir(f.path))
	if err != nil {
		return err
	}
	defer d.Close()
	if err := d.Sync(); err != nil && !errors.Is(err, syscall.EINVAL) && !errors.Is(err, syscall.ENOTSUP) {
		return err
	}
	f.at(then)
	return nil
}
