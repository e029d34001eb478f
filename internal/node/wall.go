//go:build !faults

package node

import "time"

// wallMillis is the wall clock, Unix ms.
func wallMillis() int64 { return time.Now().UnixMilli() }
