//go:build faults

package steady

import (
	"os"
	"strconv"
	"strings"
	"time"
)

// wallMillis is the wall clock, Unix ms, moved by the number of milliseconds in
// the file that TWINCACHED_CLOCK_OFFSET_FILE names: internal/torture steps one
// process's clock with it. The program that people run is built without it.
func wallMillis() int64 {
	now := time.Now().UnixMilli()
	text, err := os.ReadFile(os.Getenv("TWINCACHED_CLOCK_OFFSET_FILE"))
	if err != nil {
		return now
	}
	offset, err := strconv.ParseInt(strings.TrimSpace(string(text)), 10, 64)
	if err != nil {
		return now
	}
	return now + offset
}
