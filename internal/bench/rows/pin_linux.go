package main

import (
	"fmt"
	"os/exec"
	"runtime"

	"golang.org/x/sys/unix"
)

// cores finds two cores that this process may use.
func (x *sitting) cores() error {
	var set unix.CPUSet
	if err := unix.SchedGetaffinity(0, &set); err != nil {
		return err
	}
	for i := range 1024 {
		if set.IsSet(i) {
			x.both = append(x.both, i)
		}
	}
	if len(x.both) < 2 {
		return fmt.Errorf("it needs two cores, one for the server and one for the load, and may use %d", len(x.both))
	}
	x.both = x.both[:2]
	x.first, x.second = x.both[:1], x.both[1:]
	return nil
}

// startOn starts a command on these cores: a child has those of the thread that makes it.
func startOn(cores []int, cmd *exec.Cmd) error { return onCores(cores, cmd.Start) }

// onCores calls do on a thread that has these cores only.
func onCores(cores []int, do func() error) error {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	var before, set unix.CPUSet
	for _, c := range cores {
		set.Set(c)
	}
	if err := unix.SchedGetaffinity(0, &before); err != nil {
		return err
	}
	if err := unix.SchedSetaffinity(0, &set); err != nil {
		return err
	}
	err := do()
	if back := unix.SchedSetaffinity(0, &before); err == nil {
		err = back
	}
	return err
}
