//go:build !linux

package main

import (
	"errors"
	"os/exec"
)

func (x *sitting) cores() error {
	return errors.New("it pins servers to cores, which it can do on Linux only")
}

func startOn([]int, *exec.Cmd) error { return errors.ErrUnsupported }

func onCores([]int, func() error) error { return errors.ErrUnsupported }
