package status

import (
	"encoding/json"
	"fmt"
	"slices"
	"sync"

	"twincached/internal/nodelog"
)

// MaxBytes is how long a Snapshot may be as JSON. The longest that a node makes is far
// shorter: what is from a peer is held to it too.
const MaxBytes = 64 << 10

// Board is where a node puts its snapshots, and where whoever shows them looks. It holds
// the latest of both nodes, and their last seconds. Any goroutine may use it.
type Board struct {
	mu      sync.Mutex
	pair    Pair
	peerAt  int64 // when the peer's came, by this node's clock, Unix ms; 0 = none has
	history [2]History
	heard   heard         // what the peer's log said
	changed chan struct{} // closed when there is something new

	// Log is what this node's log remembers. Set it before the first call; nil = nothing.
	Log *nodelog.Events
}

// NewBoard makes an empty board.
func NewBoard() *Board { return &Board{changed: make(chan struct{})} }

// Publish takes this node's latest snapshot, adds the warnings, and returns it as JSON for
// the peer. The Board owns s afterwards.
func (b *Board) Publish(s Snapshot) []byte {
	b.mu.Lock()
	peer := b.pair.Peer
	if peer != nil && s.AtMillis-b.peerAt > FreshMillis {
		peer = nil
	}
	s.Warnings = Warnings(&s, peer)
	b.pair.Node = s
	b.history[0].Add(&s)
	close(b.changed)
	b.changed = make(chan struct{})
	b.mu.Unlock()
	text, err := json.Marshal(&s)
	if err != nil || len(text) > MaxBytes {
		return nil // there is no such snapshot
	}
	return text
}

// PeerSaid takes what the peer sent at nowMillis. It keeps nothing of text. An error says
// that it was no snapshot; then nothing has changed.
func (b *Board) PeerSaid(nowMillis int64, text []byte) error {
	s := new(Snapshot)
	if len(text) > MaxBytes {
		return fmt.Errorf("status: the peer's snapshot has %d bytes", len(text))
	}
	if err := json.Unmarshal(text, s); err != nil {
		return fmt.Errorf("status: the peer's snapshot: %.200s", err.Error()) // it may repeat a number of any length
	}
	// What this node passes on of it may be longer: "{}" becomes a warning with all its names.
	if again, err := json.Marshal(s); err != nil || len(again) > MaxBytes {
		return fmt.Errorf("status: the peer's snapshot would be passed on in %d bytes", len(again))
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.pair.Peer, b.peerAt = s, nowMillis
	b.history[1].Add(s)
	b.heard.add(s)
	return nil
}

// Events are the last events of this node and of its peer, newest first: at most
// nodelog.KeptEvents of each. Of the peer it is what its snapshots had, which may be of
// several processes, one after the other; the numbers begin anew with each.
func (b *Board) Events() (this, peer []nodelog.Event) {
	this = b.Log.Since(0)
	slices.Reverse(this)
	b.mu.Lock()
	defer b.mu.Unlock()
	return this, b.heard.newest()
}

// Pair is the latest of both nodes. What it points to is not changed any more: do not
// change it either. false: this node has not published yet.
func (b *Board) Pair(nowMillis int64) (p Pair, ok bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	p = b.pair
	if p.Peer != nil {
		p.PeerAgeMillis = max(nowMillis-b.peerAt, 0)
	}
	return p, p.Node.AtMillis != 0
}

// Histories are the last seconds of this node and of its peer, oldest first.
func (b *Board) Histories() (this, peer []Sample) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.history[0].Samples(), b.history[1].Samples()
}

// Changed is closed at the next Publish.
func (b *Board) Changed() <-chan struct{} {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.changed
}
