//go:build unix && !linux

package pair

import "syscall"

// childAttributes keep Ctrl-C for the pair itself.
func childAttributes() *syscall.SysProcAttr { return &syscall.SysProcAttr{Setpgid: true} }

// endWithGoRun has no means here.
func endWithGoRun() {}
