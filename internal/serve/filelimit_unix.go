//go:build unix

package serve

import (
	"fmt"

	"golang.org/x/sys/unix"
)

// RaiseFileLimit makes sure that maxConns clients, others who connect elsewhere and the node's own files can be open at once,
// raising the process's limit as far as it may. The error says which -c would do.
func RaiseFileLimit(maxConns, others int) error {
	return raiseFileLimit(maxConns, uint64(others)+ReservedFiles, func() (soft, hard uint64, err error) {
		var r unix.Rlimit
		err = unix.Getrlimit(unix.RLIMIT_NOFILE, &r)
		return uint64(r.Cur), uint64(r.Max), err
	}, func(soft, hard uint64) error {
		var r unix.Rlimit
		setField(&r.Cur, soft)
		setField(&r.Max, hard)
		return unix.Setrlimit(unix.RLIMIT_NOFILE, &r)
	})
}

// raiseFileLimit is RaiseFileLimit with the system's calls given.
func raiseFileLimit(maxConns int, reserved uint64, get func() (soft, hard uint64, err error), set func(soft, hard uint64) error) error {
	soft, hard, err := get()
	if err != nil {
		return fmt.Errorf("serve: cannot read the limit of open files: %w", err)
	}
	need := uint64(max(maxConns, 0)) + reserved
	if soft >= need {
		return nil
	}
	if set(need, max(hard, need)) == nil { // above the hard limit this takes a privilege
		return nil
	}
	possible := uint64(0)
	if hard > reserved {
		possible = hard - reserved
	}
	return fmt.Errorf("serve: -c %d needs %d open files, but this process may have %d: start with -c %d or less, or raise the limit (ulimit -n, LimitNOFILE= of systemd, --ulimit nofile= of Docker)",
		maxConns, need, hard, possible)
}

// setField stores v in a field that is signed on some systems.
func setField[T uint64 | int64](field *T, v uint64) { *field = T(v) }
