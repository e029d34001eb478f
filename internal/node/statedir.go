package node

import (
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"twincached/internal/nodelog"
	"twincached/store"
)

// What a node keeps in --state-dir: its id, so that it is the same node after a
// restart, and a bound that no version it ever made exceeds, so that a wall
// clock that went back cannot make new writes older than the ones before.

// lockPatience is how long a start waits for the directory: a process that was
// killed holds on to it until the kernel has its memory back.
const lockPatience = 2 * time.Second

const (
	idFile    = "node-id"
	boundFile = "clock"
	lockFile  = "lock" // held by the process that uses the directory; holds its pid

	maxStateBytes = 1 << 10 // an id and a time take 33 bytes at most

	boundAheadMillis = 5000 // how far ahead of the clock the bound is written
	boundSlackMillis = 2500 // written anew when less than this is left
	maxBound         = store.MaxClockMillis
)

// stateDir is nil where nothing is kept.
type stateDir struct {
	dir    string
	found  int64    // the bound that the process before this one left, Unix ms; 0: none
	bound  int64    // what stands in the file, likewise
	lock   *os.File // open, and locked, as long as the directory is used
	noLock error    // why the lock could not be had, where the file system has none; nil: it is held
}

// openStateDir creates the directory where needed, locks it, and returns the node's
// id, which is new where none was kept.
func openStateDir(dir string) (*stateDir, store.ID, error) {
	id := newID()
	if dir == "" {
		return nil, id, nil
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, id, fmt.Errorf("node: --state-dir: %w", err)
	}
	d := &stateDir{dir: dir}
	if err := d.seize(); err != nil {
		return nil, id, err
	}
	id, err := d.load(id)
	if err != nil {
		d.close()
		return nil, id, err
	}
	return d, id, nil
}

// load reads what is kept, and keeps the id where there is none yet.
func (d *stateDir) load(id store.ID) (store.ID, error) {
	kept, err := d.read(idFile)
	if err != nil {
		return id, err
	}
	if kept == "" {
		if err := d.write(idFile, hex.EncodeToString(id[:])); err != nil {
			return id, err
		}
	} else if err := parseID(kept, &id); err != nil {
		return id, fmt.Errorf("node: --state-dir %s: %w; without this file the node begins as a new one", filepath.Join(d.dir, idFile), err)
	}
	text, err := d.read(boundFile)
	if err != nil {
		return id, err
	}
	if text != "" {
		if d.bound, err = strconv.ParseInt(text, 10, 64); err != nil || d.bound < 0 || d.bound >= maxBound {
			return id, fmt.Errorf("node: --state-dir %s holds %.40q, not a time; without this file the machine's clock has to be right",
				filepath.Join(d.dir, boundFile), text)
		}
		d.found = d.bound
	}
	return id, nil
}

// seize locks the directory. Two processes that use one would be one node to their
// peers, and each would overwrite the other's clock.
func (d *stateDir) seize() error {
	path := filepath.Join(d.dir, lockFile)
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return fmt.Errorf("node: --state-dir: %w", err)
	}
	d.lock = f
	for end := time.Now().Add(lockPatience); ; time.Sleep(lockPatience / 40) {
		err = syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
		if err == nil || !errors.Is(err, syscall.EWOULDBLOCK) && !errors.Is(err, syscall.EINTR) || time.Now().After(end) {
			break
		}
	}
	if errors.Is(err, syscall.EWOULDBLOCK) {
		who, _ := d.read(lockFile) // for people only
		if _, err := strconv.Atoi(who); err != nil {
			who = "not known"
		}
		d.close()
		return fmt.Errorf("node: --state-dir %s is in use by another process (pid %s): each node needs a directory of its own; "+
			"give this one another, or stop that process first", d.dir, who)
	}
	if err != nil { // some file systems of a network cannot
		d.noLock = err
		return nil
	}
	_ = f.Truncate(0)
	_, _ = fmt.Fprintln(f, os.Getpid()) // for people only
	return nil
}

// close gives the directory back. nil and closed do nothing.
func (d *stateDir) close() {
	if d != nil {
		d.lock.Close()
	}
}

// begin is the millisecond that a store's versions begin at when the node starts
// at nowMillis: the wall clock may have gone back since it ran last. A node that drops its image
// opens a second store; what it has written ahead itself is no reason to begin later.
func (d *stateDir) begin(nowMillis int64) int64 {
	if d == nil {
		return nowMillis
	}
	return max(nowMillis, d.found+1)
}

// keep writes a bound ahead of the store's clock, if the one in the file comes
// near. nowMillis is the node's clock, hlc the highest version made or seen.
func (d *stateDir) keep(nowMillis int64, hlc uint64) error {
	if d == nil {
		return nil
	}
	latest := max(nowMillis, store.VersionMillis(hlc))
	if d.bound-latest >= boundSlackMillis {
		return nil
	}
	return d.keepExactly(latest + boundAheadMillis)
}

// keepBound writes the clock's bound ahead, where a state directory is kept.
func (n *Node) keepBound() error {
	if n.state == nil {
		return nil
	}
	return n.state.keep(n.clock.Now(), n.store.Clock())
}

// tendBound is keepBound from second to second: a disk that is full stays full for
// a while.
func (n *Node) tendBound() {
	n.asking.RLock()
	err := n.keepBound()
	n.asking.RUnlock()
	n.unkept.Store(err != nil)
	if err != nil {
		n.seldom.Say(n.log, slog.LevelError, n.clock.Now(), nodelog.StateNotKept, "",
			"cannot keep the clock's bound: after a restart the machine's clock has to be right", "error", err.Error())
	}
}

// keepExactly writes the bound as it is; at a planned stop nothing newer comes.
func (d *stateDir) keepExactly(bound int64) error {
	if d == nil {
		return nil
	}
	if err := d.write(boundFile, strconv.FormatInt(bound, 10)); err != nil {
		return err
	}
	d.bound = bound
	return nil
}

// read returns what a file says, or the beginning of one that cannot be ours.
func (d *stateDir) read(name string) (string, error) {
	f, err := os.Open(filepath.Join(d.dir, name))
	if errors.Is(err, fs.ErrNotExist) {
		return "", nil
	}
	var b []byte
	if err == nil {
		b, err = io.ReadAll(io.LimitReader(f, maxStateBytes))
		f.Close()
	}
	if err != nil {
		return "", fmt.Errorf("node: --state-dir: %w", err)
	}
	return strings.TrimSpace(string(b)), nil
}

// write replaces a file as a whole: a crash leaves the old or the new one.
func (d *stateDir) write(name, text string) error {
	path := filepath.Join(d.dir, name)
	if err := os.WriteFile(path+".new", []byte(text+"\n"), 0o600); err != nil {
		return fmt.Errorf("node: --state-dir: %w", err)
	}
	if err := os.Rename(path+".new", path); err != nil {
		return fmt.Errorf("node: --state-dir: %w", err)
	}
	return nil
}

func newID() (id store.ID) {
	rand.Read(id[:]) // never fails
	return id
}

func parseID(s string, id *store.ID) error {
	b, err := hex.DecodeString(s)
	if err != nil || len(b) != len(id) {
		return fmt.Errorf("%.40q is not the %d hexadecimal digits of a node id", s, 2*len(id))
	}
	copy(id[:], b)
	return nil
}

// slotOf picks the slot to start with; the link changes it where both nodes got the same.
func slotOf(id store.ID) uint8 { return id[0] & store.MaxSlot }
