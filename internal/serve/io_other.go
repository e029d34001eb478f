//go:build !linux

package serve

import "errors"

// tryIO tells whether cfg asks for what this system has not.
func tryIO(cfg *Config) error {
	if cfg.IO == IOUring {
		return errors.New("serve: --io=uring: io_uring is a part of Linux")
	}
	return nil
}
