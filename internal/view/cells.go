package view

import (
	"fmt"
	"strings"

	"twincached/internal/status"
)

// field is a row of a screen: what it is called, and what it says of a node. An empty line
// says nothing.
type field struct {
	name string
	of   func(*Side) Line
}

// of makes a cell of what a node says of itself.
func of(cell func(*status.Snapshot) Line) func(*Side) Line {
	return func(s *Side) Line { return cell(s.Snapshot) }
}

const (
	barCells     = 10  // a bar: with its words it fits half of 80
	inStepMillis = 100 // two clocks that differ by no more count as equal
)

// statusFields are the rows of "status".
var statusFields = []field{
	{"state", of(stateCell)}, {"link", of(linkCell)}, {"last error", of(errorCell)}, {"lag", of(lagCell)}, {"clock", of(clockCell)}, {"image", of(imageCell)},
	{"copy in", func(s *Side) Line { return copyCell(s.Snapshot, &s.Snapshot.CopyIn) }},
	{"copy out", func(s *Side) Line { return copyCell(s.Snapshot, &s.Snapshot.CopyOut) }},
	{"memory", of(memoryCell)}, {"items", of(itemsCell)}, {"evictions", of(evictionsCell)},
	{"hits", of(hitsCell)}, {"commands", of(commandsCell)}, {"", of(otherCell)},
	{"clients", of(clientsCell)}, {"traffic", of(trafficCell)}, {"process", of(processCell)},
}

func stateCell(s *status.Snapshot) Line {
	words, tone := s.State.Word, Good
	if s.State.Qualifier != "" {
		words += ", " + s.State.Qualifier
	}
	switch {
	case s.State.Word == "refused" || s.State.Refusal != "":
		tone = Bad
	case !s.State.Serves || s.State.Qualifier != "" && s.Node.Replicates:
		tone = Wary
	}
	if !s.State.Serves {
		words += ": serves nobody"
	}
	return say(tone, words)
}

func linkCell(s *status.Snapshot) Line {
	l := &s.Link
	switch {
	case l.State == linked:
		return say(Good, l.State+" for "+millis(l.UpMillis))
	case !s.Node.Replicates:
		return say(Faint, "none: it has no peer (-x)")
	case l.ContactMillis < 0:
		return say(Bad, l.State+", the peer never came")
	}
	return say(Bad, l.State+", heard of "+millis(l.ContactMillis)+" ago")
}

func errorCell(s *status.Snapshot) Line {
	l := &s.Link
	if l.State == linked || l.LastError == "" || l.LastError == "none" {
		return nil
	}
	return say(Wary, l.LastError+", "+millis(l.LastErrorAgeMillis)+" ago")
}

func lagCell(s *status.Snapshot) Line {
	l := &s.Link
	if !s.Node.Replicates {
		return nil
	}
	tone := Plain
	if l.LagMillis > status.LagMillis {
		tone = Bad
	}
	words := millis(max(l.LagMillis, 0)) + ", backlog " + count(l.Backlog)
	if l.NotOnPeer > 0 {
		words += ", " + count(l.NotOnPeer) + " refused"
	}
	return say(tone, words)
}

func clockCell(s *status.Snapshot) Line {
	l := &s.Link
	if l.State != linked {
		return nil
	}
	words, tone := "in step", Plain
	switch ahead := l.ClockAheadMillis; {
	case ahead > inStepMillis:
		words = "peer's is " + millis(ahead) + " ahead"
	case ahead < -inStepMillis:
		words = "peer's is " + millis(-max(ahead, -1<<62)) + " behind"
	}
	if l.ClocksDiffer() {
		tone = Bad
	}
	if l.RTTMillis >= 0 {
		words += fmt.Sprintf(", %d ms away", l.RTTMillis)
	}
	return say(tone, words)
}

// imageCell is how far the image is, or what became of it.
func imageCell(s *status.Snapshot) Line {
	i := &s.Image
	switch p := i.Progress(); {
	case p.Active():
		return copyCell(s, p)
	case i.Work == "":
		return nil
	case i.Work != status.ImageLoaded:
		return say(Wary, strings.ReplaceAll(i.Work, "_", " "))
	}
	return say(Faint, fmt.Sprintf("%s loaded in %s, %s old", count(i.Items), millis(max(i.FinishedMillis-i.StartedMillis, 0)), millis(i.SleptMillis)))
}

// copyCell is how far a copy is, or when it was.
func copyCell(s *status.Snapshot, c *status.Copy) Line {
	switch {
	case !c.Active() && c.Items == 0: // none, or one of nothing, as of two nodes that start empty
		return nil
	case !c.Active():
		return say(Faint, fmt.Sprintf("%s in %s, %s ago", count(c.Items), millis(max(c.FinishedMillis-c.StartedMillis, 0)), millis(max(s.AtMillis-c.FinishedMillis, 0))))
	}
	words := bar(c.Items, c.Total, barCells) + " " + percent(min(c.Items, c.Total), c.Total)
	if took := s.AtMillis - c.StartedMillis; took > 0 && c.Items > 0 && c.Total > c.Items {
		words += ", " + millis(int64(min(float64(took)*float64(c.Total-c.Items)/float64(c.Items), 1e15))) + " left"
	}
	return say(Wary, words)
}

func memoryCell(s *status.Snapshot) Line {
	m := &s.Memory
	return say(Plain, bar(m.CommittedBytes, m.LimitBytes, barCells)+" "+percent(m.CommittedBytes, m.LimitBytes)+" of "+bytes(float64(m.LimitBytes)))
}

func itemsCell(s *status.Snapshot) Line {
	return say(Plain, count(s.Items.Held)+" of "+bytes(float64(s.Items.Bytes)))
}

func evictionsCell(s *status.Snapshot) Line {
	words := count(s.Items.Evictions)
	if n := s.Items.NoMemory; n > 0 {
		words += ", " + count(n) + " found no memory"
	}
	return say(Plain, words)
}

func hitsCell(s *status.Snapshot) Line {
	gets := s.Commands.Get
	switch gets {
	case 0:
		return say(Faint, "no gets")
	case 1:
		return say(Plain, percent(s.Commands.GetHits, gets)+" of 1 get")
	}
	return say(Plain, percent(s.Commands.GetHits, gets)+" of "+count(gets)+" gets")
}

func commandsCell(s *status.Snapshot) Line {
	c := &s.Commands
	return say(Plain, count(c.Set)+" sets, "+count(c.Deletes())+" deletes")
}

func otherCell(s *status.Snapshot) Line {
	touches, sums := s.Commands.Touches(), s.Commands.Counts()
	if touches+sums == 0 {
		return nil
	}
	return say(Plain, count(touches)+" touches, "+count(sums)+" incr or decr")
}

func clientsCell(s *status.Snapshot) Line {
	words, tone := fmt.Sprintf("%d of %d connections", s.Clients.Conns, s.Clients.MaxConns), Plain
	if s.Clients.MaxConns > 0 && s.Clients.Conns >= s.Clients.MaxConns {
		words, tone = words+", full", Bad
	}
	return say(tone, words)
}

func trafficCell(s *status.Snapshot) Line {
	return say(Plain, bytes(float64(s.Clients.BytesRead))+" in, "+bytes(float64(s.Clients.BytesWritten))+" out")
}

func processCell(s *status.Snapshot) Line {
	return say(Plain, fmt.Sprintf("%s, pid %d, for %s", s.Node.Version, s.Node.PID, seconds(max(s.Node.UptimeSeconds, 0))))
}
