package sim

import (
	"bytes"
	"fmt"

	"twincached/internal/wire"
)

// release is what a process of a plan's release lacks of this one's features.
func (n *node) release() (lacks uint64) {
	switch w := n.w; {
	case w.plan.Old && n.id == 1:
		lacks = wire.Features
	case w.plan.Upgrade:
		lacks = w.r.Uint64() & wire.Features
	}
	return lacks
}

// sayStatus gives a node something new to say of itself.
func (n *node) sayStatus() {
	if n.w.plan.Old || n.w.plan.Upgrade {
		n.core.SetStatus(fmt.Appendf(nil, "%x at %d", n.inc, n.w.now))
	}
}

// sends checks one frame that a node sends: the contract allows it, towards a peer of the
// release that this one is of.
func (e *end) sends(frame []byte) {
	if err := e.contract.Said(frame[wire.HeadBytes:]); err != nil {
		e.n.w.failf("%s sends on connection %d what the protocol does not allow: %v", e.n.name, e.serial, err)
	}
}

// reads notes one frame that a node reads.
func (e *end) reads(body []byte) {
	if err := e.contract.Heard(body); err != nil {
		e.n.w.failf("%s reads on connection %d what the protocol does not allow: %v", e.n.name, e.serial, err)
	}
}

// checkStatus is for when a STATUS has been read: it is the peer's, and both have the feature.
func (n *node) checkStatus(e *end) {
	text := e.s.TakeStatus(nil)
	if len(text) == 0 {
		return
	}
	n.w.counts.Statuses++
	if o := e.other.n; !bytes.HasPrefix(text, fmt.Appendf(nil, "%x at ", o.inc)) || (n.lacks|o.lacks)&wire.FeatureStatus != 0 {
		n.w.failf("%s, which lacks features %x, reads the status %q of %s, which lacks %x", n.name, n.lacks, text, o.name, o.lacks)
	}
}
