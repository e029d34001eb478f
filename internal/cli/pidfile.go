package cli

import (
	"errors"
	"fmt"
	"os"
	"syscall"
)

// writePidFile writes the process's id where -P says. The last element of the name
// may be no symbolic link: whoever can write in that directory could point it at
// any file that this user may write.
func writePidFile(name string) error {
	f, err := os.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_TRUNC|syscall.O_NOFOLLOW, 0o644)
	if errors.Is(err, syscall.ELOOP) {
		return fmt.Errorf("-P, --pidfile: %s is a symbolic link, which is not followed: remove it, or name the file itself", name)
	}
	if err == nil {
		_, err = fmt.Fprintln(f, os.Getpid())
		err = errors.Join(err, f.Close())
	}
	switch {
	case errors.Is(err, os.ErrNotExist):
		return fmt.Errorf("-P, --pidfile: %w: the directory must be there", err)
	case errors.Is(err, os.ErrPermission):
		return fmt.Errorf("-P, --pidfile: %w: the user that the node runs as (-u) must be allowed to write it", err)
	case err != nil:
		return fmt.Errorf("-P, --pidfile: %w", err)
	}
	return nil
}
