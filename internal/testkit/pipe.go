package testkit

import (
	"errors"
	"fmt"
	"os"
	"syscall"
)

// FullPipe returns a pipe that takes nothing more. The caller closes both ends.
func FullPipe() (r, w *os.File, err error) {
	if r, w, err = os.Pipe(); err != nil {
		return nil, nil, err
	}
	raw, err := w.SyscallConn()
	for size := 4096; size > 0 && err == nil; size /= 2 {
		var full error
		err = raw.Write(func(fd uintptr) bool {
			for full == nil {
				_, full = syscall.Write(int(fd), make([]byte, size))
			}
			return true
		})
		if err == nil && !errors.Is(full, syscall.EAGAIN) {
			err = full
		}
	}
	if err != nil {
		r.Close()
		w.Close()
		return nil, nil, fmt.Errorf("testkit: filling a pipe: %w", err)
	}
	return r, w, nil
}
