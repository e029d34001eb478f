package health

import (
	"errors"
	"fmt"
	"net"
	"os"
	"strings"

	"golang.org/x/sys/unix"
)

// prefix is what the names of the sockets of this PID namespace begin with.
func prefix(name string) (string, error) {
	ns, err := os.Readlink("/proc/self/ns/pid")
	if err != nil {
		return "", err
	}
	return fmt.Sprintf("%s/%s/", name, strings.Trim(ns, "pid:[]")), nil
}

func listen(name string) (net.Listener, error) {
	p, err := prefix(name)
	if err != nil {
		return nil, err
	}
	return net.Listen("unix", fmt.Sprint(p, os.Getpid()))
}

// listed is the sockets that listen in this PID namespace.
func listed(name string) (names []string) {
	p, err := prefix(name)
	if err != nil {
		return nil
	}
	text, err := os.ReadFile("/proc/self/net/unix")
	if err != nil {
		return nil
	}
	for line := range strings.Lines(string(text)) {
		const flags, path = 3, 7 // columns
		f := strings.Fields(line)
		if len(f) == path+1 && f[flags] == "00010000" && strings.HasPrefix(f[path], p) { // it listens
			names = append(names, f[path])
		}
	}
	return names
}

// credentials is who is behind a conn: who connected, or who made the socket listen.
func credentials(c net.Conn) (uid, pid int, err error) {
	u, ok := c.(*net.UnixConn)
	if !ok {
		return 0, 0, errors.New("health: no unix socket")
	}
	raw, err := u.SyscallConn()
	if err != nil {
		return 0, 0, err
	}
	var cred *unix.Ucred
	if e := raw.Control(func(fd uintptr) {
		cred, err = unix.GetsockoptUcred(int(fd), unix.SOL_SOCKET, unix.SO_PEERCRED)
	}); e != nil {
		return 0, 0, e
	}
	if err != nil {
		return 0, 0, err
	}
	return int(cred.Uid), int(cred.Pid), nil
}
