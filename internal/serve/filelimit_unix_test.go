//go:build unix

package serve

import (
	"strings"
	"syscall"
	"testing"
)

func TestFileLimit(t *testing.T) {
	for _, c := range []struct {
		soft, hard uint64
		privileged bool
		maxConns   int
		others     int
		wantErr    string
	}{
		{soft: 20000, hard: 20000, maxConns: 1024},
		{soft: 1024, hard: 20000, maxConns: 1024}, // raised
		{soft: 1024, hard: 1024, privileged: true, maxConns: 10000},
		{soft: 1024, hard: 20000, maxConns: 1_000_000, wantErr: "-c 1000000 needs 1000128 open files, but this process may have 20000: start with -c 19872 or less"},
		{soft: 1024, hard: 1024, privileged: true, maxConns: 10000, others: 512},
		{soft: 1024, hard: 20000, maxConns: 19872, others: 512, wantErr: "-c 19872 needs 20512 open files, but this process may have 20000: start with -c 19360 or less"},
		{soft: 10, hard: 10, maxConns: 1, wantErr: "start with -c 0"},
	} {
		soft, hard := c.soft, c.hard
		err := raiseFileLimit(c.maxConns, uint64(c.others)+ReservedFiles, func() (uint64, uint64, error) { return soft, hard, nil }, func(s, h uint64) error {
			if s > h || h > hard && !c.privileged {
				return syscall.EPERM
			}
			soft, hard = s, h
			return nil
		})
		switch {
		case c.wantErr == "" && (err != nil || soft < uint64(c.maxConns+c.others)+ReservedFiles):
			t.Errorf("%+v: %v, soft %d", c, err, soft)
		case c.wantErr != "" && (err == nil || !strings.Contains(err.Error(), c.wantErr)):
			t.Errorf("%+v: %v", c, err)
		}
	}
	if err := RaiseFileLimit(100, 10); err != nil {
		t.Error(err)
	}
}
