package top

import (
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/gdamore/tcell/v2"

	"twincached/internal/ask"
	"twincached/internal/view"
)

// every is how often each node is asked: it says something new once a second.
const every = time.Second

// Screen is this process's terminal. An error says why it cannot be had.
func Screen() (tcell.Screen, error) {
	tcell.SetEncodingFallback(tcell.EncodingFallbackASCII) // a locale's old character set is no reason to stop
	return tcell.NewScreen()
}

// Run shows the nodes on a screen until q is pressed, or a signal ends it. The screen is
// given back as it was.
func Run(screen tcell.Screen, nodes []*ask.Node) error {
	if err := screen.Init(); err != nil {
		return err
	}
	defer screen.Fini()
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP)
	defer signal.Stop(signals)

	quit, happened := make(chan struct{}), make(chan any)
	defer close(quit)
	var addresses []string
	for i, n := range nodes {
		addresses = append(addresses, n.Address())
		go poll(i, n, happened, quit) // whoever does not answer keeps nobody waiting
	}
	events := make(chan tcell.Event, 16)
	go screen.ChannelEvents(events, quit)

	m := NewModel(addresses, time.Now())
	cells, rows := screen.Size()
	m, _ = m.Update(Resized{cells, rows})
	for end := false; !end; {
		draw(screen, m.View())
		select {
		case <-signals:
			return nil
		case what := <-happened:
			m, end = m.Update(what)
		case e, ok := <-events:
			if !ok {
				return nil // the terminal is gone
			}
			if what := meaning(e); what != nil {
				m, end = m.Update(what)
				if _, resized := what.(Resized); resized {
					screen.Sync()
				}
			}
		}
	}
	return nil
}

// poll asks a node, again and again, until quit is closed.
func poll(i int, n *ask.Node, happened chan<- any, quit <-chan struct{}) {
	t := time.NewTicker(every)
	defer t.Stop()
	defer n.Close()
	for {
		a := view.Answer{Address: n.Address()}
		pair, err := n.Status()
		if a.Pair = pair; err != nil {
			a.Err = err.Error()
		}
		for _, k := range n.HotKeys() {
			a.Hot = append(a.Hot, view.HotKey(k))
		}
		select {
		case happened <- Answered{i, a, time.Now()}:
		case <-quit:
			return
		}
		select {
		case <-t.C:
		case <-quit:
			return
		}
	}
}

// meaning is what an event of the terminal means; nil: nothing.
func meaning(e tcell.Event) any {
	switch e := e.(type) {
	case *tcell.EventResize:
		cells, rows := e.Size()
		return Resized{cells, rows}
	case *tcell.EventKey:
		switch e.Key() {
		case tcell.KeyCtrlC, tcell.KeyCtrlD, tcell.KeyEscape:
			return Key('q')
		case tcell.KeyRune:
			return Key(e.Rune())
		}
	}
	return nil
}

// styles are the terminal's for the tones.
var styles = map[view.Tone]tcell.Style{
	view.Strong: tcell.StyleDefault.Bold(true),
	view.Good:   tcell.StyleDefault.Foreground(tcell.ColorGreen),
	view.Wary:   tcell.StyleDefault.Foreground(tcell.ColorOlive),
	view.Bad:    tcell.StyleDefault.Foreground(tcell.ColorMaroon).Bold(true),
	view.Faint:  tcell.StyleDefault.Dim(true),
}

// draw puts lines on the screen. With NO_COLOR tcell leaves out the colours.
func draw(screen tcell.Screen, lines []view.Line) {
	screen.Clear()
	for y, l := range lines {
		x := 0
		for _, s := range l {
			for text := s.Text; text != ""; {
				rest, width := screen.Put(x, y, text, styles[s.Tone])
				if len(rest) >= len(text) {
					break // off the screen
				}
				text, x = rest, x+width
			}
		}
	}
	screen.Show()
}
