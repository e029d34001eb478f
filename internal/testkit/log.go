package testkit

import (
	"strings"
	"sync"
)

// Log keeps what is written to it, and may be read while it grows. The zero value is
// empty and ready; it must not be copied.
type Log struct {
	mu   sync.Mutex
	text strings.Builder
}

// Write appends p; it never fails.
func (l *Log) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(p)
}

// String is all of it so far.
func (l *Log) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}

// Tail is its last n bytes, or all of it where there are fewer.
func (l *Log) Tail(n int) string {
	s := l.String()
	return s[max(0, len(s)-n):]
}

// Has tells whether one of its lines holds all of parts.
func (l *Log) Has(parts ...string) bool {
lines:
	for line := range strings.Lines(l.String()) {
		for _, p := range parts {
			if !strings.Contains(line, p) {
				continue lines
			}
		}
		return true
	}
	return false
}
