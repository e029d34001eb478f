package view

import (
	"cmp"
	"maps"
	"slices"
	"time"

	"twincached/internal/nodelog"
	"twincached/internal/status"
)

const (
	nameCells   = 11 // the names of the rows
	wideCells   = 80 // a screen of so many shows both nodes side by side
	maxColumn   = 56 // a column that is wider is no easier to read
	fewestCells = 24
	lastEvents  = 6
)

// Status is the screen of "status": both nodes, what is wrong, and what happened last.
func (l *Look) Status(cells int, now time.Time) (lines []Line) {
	cells = max(cells, fewestCells)
	sides := []*Side{&l.A}
	if l.Both || l.B.Snapshot != nil {
		sides = append(sides, &l.B)
	}
	if cells >= wideCells || len(sides) == 1 {
		lines = columns(sides, statusFields, cells)
	} else {
		for _, s := range sides {
			lines = append(append(lines, columns([]*Side{s}, statusFields, cells)...), nil)
		}
		lines = lines[:len(lines)-1]
	}
	lines = append(append(lines, nil), l.verdict(cells)...)
	if events := l.events(lastEvents, cells, now); len(events) > 0 {
		lines = append(append(lines, nil, say(Strong, "Last events")), events...)
	}
	return lines
}

// columns are the sides beside each other, a row for each field of which one of them has
// something to say.
func columns(sides []*Side, fields []field, cells int) (lines []Line) {
	each := min((cells-nameCells)/len(sides)-1, maxColumn)
	row := func(name string, of func(*Side) Line) {
		line, said := say(Faint, name).fit(nameCells), false
		for _, s := range sides {
			cell := of(s)
			said = said || len(cell) > 0
			line = append(append(line, Span{Text: " "}), cell.fit(each)...)
		}
		if said {
			lines = append(lines, line)
		}
	}
	row("", func(s *Side) Line { return say(Strong, s.title()) })
	row("", (*Side).known)
	for _, f := range fields {
		row(f.name, func(s *Side) Line {
			if !s.current() {
				return s.lastWord(f.name)
			}
			return f.of(s)
		})
	}
	return lines
}

// lastWord is what a side says of which nothing is known for now.
func (s *Side) lastWord(field string) Line {
	switch {
	case field != "state":
		return nil
	case s.Snapshot == nil:
		return say(Wary, "not known")
	}
	return say(Wary, "not known; it was "+s.Snapshot.State.Word)
}

// verdict is what is wrong and what to do, or that nothing is.
func (l *Look) verdict(cells int) (lines []Line) {
	problems := l.Problems()
	if len(problems) == 0 {
		if !l.A.Snapshot.Node.Replicates {
			return []Line{say(Good, "The node serves. It has no peer.")}
		}
		if l.B.Snapshot == nil {
			return []Line{say(Good, "The node serves, and is linked with its peer.")}
		}
		return []Line{say(Good, "The pair serves, and is linked.")}
	}
	lines = append(lines, say(Strong, "What is wrong"))
	for _, p := range problems {
		lines = append(lines, wrap(Bad, p.Node+"  "+p.Word+": "+p.Text, cells)...)
		for _, t := range wrap(Plain, p.Do, cells-3) {
			lines = append(lines, append(Line{{Text: "   "}}, t...))
		}
	}
	return lines
}

// events are the last n of both nodes, newest first.
func (l *Look) events(n, cells int, now time.Time) (lines []Line) {
	type told struct {
		*nodelog.Event
		node string
	}
	var all []told
	for _, s := range []*Side{&l.A, &l.B} {
		if s.Snapshot == nil {
			continue
		}
		for i := range s.Snapshot.Events {
			all = append(all, told{&s.Snapshot.Events[i], s.Name})
		}
	}
	slices.SortStableFunc(all, func(a, b told) int { return cmp.Compare(b.AtMillis, a.AtMillis) })
	for _, e := range all[:min(n, len(all))] {
		tone := Plain
		switch e.Level {
		case "WARN":
			tone = Wary
		case "ERROR":
			tone = Bad
		}
		line := Line{{clock(e.AtMillis, now) + " " + e.node + " ", Faint}, {e.Level + " " + e.Word, tone}, {eventText(e.Event), Plain}}
		lines = append(lines, line.fit(cells))
	}
	return lines
}

// eventText is what an event says beside its word.
func eventText(e *nodelog.Event) string {
	text := ""
	if e.Text != e.Word {
		text = " " + e.Text
	}
	for _, key := range slices.Sorted(maps.Keys(e.Values)) {
		text += " " + key + "=" + e.Values[key]
	}
	return text
}

// Document is what "status --json" prints.
type Document struct {
	OK       bool      `json:"ok"`       // nothing is wrong
	Problems []Problem `json:"problems"` // what is
	Nodes    []OfNode  `json:"nodes"`    // A and B
}

// OfNode is one node of a Document.
type OfNode struct {
	Node      string           `json:"node"`            // A or B
	Address   string           `json:"address"`         // where it was asked; "": it was not
	Error     string           `json:"error,omitempty"` // why it gave no answer
	Told      bool             `json:"told"`            // status is what its peer knows of it
	AgeMillis int64            `json:"age_ms"`          // and how old that is
	Status    *status.Snapshot `json:"status"`          // null: nothing is known
}

// Document is the look for scripts.
func (l *Look) Document() Document {
	d := Document{Problems: l.Problems()}
	d.OK = len(d.Problems) == 0
	if d.OK {
		d.Problems = []Problem{} // and not null
	}
	for _, s := range []*Side{&l.A, &l.B} {
		d.Nodes = append(d.Nodes, OfNode{Node: s.Name, Address: s.Address, Error: s.Err, Told: s.Told, AgeMillis: s.ToldMS, Status: s.Snapshot})
	}
	return d
}
