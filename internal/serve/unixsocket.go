package serve

import (
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"sync"
	"syscall"
	"time"
)

// MaxSocketPathBytes is the longest path of a unix socket: what the kernel's address has room for, without its NUL.
const MaxSocketPathBytes = len(syscall.RawSockaddrUnix{}.Path) - 1

// defaultSocketMode lets the owner in and nobody else, as memcached's -a does.
const defaultSocketMode fs.FileMode = 0o700

// errAnswers means that a socket file belongs to a process that lives.
var errAnswers = errors.New("another process has this socket")

// socketFile is the file of a unix socket of ours.
type socketFile struct {
	path string
	info fs.FileInfo
	once sync.Once
}

// bindUnix binds the socket of cfg, after it has made room for it.
func bindUnix(cfg *Config) (sock boundSocket, f *socketFile, err error) {
	defer func() {
		if err != nil {
			err = unixError(cfg.UnixSocket, err)
		}
	}()
	if len(cfg.UnixSocket) > MaxSocketPathBytes {
		return sock, nil, fmt.Errorf("the path has %d bytes: %d at most", len(cfg.UnixSocket), MaxSocketPathBytes)
	}
	if err := removeStale(cfg.UnixSocket); err != nil {
		return sock, nil, err
	}
	if sock, err = bindUnixSocket(cfg.UnixSocket, cfg.UnixMode); err != nil {
		return sock, nil, err
	}
	f = &socketFile{path: cfg.UnixSocket}
	// Nobody can connect before listen: the permissions are right in time, whatever the process's umask.
	if err = os.Chmod(f.path, cfg.UnixMode.Perm()); err == nil {
		f.info, err = os.Lstat(f.path)
	}
	if err != nil {
		_ = os.Remove(f.path)
		sock.close()
		return sock, nil, err
	}
	return sock, f, nil
}

// removeStale removes the socket file that a process left behind which ended without a chance to do so. Any other file there
// stays, and binding fails.
func removeStale(path string) error {
	info, err := os.Lstat(path)
	if err != nil || info.Mode()&fs.ModeSocket == 0 {
		return nil
	}
	if err := dialSocket(path); err == nil {
		return errAnswers
	} else if !errors.Is(err, syscall.ECONNREFUSED) {
		return fmt.Errorf("a socket is there, and whether it is in use cannot be told: %w", err)
	}
	return os.Remove(path)
}

// dialSocket tells whether a process has the socket at path: nil if so, ECONNREFUSED if it is left over. A datagram socket
// cannot connect to a stream socket and is told so, even by one that does not listen yet, and without a conn over there; on
// systems that do not tell the two apart it takes a conn to find out.
func dialSocket(path string) error {
	c, err := net.DialUnix("unixgram", nil, &net.UnixAddr{Name: plainPath(path), Net: "unixgram"})
	if err == nil {
		c.Close()
		return nil
	}
	if errors.Is(err, syscall.EPROTOTYPE) {
		return nil
	}
	if errors.Is(err, syscall.ECONNREFUSED) {
		return err
	}
	s, err := net.DialTimeout("unix", plainPath(path), time.Second)
	if err == nil {
		s.Close()
	}
	return err
}

// plainPath keeps a file whose name begins with @ from being taken for a name without a file.
func plainPath(path string) string {
	if len(path) > 0 && path[0] == '@' {
		return "./" + path
	}
	return path
}

// unixName is a socket's path as "stats conns" shows it. A client's has none, for which Go says @.
func unixName(path string) string {
	if path == "@" {
		path = ""
	}
	return "unix:" + path
}

// remove removes the file, unless another process has put its own there. It has to happen before the socket is closed: until
// then nobody else takes the file for a stale one, and its inode is not used again.
func (f *socketFile) remove() {
	f.once.Do(func() {
		if info, err := os.Lstat(f.path); err == nil && os.SameFile(info, f.info) {
			_ = os.Remove(f.path)
		}
	})
}

// unixError adds to err what the person at the keyboard can do.
func unixError(path string, err error) error {
	hint := ""
	switch {
	case errors.Is(err, errAnswers):
		hint = ": stop it, or choose another path with -s"
	case errors.Is(err, syscall.EADDRINUSE):
		hint = "; a file that is no socket is there: remove it, or choose another path with -s"
	case errors.Is(err, fs.ErrNotExist) || errors.Is(err, syscall.ENOTDIR):
		hint = "; the directory must be there: make it, or choose another path with -s"
	case errors.Is(err, fs.ErrPermission):
		hint = "; the user that the node runs as (-u) must be allowed to write in the directory"
	}
	return fmt.Errorf("serve: cannot listen on the unix socket %s: %w%s", path, err, hint)
}
