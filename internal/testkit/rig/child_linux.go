package rig

import "syscall"

// childAttributes let a node end with the test that started it, even where that is killed.
func childAttributes() *syscall.SysProcAttr { return &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL} }
