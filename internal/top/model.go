package top

import (
	"time"

	"twincached/internal/status"
	"twincached/internal/view"
)

// Model is all that the screen shows. The zero Model is not ready: see NewModel.
type Model struct {
	answers []view.Answer
	last    [2]*status.Snapshot // of A and B, to make rates of
	rates   [2]*status.Rates
	seen    bool // somebody was asked and answered, or did not
	paused  bool
	help    bool
	cells   int
	rows    int
	now     time.Time
}

// What happens to a Model.
type (
	// Answered is what the node with this index said, or did not say.
	Answered struct {
		Node   int
		Answer view.Answer
		Now    time.Time
	}
	// Key is a key that was pressed; 'q' for each that ends it.
	Key rune
	// Resized is the terminal's new size.
	Resized struct{ Cells, Rows int }
)

// NewModel makes a model of one or two nodes, by their addresses.
func NewModel(addresses []string, now time.Time) Model {
	m := Model{now: now}
	for _, a := range addresses {
		m.answers = append(m.answers, view.Answer{Address: a, Err: "it was not asked yet"})
	}
	return m
}

// Update is the model after something has happened; end: the screen is to go.
func (m Model) Update(what any) (after Model, end bool) {
	switch w := what.(type) {
	case Resized:
		m.cells, m.rows = w.Cells, w.Rows
	case Key:
		switch w {
		case 'q', 'Q':
			return m, true
		case 'p', 'P', ' ':
			m.paused = !m.paused
		case 'h', 'H', '?':
			m.help = !m.help
		}
	case Answered:
		if m.paused {
			break
		}
		m.now, m.seen = w.Now, true
		m.answers = append([]view.Answer(nil), m.answers...)
		m.answers[w.Node] = w.Answer
		look := m.look()
		for i, s := range []*status.Snapshot{look.A.Snapshot, look.B.Snapshot} {
			if s != nil && m.last[i] != nil && s.AtMillis == m.last[i].AtMillis {
				continue // the node has said nothing new
			}
			m.rates[i], m.last[i] = view.NewRates(m.last[i], s), s
		}
	}
	return m, false
}

func (m *Model) look() view.Look {
	l := view.NewLook(m.answers...)
	l.A.Rates, l.B.Rates = m.rates[0], m.rates[1]
	return l
}

// View is the screen: no more lines than it has rows.
func (m Model) View() []view.Line {
	head := view.Line{{Text: "twincached top", Tone: view.Strong}}
	switch { // first what a narrow screen has to show too
	case m.paused:
		head = append(head, view.Span{Text: "  PAUSED", Tone: view.Wary})
	case !m.seen:
		head = append(head, view.Span{Text: "  asking", Tone: view.Faint})
	}
	head = append(head, view.Span{Text: "  " + m.now.Format("15:04:05")}, view.Span{Text: "  q quit  p pause  h help", Tone: view.Faint})
	if m.help {
		return view.Legend(head, m.cells, m.rows)
	}
	look := m.look()
	return look.Live(head, m.cells, m.rows, m.now)
}
