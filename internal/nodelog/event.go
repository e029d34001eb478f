package nodelog

import (
	"cmp"
	"encoding/json"
	"log/slog"
	"maps"
	"slices"
	"strings"
	"sync"
	"unicode"
	"unicode/utf8"
)

const (
	// KeptEvents is how many events are remembered: hours of a node that is well, and the
	// whole of a bad quarter of an hour.
	KeptEvents = 200

	textBytes  = 200 // of an event's text, and of each of its values: what a line on a page shows
	wordBytes  = 40  // of a word, of a level, and of the name of a value
	manyValues = 16  // of one event; no line has as many

	againMillis = 15_000 // what comes again sooner goes on: Seldom lets it through every ten seconds
	againEvents = 8      // so many events may go on at once
)

// Event is one line of the log that has an event word: see Words. Lines that say the same
// again and again, seconds apart, are one event: else a peer that is away for an hour would
// leave nothing of what was before. Such an event is the latest of these lines. What an Event
// points to is not changed any more.
type Event struct {
	Seq         uint64            `json:"seq"` // rises within a process; where one goes on, it takes the next number
	AtMillis    int64             `json:"at_ms"`
	Level       string            `json:"level"` // INFO, WARN, ERROR
	Word        string            `json:"event"`
	Text        string            `json:"text"`
	Values      map[string]string `json:"values,omitempty"`
	FirstMillis int64             `json:"first_ms,omitempty"` // when it began; 0 = it is one line
	Lines       uint64            `json:"lines,omitempty"`    // how many it stands for; 0 = one
}

// begin is when it began.
func (e *Event) begin() int64 { return cmp.Or(e.FirstMillis, e.AtMillis) }

// same says that an event is told in the words of another.
func (e *Event) same(of *Event) bool {
	return e.Word == of.Word && e.Level == of.Level && e.Text == of.Text
}

// Keep adds an event to the last ones, oldest first. One that says how an event of them has
// gone on takes its place, at the end. The oldest go where there are more than KeptEvents.
func Keep(all []Event, e Event) []Event {
	for i := len(all) - 1; i >= max(len(all)-againEvents, 0); i-- {
		if all[i].same(&e) && all[i].begin() == e.begin() {
			all = slices.Delete(all, i, i+1)
			break
		}
	}
	all = append(all, e)
	return slices.Delete(all, 0, max(len(all)-KeptEvents, 0))
}

// Bounded is e as it may be kept and shown, whoever made it: short texts, and no character
// that a terminal obeys.
func (e Event) Bounded() Event {
	e.Level, e.Word, e.Text = short(e.Level, wordBytes), short(e.Word, wordBytes), short(e.Text, textBytes)
	values := e.Values
	e.Values = nil
	for name, value := range values {
		if len(e.Values) == manyValues {
			break
		}
		e.put(name, value)
	}
	return e
}

func (e *Event) put(name, value string) {
	if e.Values == nil {
		e.Values = map[string]string{}
	}
	e.Values[short(name, wordBytes)] = short(value, textBytes)
}

// short is s in at most so many bytes, and each rune one that can be printed.
func short(s string, bytes int) string {
	const more = "..."
	s = s[:min(len(s), 4*bytes)] // the rest would be cut off in any case
	s = strings.Map(func(r rune) rune {
		if r == utf8.RuneError || !unicode.IsPrint(r) {
			return '?'
		}
		return r
	}, s)
	if len(s) <= bytes {
		return s
	}
	end := bytes - len(more)
	for !utf8.RuneStart(s[end]) {
		end--
	}
	return s[:end] + more
}

// Events remembers the last KeptEvents lines of a log that have an event word, and counts
// them all. Any goroutine may use it. A nil one is empty.
type Events struct {
	mu     sync.Mutex // a leaf
	kept   []Event    // oldest first
	last   uint64     // Seq of the latest; 0 = there is none
	counts map[string]uint64
}

// Since is what came, or went on, after the event of this number, oldest first: of 0,
// everything that is remembered.
func (e *Events) Since(seq uint64) (found []Event) {
	if e == nil {
		return nil
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	i, _ := slices.BinarySearchFunc(e.kept, seq+1, func(e Event, seq uint64) int { return cmp.Compare(e.Seq, seq) })
	return append(found, e.kept[i:]...)
}

// Latest is the last so many, newest first, or fewer: as many as have no more than so many
// bytes as JSON.
func (e *Events) Latest(many, bytes int) (found []Event) {
	all := e.Since(0)
	for i := len(all) - 1; i >= 0 && len(found) < many; i-- {
		text, err := json.Marshal(&all[i])
		if bytes -= len(text) + 1; err != nil || bytes < 0 {
			break
		}
		found = append(found, all[i])
	}
	return found
}

// Counts is how many lines each word has had since the start of the process, in a map of
// its own. A word that had none is not in it.
func (e *Events) Counts() map[string]uint64 {
	if e == nil {
		return nil
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	return maps.Clone(e.counts)
}

// add takes a line that has an event word. A line has it in front of its other values.
func (e *Events) add(r slog.Record) {
	event := Event{AtMillis: r.Time.UnixMilli(), Level: r.Level.String(), Text: short(r.Message, textBytes)}
	first := true
	r.Attrs(func(a slog.Attr) bool {
		switch {
		case first && a.Key != wordKey:
			return false
		case first:
			first, event.Word = false, a.Value.String()
		default:
			event.put(a.Key, a.Value.Resolve().String())
		}
		return len(event.Values) < manyValues
	})
	if event.Word == "" {
		return
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	e.last++
	event.Seq = e.last
	for _, before := range e.kept[max(len(e.kept)-againEvents, 0):] {
		if since := event.AtMillis - before.AtMillis; before.same(&event) && since >= 0 && since <= againMillis {
			event.FirstMillis, event.Lines = before.begin(), max(before.Lines, 1)+1
		}
	}
	e.kept = Keep(e.kept, event)
	if e.counts == nil {
		e.counts = map[string]uint64{}
	}
	e.counts[event.Word]++
}
