package view

import (
	"strings"

	"github.com/rivo/uniseg"
)

// Tone is how a piece of a line looks. It says nothing that the words do not say.
type Tone uint8

// The tones.
const (
	Plain  Tone = iota
	Strong      // a heading
	Good        // as it should be
	Wary        // somebody should look at it
	Bad         // wrong
	Faint       // it matters less
)

// Span is a piece of a line.
type Span struct {
	Text string
	Tone Tone
}

// Line is one line of a screen.
type Line []Span

// String is the line in plain text, without spaces at its end.
func (l Line) String() string {
	var b strings.Builder
	for _, s := range l {
		b.WriteString(s.Text)
	}
	return strings.TrimRight(b.String(), " ")
}

// say is a line of one piece.
func say(tone Tone, text string) Line { return Line{{text, tone}} }

// width is how many cells of a terminal the line takes.
func (l Line) width() (n int) {
	for _, s := range l {
		n += uniseg.StringWidth(s.Text)
	}
	return n
}

// fit makes the line take exactly so many cells. What is cut off ends in a tilde.
func (l Line) fit(cells int) Line {
	if w := l.width(); w <= cells {
		return append(l[:len(l):len(l)], Span{Text: strings.Repeat(" ", cells-w)})
	}
	left, out := max(cells-1, 0), Line{}
	for _, s := range l {
		kept := cut(s.Text, left)
		out = append(out, Span{kept, s.Tone})
		left -= uniseg.StringWidth(kept)
		if kept != s.Text {
			break
		}
	}
	if cells > 0 {
		out = append(out, Span{"~" + strings.Repeat(" ", left), Faint})
	}
	return out
}

// cut is as much of text as fits into so many cells.
func cut(text string, cells int) string {
	kept, g := 0, uniseg.NewGraphemes(text)
	for g.Next() {
		if cells -= g.Width(); cells < 0 {
			break
		}
		_, kept = g.Positions()
	}
	return text[:kept]
}

// wrap puts text into lines of at most so many cells, cut between words where there are any.
func wrap(tone Tone, text string, cells int) (lines []Line) {
	row := ""
	for _, word := range strings.Fields(text) {
		if row != "" && uniseg.StringWidth(row)+1+uniseg.StringWidth(word) <= cells {
			row += " " + word
			continue
		}
		if row != "" {
			lines = append(lines, say(tone, row))
		}
		row = word
		for uniseg.StringWidth(row) > cells {
			head := cut(row, max(cells, 2))
			lines, row = append(lines, say(tone, head)), row[len(head):]
		}
	}
	if row != "" {
		lines = append(lines, say(tone, row))
	}
	return lines
}

// bar shows a part of a whole; it is full where there is more than the whole.
func bar(part, whole uint64, cells int) string {
	full := 0
	if whole > 0 {
		full = int(min(float64(part)/float64(whole), 1) * float64(cells))
	}
	return "[" + strings.Repeat("#", full) + strings.Repeat(".", cells-full) + "]"
}
