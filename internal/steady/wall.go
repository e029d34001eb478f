//go:build !faults

package steady

import "time"

// wallMillis is the wall clock, Unix ms.
func wallMillis() int64 { return time.Now().UnixMilli() }
