package status

import (
	"encoding/json"
	"reflect"
	"strings"
	"testing"

	"twincached/internal/nodelog"
)

func snapshotAt(at int64, gets uint64) Snapshot {
	s := Snapshot{AtMillis: at}
	s.Node.StartedMillis, s.State.Word, s.Link.State = 1, "ready", "stream"
	s.Commands.Get = gets
	return s
}

func TestBoard_PeerGetsWhatWasPublished(t *testing.T) {
	a, b := NewBoard(), NewBoard()
	if _, ok := a.Pair(0); ok {
		t.Error("an empty board has a pair")
	}
	changed := a.Changed()
	text := a.Publish(snapshotAt(1000, 5))
	select {
	case <-changed:
	default:
		t.Error("nobody was woken")
	}
	b.Publish(snapshotAt(1000, 0))
	if err := b.PeerSaid(1500, text); err != nil {
		t.Fatal(err)
	}
	p, ok := b.Pair(2500)
	if want := snapshotAt(1000, 5); !ok || p.Peer == nil || !reflect.DeepEqual(*p.Peer, want) || p.PeerAgeMillis != 1000 {
		t.Errorf("%v, %+v, %d ms old", ok, p.Peer, p.PeerAgeMillis)
	}
}

func TestBoard_WhatIsNoSnapshotChangesNothing(t *testing.T) {
	b := NewBoard()
	b.Publish(snapshotAt(1000, 5))
	for _, text := range []string{"", "{", `{"at_ms":"x"}`, `{"at_ms":1,"x":"` + strings.Repeat("y", MaxBytes) + `"}`} {
		if err := b.PeerSaid(2000, []byte(text)); err == nil {
			t.Errorf("%.20q was taken", text)
		}
	}
	if p, _ := b.Pair(2000); p.Peer != nil {
		t.Errorf("got %+v", p.Peer)
	}
	if err := b.PeerSaid(2000, []byte(`{"at_ms":7,"of_a_later_release":{"x":[1]}}`)); err != nil {
		t.Errorf("an unknown name: %v", err)
	}
}

// The peer's snapshots overlap; and one of its next process begins to count anew.
func TestBoard_EventsOfThePeerAreEachThereOnce(t *testing.T) {
	b := NewBoard()
	said := func(started int64, seqs ...uint64) {
		t.Helper()
		s := snapshotAt(1000, 1)
		s.Node.StartedMillis = started
		for _, seq := range seqs {
			s.Events = append(s.Events, nodelog.Event{Seq: seq, AtMillis: 1000*started + int64(seq), Word: "linked", Text: strings.Repeat("x", 1000)})
		}
		text, err := json.Marshal(s)
		if err != nil {
			t.Fatal(err)
		}
		if err := b.PeerSaid(1000, text); err != nil {
			t.Fatal(err)
		}
	}
	said(1, 2, 1)
	said(1, 4, 3, 2)
	said(1, 4, 3, 2)
	said(2, 1)
	this, peer := b.Events()
	var got []uint64
	for _, e := range peer {
		got = append(got, e.Seq)
		if len(e.Text) > 200 {
			t.Errorf("a text of %d bytes is kept", len(e.Text))
		}
	}
	if !reflect.DeepEqual(got, []uint64{1, 4, 3, 2, 1}) || this != nil {
		t.Errorf("%v, and of this node %v", got, this)
	}
	s := snapshotAt(1000, 1)
	s.Node.StartedMillis = 2
	s.Events = []nodelog.Event{{Seq: 2, AtMillis: 2500, FirstMillis: 2001, Lines: 2, Word: "linked", Text: peer[0].Text}}
	b.heard.add(&s)
	if _, peer := b.Events(); len(peer) != 5 || peer[0].Seq != 2 || peer[0].Lines != 2 || peer[1].Seq != 4 {
		t.Errorf("one that goes on is not in its place: %+v", peer)
	}
	for seq := uint64(3); seq < 300; seq++ {
		said(2, seq)
	}
	var latest []uint64
	for seq := uint64(299); seq > 270; seq-- {
		latest = append(latest, seq)
	}
	said(2, latest...)
	_, peer = b.Events()
	if len(peer) != nodelog.KeptEvents {
		t.Errorf("%d are kept", len(peer))
	}
	for i, e := range peer {
		if e.Seq != uint64(299-i) {
			t.Fatalf("number %d is at place %d", e.Seq, i)
		}
	}
}

func TestHistory_RatesAreASecond(t *testing.T) {
	var h History
	for i := range int64(HistorySeconds + 5) {
		s := snapshotAt(1000+2000*i, uint64(100*i))
		h.Add(&s)
		h.Add(&s) // twice is once
	}
	got := h.Samples()
	if len(got) != HistorySeconds || got[0].Gets != 50 || got[len(got)-1].AtMillis != 1000+2000*(HistorySeconds+4) || got[0].AtMillis != got[1].AtMillis-2000 {
		t.Errorf("%d samples, %+v", len(got), got[0])
	}
	s := snapshotAt(1_000_000_000, 1) // the counters were set back
	h.Add(&s)
	if got := h.Samples(); got[len(got)-1].Gets != 0 {
		t.Errorf("%+v", got[len(got)-1])
	}
}

// A warning and an event about the same thing have the same word.
func TestWarnings_HaveTheWordsOfEvents(t *testing.T) {
	events := map[string]bool{"one_copy_left": true, "lag": true, "full": true} // these last: no line of the log is about them
	for _, w := range nodelog.Words() {
		events[w.Word] = true
	}
	s := snapshotAt(1, 1)
	s.Node.Replicates, s.State.Refusal, s.Link.State = true, "AUTH", "down"
	s.Process.ClockRefusedMS, s.Process.LogDroppedAtMS, s.Link.ClockAheadMillis, s.Link.NotOnPeer, s.Link.LagMillis = 1, 1, 1<<40, 1, 1<<40
	s.Link.TLS, s.Memory.ContainerBytes = true, 1
	peer := s
	peer.Settings.NoEviction = true
	found := Warnings(&s, &peer)
	if len(found) < 10 {
		t.Errorf("%d warnings", len(found))
	}
	for _, w := range found {
		if !events[w.Word] {
			t.Errorf("%s is the word of no event", w.Word)
		}
	}
}

// What to do about one warning does not speak against another one.
func TestWarnings_OneCopyLeftKnowsWhy(t *testing.T) {
	for want, why := range map[string]func(s *Snapshot){
		"Start the peer, or look into its log. Do not stop this node.": func(*Snapshot) {},
		"restart this node": func(s *Snapshot) { s.State.Refusal, s.State.Remedy = "HISTORY", "restart this node" },
		"Let -x name the other node: it leads back to this one.": func(s *Snapshot) { s.Link.LastError = "SELF: the address leads back" },
	} {
		s := snapshotAt(1, 1)
		s.Node.Replicates, s.Link.State = true, "down"
		why(&s)
		found := Warnings(&s, nil)
		if last := found[len(found)-1]; last.Word != "one_copy_left" || last.Do != want {
			t.Errorf("%+v, want %q", last, want)
		}
	}
}

// TestWarnings_APeerThatHangsIsSaidToHang: it has refused nothing.
func TestWarnings_APeerThatHangsIsSaidToHang(t *testing.T) {
	for cause, want := range map[string]string{
		"SILENT": "The peer takes the connection and does not answer: SILENT.",
		"AUTH":   "The peer is there, and one of the two nodes does not link: AUTH.",
	} {
		s := snapshotAt(1, 1)
		s.State.Refusal = cause
		if found := Warnings(&s, nil); len(found) != 1 || found[0].Word != "refused" || found[0].Text != want {
			t.Errorf("%+v, want %q", found, want)
		}
	}
}

func TestWarnings_ClocksThatAreDaysApartAreSet(t *testing.T) {
	const day = 24 * 3600 * 1000
	for ahead, want := range map[int64]string{
		SkewMillis + 1: "Keep both clocks in step, with NTP.", -day: "Keep both clocks in step, with NTP.",
		day + 1: "Set the clock that is wrong, then restart its node.", -day - 1: "Set the clock that is wrong, then restart its node.",
	} {
		s := snapshotAt(1, 1)
		s.Link.ClockAheadMillis = ahead
		if found := Warnings(&s, nil); len(found) != 1 || found[0].Word != "clock_skew" || found[0].Do != want {
			t.Errorf("%d ms: %+v, want %q", ahead, found, want)
		}
	}
}

// Where one way of the link is slow, equal clocks seem to differ by half of the round trip.
func TestWarnings_ASlowLinkIsNoWrongClock(t *testing.T) {
	for rtt, want := range map[int64]int{-1: 1, 0: 1, 227: 1, 228: 0, 1228: 0} {
		s := snapshotAt(1, 1)
		s.Link.ClockAheadMillis, s.Link.RTTMillis = -614, rtt
		if found := Warnings(&s, nil); len(found) != want {
			t.Errorf("%d ms away: %+v", rtt, found)
		}
	}
}

func TestWarnings_FullIsOfNodesThatDoNotEvict(t *testing.T) {
	full := func() *Snapshot {
		s := snapshotAt(1, 1)
		s.Settings.NoEviction, s.Items.NoMemory, s.Memory.LimitBytes, s.Memory.CommittedBytes = true, 1, 64<<20, 63<<20
		return &s
	}
	if found := Warnings(full(), nil); len(found) != 1 || found[0].Word != "full" {
		t.Fatalf("%+v", found)
	}
	for name, change := range map[string]func(s *Snapshot){
		"it evicts":          func(s *Snapshot) { s.Settings.NoEviction = false },
		"it has room again":  func(s *Snapshot) { s.Memory.CommittedBytes = 32 << 20 },
		"nobody was refused": func(s *Snapshot) { s.Items.NoMemory = 0 },
	} {
		s := full()
		if change(s); Warnings(s, nil) != nil {
			t.Errorf("%s: %+v", name, Warnings(s, nil))
		}
	}
}

// One lost line is no warning for ever: what checks the exit status of twincached status
// would hear of nothing else until a restart.
func TestWarnings_LostLinesAreForgotten(t *testing.T) {
	const lost = 1_790_000_000_000
	for after, want := range map[int64]int{0: 1, 15*60_000 - 1: 1, 15 * 60_000: 0} {
		s := snapshotAt(lost+after, 1)
		s.Process.LogLinesDropped, s.Process.LogDroppedAtMS = 1, lost
		if found := Warnings(&s, nil); len(found) != want {
			t.Errorf("%d ms later: %+v", after, found)
		}
	}
}

func TestWarnings_EachHasItsCause(t *testing.T) {
	for word, spoil := range map[string]func(s, peer *Snapshot){
		"refused":       func(s, _ *Snapshot) { s.State.Refusal, s.State.Remedy = "AUTH", "give both the same secret" },
		"one_copy_left": func(s, _ *Snapshot) { s.Link.State = "down" },
		"same_id":       func(s, _ *Snapshot) { s.Node.ID, s.Link.PeerID = "7f", "7f" },
		"full": func(s, peer *Snapshot) {
			s.Settings.NoEviction, peer.Settings.NoEviction, s.Items.NoMemory, s.Memory.CommittedBytes = true, true, 1, 63<<20
		},
		"reload_failed":    func(s, _ *Snapshot) { s.Process.ReloadFailed = "permission denied" },
		"state_not_kept":   func(s, _ *Snapshot) { s.Process.StateNotKept = true },
		"clock_jumped":     func(s, _ *Snapshot) { s.Process.ClockRefusedMS = 1 },
		"clock_skew":       func(s, _ *Snapshot) { s.Link.ClockAheadMillis = -SkewMillis - 1 },
		"not_on_peer":      func(s, _ *Snapshot) { s.Link.NotOnPeer = 1 },
		"lag":              func(s, _ *Snapshot) { s.Link.LagMillis = LagMillis + 1 },
		"certificate":      func(s, _ *Snapshot) { s.Link.TLS, s.Link.CertSecondsLeft = true, CertSeconds-1 },
		"container_memory": func(s, _ *Snapshot) { s.Memory.ContainerBytes = 64 << 20 },
		"log_dropped":      func(s, _ *Snapshot) { s.Process.LogDroppedAtMS = 1 },
		"settings":         func(_, peer *Snapshot) { peer.Settings.LocalKeys = []string{"x*"} },
	} {
		healthy := func() *Snapshot {
			s := snapshotAt(1, 1)
			s.Node.Replicates = true
			s.Link.CertSecondsLeft, s.Memory.LimitBytes = CertSeconds, 64<<20
			return &s
		}
		s, peer := healthy(), healthy()
		if found := Warnings(s, peer); found != nil {
			t.Fatalf("a healthy node: %v", found)
		}
		spoil(s, peer)
		found := Warnings(s, peer)
		if len(found) != 1 || found[0].Word != word || found[0].Text == "" || found[0].Do == "" {
			t.Errorf("%s: %+v", word, found)
		}
	}
}
