//go:build unix && !linux

package rig

import "syscall"

// childAttributes are none: a node that a killed test started stays.
func childAttributes() *syscall.SysProcAttr { return nil }
