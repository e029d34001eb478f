package torture

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
)

// hand is a client that does on one node what a round says. It is patient, and
// what fails it fails the round.
type hand struct {
	w *writer
}

// hand connects to a node.
func (r *round) hand(n *node) (*hand, error) {
	inc := n.inc.Load()
	c, err := dialRaw(n.client(), patience)
	if err != nil {
		return nil, err
	}
	r.hands++
	w := &writer{load: r.h.load, name: fmt.Sprintf("h%d.%d", r.number, r.hands), home: n.index, at: n.index,
		conn: c, connInc: inc, rng: rand.New(rand.NewPCG(r.rng.Uint64(), 0))}
	w.clock = r.newKeys("clock:"+w.name, 1)[0]
	return &hand{w}, nil
}

func (h *hand) close() { h.w.conn.close() }

// job is one request that a hand makes.
type job struct {
	kind   requestKind
	record *record
}

// newKeys makes records of keys that only this round uses.
func (r *round) newKeys(name string, n int) []*record {
	made := make([]*record, n)
	for i := range made {
		made[i] = &record{key: fmt.Sprintf("own:%d:%s:%d", r.number, name, i)}
	}
	r.own = append(r.own, made...)
	return made
}

// jobs is one request for each key, of any of some kinds.
func (r *round) jobs(keys []*record, kinds ...requestKind) []job {
	made := make([]job, len(keys))
	for i, k := range keys {
		made[i] = job{kinds[r.rng.IntN(len(kinds))], k}
	}
	return made
}

// do makes requests, in their order.
func (h *hand) do(jobs []job) error {
	const burst = 200
	n := h.w.load.nodes[h.w.at]
	for len(jobs) > 0 {
		part := jobs[:min(burst, len(jobs))]
		jobs = jobs[len(part):]
		var text strings.Builder
		requests := make([]request, 0, len(part)+1)
		for _, j := range part {
			requests = append(requests, h.w.request(n, &text, j.kind, j.record))
		}
		if err := h.w.exchange(n, &text, requests); err != nil {
			return fmt.Errorf("torture: %s on node %s: %w", h.w.name, n.name(), err)
		}
	}
	return nil
}

// overtake writes until the node's versions are above what the other one has shown:
// after a clock that was ahead, both may still count on from there.
func (h *hand) overtake(version uint64) error {
	n := h.w.load.nodes[h.w.at]
	for n.below(h.w.connInc) <= version {
		if err := h.do([]job{{metaSet, h.w.clock}}); err != nil {
			return err
		}
	}
	return nil
}

// atOnce has both hands work at once.
func atOnce(a, b *hand, forA, forB []job) error {
	done := make(chan error, 1)
	go func() { done <- b.do(forB) }()
	return errors.Join(a.do(forA), <-done)
}

// both is a hand on the victim and one on its peer.
func (r *round) both() (victim, peer *hand, err error) {
	if victim, err = r.hand(r.victim); err != nil {
		return nil, nil, err
	}
	if peer, err = r.hand(r.h.nodes[1-r.victim.index]); err != nil {
		victim.close()
		return nil, nil, err
	}
	return victim, peer, nil
}

// look reads the round's keys on both nodes while these tell each other what has
// changed: neither may go back behind what it has shown or deleted.
func (r *round) look(a, b *hand) error {
	return atOnce(a, b, r.jobs(r.own, metaGet), r.jobs(r.own, metaGet))
}
