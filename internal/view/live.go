package view

import (
	"fmt"
	"strings"
	"time"

	"twincached/internal/status"
)

const (
	hotRows   = 5  // hot keys that are shown where there is room
	liveRows  = 21 // what the other rows take, and a few lines below them
	latencies = 2  // commands whose latency fits a column
	headRows  = 4  // of each screen, up to the states
	leastRows = 3  // that are left for what is wrong
)

// liveFields are the rows of "top".
var liveFields = []field{
	{"state", of(stateCell)}, {"link", of(linkCell)}, {"lag", of(lagCell)},
	{"image", func(s *Side) Line { return underWay(s.Snapshot, s.Snapshot.Image.Progress()) }},
	{"copy in", func(s *Side) Line { return underWay(s.Snapshot, &s.Snapshot.CopyIn) }},
	{"copy out", func(s *Side) Line { return underWay(s.Snapshot, &s.Snapshot.CopyOut) }},
	{"memory", of(memoryCell)}, {"items", of(itemsCell)},
	{"gets", rated(func(s *status.Snapshot, r *status.Rates) string {
		words := rate(float64(r.Gets)) + "/s"
		if r.Gets > 0 {
			words += fmt.Sprintf(", %.1f%% hits", min(100*r.Hits/r.Gets, 100))
		}
		return words
	})},
	{"sets", rated(func(s *status.Snapshot, r *status.Rates) string {
		return rate(float64(r.Sets)) + "/s, " + rate(float64(r.Deletes)) + " deletes"
	})},
	{"touch, incr", rated(func(s *status.Snapshot, r *status.Rates) string {
		return rate(float64(r.Touches)) + "/s, " + rate(float64(r.Counts)) + "/s"
	})},
	{"evictions", rated(func(s *status.Snapshot, r *status.Rates) string {
		return rate(float64(r.Evictions)) + "/s, " + count(s.Items.Evictions) + " in all"
	})},
	{"replicated", rated(func(s *status.Snapshot, r *status.Rates) string {
		return rate(float64(r.ItemsOut)) + "/s out, " + rate(float64(r.ItemsIn)) + "/s in"
	})},
	{"traffic", rated(func(s *status.Snapshot, r *status.Rates) string {
		return bytes(float64(r.BytesRead)) + "/s in, " + bytes(float64(r.BytesWritten)) + "/s out"
	})},
	{"clients", of(clientsCell)},
	{"processor", rated(func(s *status.Snapshot, r *status.Rates) string {
		return fmt.Sprintf("%.1f%% of a core", min(100*r.CPU, 1e6))
	})},
	{"latency", of(latencyCell)},
}

// rated makes a cell of rates.
func rated(words func(*status.Snapshot, *status.Rates) string) func(*Side) Line {
	return func(s *Side) Line {
		if s.Rates == nil {
			return say(Faint, "-")
		}
		return say(Plain, words(s.Snapshot, s.Rates))
	}
}

// underWay is how far a copy is that goes on.
func underWay(s *status.Snapshot, c *status.Copy) Line {
	if !c.Active() {
		return nil
	}
	return copyCell(s, c)
}

// latencyCell is the 99th percentile of the commands that were asked for.
func latencyCell(s *status.Snapshot) Line {
	var words []string
	for i := range s.Latency[:min(len(s.Latency), latencies)] {
		words = append(words, fmt.Sprintf("%s %.3g us", s.Latency[i].Command, s.Latency[i].P99))
	}
	if len(words) == 0 {
		return nil
	}
	return say(Plain, "p99 "+strings.Join(words, ", "))
}

// Live is the screen of "top": as many lines as it has rows, and at most so many cells in
// each. head is its first line.
func (l *Look) Live(head Line, cells, rows int, now time.Time) []Line {
	cells = max(cells, fewestCells)
	sides := []*Side{&l.A}
	if l.Both || l.B.Snapshot != nil {
		sides = append(sides, &l.B)
	}
	lines := append([]Line{head.fit(cells)}, columns(sides, append(liveFields[:len(liveFields):len(liveFields)], l.hotFields(rows)...), cells)...)
	problems := l.Problems()
	if least := min(len(problems), leastRows); len(lines) > headRows && len(lines) > rows-least {
		lines = lines[:max(rows-least, headRows)] // what is wrong matters more
	}
	room := max(rows-len(lines), 1)
	for i, p := range problems {
		if i == room-1 && len(problems) > room || i == room {
			lines = append(lines, say(Bad, fmt.Sprintf("%d more things are wrong: twincached status shows them", len(problems)-i)).fit(cells))
			break
		}
		lines = append(lines, say(Bad, p.Node+" "+p.Word+": "+p.Text).fit(cells))
	}
	if room = rows - len(lines); room > 0 {
		lines = append(lines, l.events(room, cells, now)...)
	}
	return lines[:min(len(lines), max(rows, 0))]
}

// hotFields are the rows of the hot keys; none where no node tells any.
func (l *Look) hotFields(rows int) (fields []field) {
	n := min(max(len(l.A.Hot), len(l.B.Hot)), hotRows, max(rows-liveRows, 1))
	for i := range n {
		name := ""
		if i == 0 {
			name = "hot keys"
		}
		fields = append(fields, field{name, func(s *Side) Line {
			if i >= len(s.Hot) {
				return nil
			}
			return Line{{fmt.Sprintf("%4.1f%% ", s.Hot[i].Percent), Faint}, {s.Hot[i].Key, Plain}}
		}})
	}
	return fields
}

// legend is what the keys and the rows of "top" are.
var legend = [][2]string{
	{"q, Ctrl-C", "end"}, {"p", "pause, and go on"}, {"h", "this, and back"}, {},
	{"state", "what the node does; one that serves nobody says so"},
	{"link", "the connection to the peer: stream is as it should be"},
	{"lag", "age of the oldest change that the peer has not acknowledged; backlog: changes that are not sent yet"},
	{"memory", "what is taken of -m"},
	{"gets, sets", "commands of this node's clients, a second"},
	{"replicated", "items to the peer and from it, a second"},
	{"latency", "99 of 100 commands took no longer, of a sample of the last minute"},
	{"hot keys", "share of the requests, of a sample"}, {},
	{"", "A node that gives no answer is shown as its peer knows it. Below stand what is wrong, and the last events."},
}

// Legend is the screen that explains "top".
func Legend(head Line, cells, rows int) []Line {
	cells = max(cells, fewestCells)
	lines := []Line{head.fit(cells), nil}
	for _, l := range legend {
		name := say(Strong, l[0]).fit(nameCells)
		for _, text := range wrap(Plain, l[1], cells-nameCells-1) {
			lines = append(lines, append(append(name, Span{Text: " "}), text...))
			name = Line{}.fit(nameCells)
		}
		if l == [2]string{} {
			lines = append(lines, nil)
		}
	}
	return lines[:min(len(lines), max(rows, 0))]
}
