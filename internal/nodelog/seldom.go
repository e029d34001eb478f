package nodelog

import (
	"context"
	"log/slog"
	"sync"
)

// seldomMillis is how often one thing gets a line: trouble that lasts, or a
// stranger, cannot fill the disk.
const seldomMillis = 10_000

// Seldom says each thing that repeats itself once in ten seconds. The zero value
// is ready; any goroutine may use it.
type Seldom struct {
	mu   sync.Mutex
	said map[string]said
}

type said struct {
	at     int64
	silent uint64 // times it was kept back since
}

// Say logs a line with an event word, unless one with the same word and key has been
// logged in the ten seconds before nowMillis (or in those after it, by a clock that went
// back). A line that stands for others says how many. Keys come from a small set: each is
// remembered for good.
func (s *Seldom) Say(log *slog.Logger, level slog.Level, nowMillis int64, event slog.Attr, key, msg string, args ...any) {
	key = event.Value.String() + " " + key
	s.mu.Lock()
	if s.said == nil {
		s.said = map[string]said{}
	}
	e, known := s.said[key]
	if known && nowMillis-e.at < seldomMillis && nowMillis >= e.at {
		e.silent++
		s.said[key] = e
		s.mu.Unlock()
		return
	}
	s.said[key] = said{at: nowMillis}
	s.mu.Unlock()
	if e.silent > 0 {
		args = append(args, "repeated", e.silent)
	}
	log.Log(context.Background(), level, msg, append([]any{event}, args...)...)
}
