package web

import (
	"html/template"
	"net"
	"slices"
	"strings"

	"twincached/internal/nodelog"
	"twincached/internal/status"
)

const (
	maxEvents   = 60 // shown
	maxWarnings = 20 // shown of each node
)

// view is what the page shows, in words.
type view struct {
	at       int64
	Title    string
	Cluster  string
	AsOf     string // for programs
	AsOfText string
	Sentence sentence
	Sides    [2]side // this node and its peer
	Note     string  // about the peer's numbers; "" = they are of now
	Warnings []warning
	CopyOf   string // what Copies are of
	Copies   []progress
	LastCopy []string
	Link     []fact
	Lanes    []lane
	Down     bool // there is no link
	Groups   []group
	Latency  []latency
	Events   []event
	Charts   []chart
	Metrics  bool
	Assets   string

	Parts map[string]template.HTML // what has been rendered
}

// side heads the column of one node.
type side struct {
	Name, Addresses, State, Level string
	Known                         bool
}

// fact is a name and a value.
type fact struct{ Name, Value string }

// group is some rows of the table of both nodes.
type group struct {
	Name string
	Rows []row
}

// row is one number of both nodes. More is a second, less important one.
type row struct {
	Name  string
	Cells [2]cell
}

type cell struct{ Value, More string }

// lane is one direction of the link.
type lane struct{ Direction, Rate, Lag, Backlog, Unacked, NotOnPeer string }

type warning struct{ Node, Word, Text, Do string }

// progress is a full copy that is going on, or an image.
type progress struct {
	ID, Name, Text string
	Value, Max     uint64 // Max 0: nobody knows how much there is
}

// latency is how long one command took, on both nodes.
type latency struct {
	Command string
	Cells   [2]struct{ P50, P99, Max string }
}

type event struct{ When, Moment, Node, Level, Word, Text, Values string }

// reading is what a view is made of.
type reading struct {
	pair   status.Pair
	events [2][]nodelog.Event // newest first
	last   [2]*status.Sample
	minute [2]status.Sample // sums of the last minute
	fresh  bool             // the peer's numbers are of now
}

// names of the two nodes, wherever they stand.
var names = [2]string{"This node", "Peer"}

// newView puts what has been read into words.
func newView(r *reading) *view {
	this, peer := &r.pair.Node, r.pair.Peer
	v := &view{
		at: this.AtMillis, Cluster: cut(this.Settings.Cluster), AsOf: moment(this.AtMillis), AsOfText: clockTime(this.AtMillis),
		Sentence: sentenceOf(r), Link: linkFacts(r), Lanes: lanes(r), Down: this.Link.State == "down", Assets: assetsVersion,
	}
	v.Sides[0], v.Sides[1] = sideOf(names[0], this), sideOf(names[1], peer)
	if peer != nil && !r.fresh {
		v.Sides[1].State, v.Sides[1].Level = "was "+v.Sides[1].State, "unknown"
	}
	v.Title = strings.TrimSpace(v.Sides[0].State + ": " + v.Sides[0].Addresses)
	v.Note = peerNote(r)
	v.Copies, v.LastCopy = copies(r)
	v.CopyOf = "Full copy"
	if this.Image.Progress().Active() {
		v.CopyOf = "Image"
	}
	v.Groups = groups(r)
	v.Latency = latencies(r)
	both := []*status.Snapshot{this}
	if peer != nil {
		both = append(both, peer)
	}
	for i, s := range both {
		if i == 1 && !r.fresh {
			break // what is wrong with a peer that is gone, this node says
		}
		for _, w := range s.Warnings[:min(len(s.Warnings), maxWarnings)] {
			v.Warnings = append(v.Warnings, warning{names[i], cut(w.Word), cut(w.Text), cut(w.Do)})
		}
	}
	v.Events = events(r)
	return v
}

func sideOf(name string, s *status.Snapshot) side {
	if s == nil {
		return side{Name: name, State: "not known", Level: "unknown"}
	}
	state := s.State.Word
	if s.State.Qualifier != "" && s.State.Qualifier != state {
		state += ", " + s.State.Qualifier
	}
	if state == "" {
		state = "starting"
	}
	return side{Name: name, Addresses: cut(strings.Join(s.Node.ClientAddresses(), " ")), State: cut(state), Level: levelOf(&s.State), Known: true}
}

// levelOf is the colour of a state, which never stands alone.
func levelOf(s *status.State) string {
	switch s.Word {
	case "ready":
		if s.Qualifier != "" {
			return "warn"
		}
		return "good"
	case "refused":
		return "bad"
	case "draining":
		return "warn"
	}
	return "wait"
}

// peerNote says how far the peer's numbers can be relied on.
func peerNote(r *reading) string {
	this := &r.pair.Node
	switch {
	case !this.Node.Replicates:
		return "This node has no peer: it was started without -x."
	case r.pair.Peer == nil && this.Link.State == "stream":
		return "The peer's numbers are not known: it is an older release, or has just been linked."
	case r.pair.Peer == nil:
		return "The peer's numbers are not known: it has not been linked since this node started."
	case !r.fresh:
		return "The peer's numbers are " + span(r.pair.PeerAgeMillis) + " old: it has not been heard of since."
	}
	return ""
}

// linkFacts are the link as this node sees it.
func linkFacts(r *reading) (facts []fact) {
	this := &r.pair.Node
	l := &this.Link
	add := func(name, value string) {
		if value != "" {
			facts = append(facts, fact{name, cut(value)})
		}
	}
	if !this.Node.Replicates {
		return nil
	}
	state := l.State
	if l.State == "stream" {
		state = "up (stream)"
	}
	if l.UpMillis > 0 && l.State != "down" {
		state += " for " + span(l.UpMillis)
	}
	add("Link", state)
	if l.State == "down" {
		add("Looking for", this.Node.Peer)
	} else {
		add("Peer", peerOf(this))
	}
	if l.ContactMillis >= 0 {
		add("Last heard of", span(l.ContactMillis)+" ago")
	} else {
		add("Last heard of", "never")
	}
	if l.RTTMillis >= 0 {
		add("Round trip", span(l.RTTMillis))
	}
	if l.State != "down" {
		add("Peer's clock", signed(l.ClockAheadMillis))
	}
	add("Sessions", number(l.Sessions)+", "+number(l.Resumes)+" of them resumed")
	if l.TLS {
		add("Certificate ends in", span(max(l.CertSecondsLeft, 0)*1000))
	}
	if l.LastError != "" {
		add("Last error", l.LastError+" ("+span(l.LastErrorAgeMillis)+" ago)")
	}
	return facts
}

// peerOf says who the peer is: by -x, as somebody has configured it. The port of its address
// is nobody's choice where the peer has dialled, so it is left out.
func peerOf(this *status.Snapshot) string {
	name, address := this.Node.Peer, this.Link.PeerAddress
	if host, _, err := net.SplitHostPort(address); err == nil {
		address = host
	}
	configured, _, err := net.SplitHostPort(name)
	if err != nil {
		configured = name
	}
	switch {
	case name == "":
		name = address
	case address != "" && address != configured:
		name += " (" + address + ")"
	}
	if this.Link.PeerSoftware == "" {
		return name
	}
	return name + ", " + this.Link.PeerSoftware
}

// lanes are both directions of the link: who sends to whom.
func lanes(r *reading) []lane {
	if !r.pair.Node.Node.Replicates {
		return nil
	}
	out := func(direction string, s *status.Snapshot, last *status.Sample) lane {
		l := lane{direction, unknown, unknown, unknown, unknown, unknown}
		if s == nil {
			return l
		}
		l.Lag, l.Backlog, l.Unacked, l.NotOnPeer = span(s.Link.LagMillis), number(s.Link.Backlog), number(s.Link.Unacked), number(s.Link.NotOnPeer)
		if last != nil {
			l.Rate = perSecond(last.ItemsOut)
		}
		return l
	}
	peer := r.pair.Peer
	if !r.fresh {
		peer = nil
	}
	all := []lane{out("This node to peer", &r.pair.Node, r.last[0]), out("Peer to this node", peer, r.last[1])}
	if last := r.last[0]; last != nil { // what comes, this node knows itself
		all[1].Rate = perSecond(last.ItemsIn)
	}
	return all
}

// events are those of both nodes, newest first.
func events(r *reading) (all []event) {
	type of struct {
		node string
		nodelog.Event
	}
	var merged []of
	add := func(node string, some []nodelog.Event) {
		for _, e := range some[:min(len(some), maxEvents)] {
			merged = append(merged, of{node, e})
		}
	}
	add(names[0], r.events[0])
	add(names[1], r.events[1])
	slices.SortStableFunc(merged, func(a, b of) int {
		switch {
		case a.AtMillis > b.AtMillis:
			return -1
		case a.AtMillis < b.AtMillis:
			return 1
		}
		return 0
	})
	for _, e := range merged[:min(len(merged), maxEvents)] {
		all = append(all, event{clockTime(e.AtMillis), moment(e.AtMillis), e.node, strings.ToLower(cut(e.Level)), cut(e.Word), cut(e.Text), cut(values(e.Values))})
	}
	return all
}

// values are the values of an event, in the order of their names.
func values(of map[string]string) string {
	keys := make([]string, 0, len(of))
	for k := range of {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	for i, k := range keys {
		keys[i] = k + "=" + of[k]
	}
	return strings.Join(keys, " ")
}

// latencies are of those commands that one of the nodes has measured.
func latencies(r *reading) (all []latency) {
	at := map[string]int{}
	take := func(i int, some []status.Latency) {
		for _, l := range some[:min(len(some), maxWarnings)] {
			n, known := at[l.Command]
			if !known {
				n = len(all)
				at[l.Command] = n
				all = append(all, latency{Command: cut(l.Command)})
			}
			c := &all[n].Cells[i]
			c.P50, c.P99, c.Max = micros(l.P50), micros(l.P99), micros(l.Max)
		}
	}
	take(0, r.pair.Node.Latency)
	if r.pair.Peer != nil && r.fresh {
		take(1, r.pair.Peer.Latency)
	}
	return all
}

func micros(us float64) string {
	if us >= 1000 {
		return digits(us/1000) + " ms"
	}
	return digits(us) + " µs"
}
