package node

import (
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"twincached/store"
)

// What a node keeps in --state-dir: its id, so that it is the same node after a
// restart, and a bound that no version it ever made exceeds, so that a wall
// clock that went back cannot make new writes older than the ones before.
const (
	idFile    = "node-id"
	boundFile = "clock"

	maxStateBytes = 1 << 10 // an id and a time take 33 bytes at most

	boundAheadMillis = 5000 // how far ahead of the clock the bound is written
	boundSlackMillis = 2500 // written anew when less than this is left
	versionShift     = 19   // a version is its milliseconds, then 13 logical bits and 6 of the slot
	maxBound         = store.MaxClockMillis
)

// stateDir is nil where nothing is kept.
type stateDir struct {
	dir   string
	bound int64 // Unix ms; what stands in the file
}

// openStateDir creates the directory where needed and returns the node's id,
// which is new where none was kept.
func openStateDir(dir string) (*stateDir, store.ID, error) {
	id := newID()
	if dir == "" {
		return nil, id, nil
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, id, fmt.Errorf("node: --state-dir: %w", err)
	}
	d := &stateDir{dir: dir}
	kept, err := d.read(idFile)
	if err != nil {
		return nil, id, err
	}
	if kept == "" {
		if err := d.write(idFile, hex.EncodeToString(id[:])); err != nil {
			return nil, id, err
		}
	} else if err := parseID(kept, &id); err != nil {
		return nil, id, fmt.Errorf("node: --state-dir %s: %w; without this file the node begins as a new one", filepath.Join(dir, idFile), err)
	}
	text, err := d.read(boundFile)
	if err != nil {
		return nil, id, err
	}
	if text != "" {
		if d.bound, err = strconv.ParseInt(text, 10, 64); err != nil || d.bound < 0 || d.bound >= maxBound {
			return nil, id, fmt.Errorf("node: --state-dir %s holds %.40q, not a time; without this file the machine's clock has to be right",
				filepath.Join(dir, boundFile), text)
		}
	}
	return d, id, nil
}

// begin is the millisecond that a store's versions begin at when the node starts
// at nowMillis: the wall clock may have gone back since it ran last.
func (d *stateDir) begin(nowMillis int64) int64 {
	if d == nil {
		return nowMillis
	}
	return max(nowMillis, d.bound+1)
}

// keep writes a bound ahead of the store's clock, if the one in the file comes
// near. nowMillis is the node's clock, hlc the highest version made or seen.
func (d *stateDir) keep(nowMillis int64, hlc uint64) error {
	if d == nil {
		return nil
	}
	latest := max(nowMillis, int64(hlc>>versionShift))
	if d.bound-latest >= boundSlackMillis {
		return nil
	}
	return d.keepExactly(latest + boundAheadMillis)
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
func slotOf(id store.ID) uint8 { return id[0] & 63 }
