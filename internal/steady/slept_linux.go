package steady

import (
	"time"

	"golang.org/x/sys/unix"
)

// slept is how long this machine has been suspended since it booted: one of Linux's clocks
// counts that time, the other does not.
func slept() time.Duration {
	var boot, mono unix.Timespec
	if unix.ClockGettime(unix.CLOCK_BOOTTIME, &boot) != nil || unix.ClockGettime(unix.CLOCK_MONOTONIC, &mono) != nil {
		return 0
	}
	return time.Duration(boot.Nano() - mono.Nano()).Truncate(time.Millisecond)
}
