package view

import (
	"fmt"
	"net"
	"net/netip"

	"twincached/internal/status"
)

// Answer is what one node said when it was asked.
type Answer struct {
	Address string       // where it was asked
	Pair    *status.Pair // nil: it gave no answer
	Err     string       // why
	Hot     []HotKey     // the keys that its clients ask for most; nil: it does not tell
}

// HotKey is a key that many ask for.
type HotKey struct {
	Key     string
	Percent float64 // of the requests that were looked at
}

// Side is one of the two nodes.
type Side struct {
	Name     string           // A or B
	Address  string           // where it was asked; "": it was not, its peer was
	Err      string           // why it gave no answer
	Snapshot *status.Snapshot // nil: nothing is known of it
	Told     bool             // Snapshot is what its peer knows, of ToldMS ago
	ToldMS   int64
	Lost     bool // and the peer has no link to it any more
	Hot      []HotKey
	Rates    *status.Rates // a second; nil: not known
}

// Look is the pair as it is seen at one moment.
type Look struct {
	A, B Side
	Both bool // two nodes were asked
}

// NewLook makes a look of one or two answers. Whoever was not asked, or gave no answer, is
// shown as its peer knows it.
func NewLook(answers ...Answer) Look {
	l := Look{A: sideOf("A", &answers[0]), B: Side{Name: "B"}, Both: len(answers) == 2}
	if l.Both {
		l.B = sideOf("B", &answers[1])
	}
	if l.B.Snapshot == nil {
		l.B.tell(answers[0].Pair)
	}
	if l.A.Snapshot == nil && l.Both {
		l.A.tell(answers[1].Pair)
	}
	return l
}

func sideOf(name string, a *Answer) Side {
	s := Side{Name: name, Address: a.Address, Err: a.Err, Hot: a.Hot}
	if a.Pair != nil {
		s.Snapshot = &a.Pair.Node
	}
	return s
}

// tell fills in what the peer knows.
func (s *Side) tell(peer *status.Pair) {
	if peer != nil && peer.Peer != nil {
		s.Snapshot, s.Told, s.ToldMS = peer.Peer, true, max(peer.PeerAgeMillis, 0)
		s.Lost = peer.Node.Link.State == "down"
	}
}

// answered tells whether the node was asked, and said how it is.
func (s *Side) answered() bool { return s.Snapshot != nil && !s.Told }

// current tells whether Snapshot is of now. What a peer was told last counts a little longer
// than the link if the node served nobody then: it may be about to stop, or to join.
func (s *Side) current() bool {
	if s.Snapshot == nil || !s.Told {
		return s.Snapshot != nil
	}
	return s.ToldMS <= status.FreshMillis && !(s.Lost && s.Snapshot.State.Serves)
}

// title is what a side is called.
func (s *Side) title() string {
	switch {
	case s.Address != "" && s.answered() && s.Snapshot.Node.ListensOnAll() && loopback(s.Address):
		return s.Name + " " + s.Address + ", " + s.Snapshot.Node.Host // every machine has this address
	case s.Address != "":
		return s.Name + " " + s.Address
	case s.Snapshot != nil && len(s.Snapshot.Node.Addresses) > 0:
		return s.Name + " " + s.Snapshot.Node.ClientAddresses()[0]
	}
	return s.Name + ", the peer"
}

// loopback tells whether an address leads to the machine itself, whichever that is.
func loopback(address string) bool {
	host, _, err := net.SplitHostPort(address)
	if err != nil {
		return false
	}
	ip, err := netip.ParseAddr(host)
	return host == "localhost" || err == nil && ip.IsLoopback()
}

// known says where what is shown of a side comes from.
func (s *Side) known() Line {
	switch {
	case s.Told && s.Err != "":
		return say(Bad, "no answer; heard of "+millis(s.ToldMS)+" ago")
	case s.Told:
		return say(Faint, "as its peer was told "+millis(s.ToldMS)+" ago")
	case s.Err != "":
		return say(Bad, "no answer")
	case s.Snapshot == nil:
		return say(Faint, "it was not asked")
	}
	return say(Faint, "asked itself")
}

// Problem is something about the pair that is not as it should be.
type Problem struct {
	Node string `json:"node"` // A or B
	Word string `json:"word"` // of a warning, or no_answer, not_serving, not_linked, not_a_pair
	Text string `json:"text"`
	Do   string `json:"do,omitempty"` // what to do
}

// Problems is what is wrong with the pair. A node that has no -x and takes no peer is not
// wrong for being alone, unless it is asked as one of two.
func (l *Look) Problems() (found []Problem) {
	for _, s := range []*Side{&l.A, &l.B} {
		switch {
		case s.Address != "" && !s.answered() && !(s.current() && !s.Snapshot.State.Serves):
			found = append(found, Problem{s.Name, "no_answer", s.Address + " does not answer: " + s.Err, "Look whether it runs, and into its log."})
		case s.current():
			found = append(found, s.problems()...)
		}
	}
	a, b := l.A.Snapshot, l.B.Snapshot
	if !l.Both || !l.A.answered() || !l.B.answered() {
		return found
	}
	switch {
	case a.Node.ID == b.Node.ID && a.Node.PID == b.Node.PID && a.Node.StartedMillis == b.Node.StartedMillis:
		found = append(found, Problem{"B", "not_a_pair", "Both addresses lead to the same node.", "Name the two nodes of the pair."})
	case !a.Node.Replicates || !b.Node.Replicates, apart(a, b), apart(b, a):
		found = append(found, Problem{"B", "not_a_pair", "These two nodes are not each other's peer.", "Name the two nodes of one pair, and give them -x."})
	}
	return found
}

// apart tells whether a is linked with another node than b.
func apart(a, b *status.Snapshot) bool {
	return a.Link.State == linked && a.Link.PeerID != "" && a.Link.PeerID != b.Node.ID
}

const (
	linked = "stream"        // the state of a link that carries everything
	noPeer = "one_copy_left" // the warning of a node that has lost its peer
)

// problems is what is wrong with one node.
func (s *Side) problems() (found []Problem) {
	n := s.Snapshot
	if !n.State.Serves {
		text := fmt.Sprintf("It serves no client: it is %s.", n.State.Word)
		if n.State.Opens != 0 {
			text += " It serves alone in " + millis(max(n.State.Opens-n.AtMillis, 0)) + ", if that is not mended before."
		}
		found = append(found, Problem{s.Name, "not_serving", text, doOf(&n.State)})
	}
	for _, w := range n.Warnings {
		text := w.Text
		if w.Word == noPeer && n.Link.LastError != "" && n.Link.LastError != "none" {
			text += " The last error was: " + n.Link.LastError
		}
		found = append(found, Problem{s.Name, w.Word, text, w.Do})
	}
	switch {
	case s.Told: // the teller's own link is of now
	case !n.Node.Replicates || n.Link.State == linked || !n.State.Serves || warned(n):
	case n.CopyOut.Active():
		found = append(found, Problem{s.Name, "not_linked", "The peer takes a full copy.", "Wait. Do not stop this node."})
	default:
		found = append(found, Problem{s.Name, "not_linked", fmt.Sprintf("The link is not up yet: %s.", n.Link.State), "Wait a moment, and look again."})
	}
	return found
}

// doOf is what to do about a state in which nobody is served.
func doOf(s *status.State) string {
	switch s.Word {
	case "copying":
		return "Wait: it serves when the copy is done. Do not stop the other node."
	case "joining", "starting":
		return "Wait: it looks for its peer."
	case "loading":
		return "Wait: it loads what it held when it was stopped."
	case "draining":
		return "Wait: it hands over, and stops."
	}
	if s.Remedy != "" { // it is refused
		return s.Remedy
	}
	return "Look into its log."
}

// warned tells whether a warning says already that there is no link.
func warned(n *status.Snapshot) bool {
	for _, w := range n.Warnings {
		if w.Word == noPeer || w.Word == "refused" {
			return true
		}
	}
	return false
}

// Silent tells whether nobody gave an answer.
func (l *Look) Silent() bool { return !l.A.answered() && !l.B.answered() }
