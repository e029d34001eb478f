//go:build unix

package cli

import (
	"fmt"
	"os"
	"os/user"
	"strconv"
	"syscall"
)

// identity is a user of this machine.
type identity struct {
	name     string
	uid, gid int
}

// lookupUser finds the user for -u, by name or by number; "" is nil, the user
// there is. As in memcached, the flag counts only for root.
func lookupUser(name string) (*identity, error) {
	if name == "" || os.Geteuid() != 0 {
		return nil, nil
	}
	found, err := user.Lookup(name)
	if err != nil {
		// A container built from scratch has numbers and no list of users.
		if id, err := strconv.ParseUint(name, 10, 31); err == nil {
			return &identity{name, int(id), int(id)}, nil
		}
		return nil, fmt.Errorf("can't find the user %s to switch to", name)
	}
	uid, err := strconv.Atoi(found.Uid)
	if err != nil {
		return nil, fmt.Errorf("user %s: id %q is no number", name, found.Uid)
	}
	gid, err := strconv.Atoi(found.Gid)
	if err != nil {
		return nil, fmt.Errorf("user %s: group id %q is no number", name, found.Gid)
	}
	return &identity{name, uid, gid}, nil
}

// own gives this user a file that has just been made.
func (id *identity) own(file *os.File) error {
	if id == nil || os.Geteuid() != 0 {
		return nil
	}
	return file.Chown(id.uid, id.gid)
}

// become makes the process this user for good. nil and the user there is do nothing.
func (id *identity) become() error {
	if id == nil || id.uid == os.Geteuid() && id.gid == os.Getegid() {
		return nil
	}
	for _, step := range []error{
		syscall.Setgroups([]int{id.gid}), syscall.Setgid(id.gid), syscall.Setuid(id.uid),
	} {
		if step != nil {
			return fmt.Errorf("can't become user %s: %w", id.name, step)
		}
	}
	return nil
}
