package torture

import (
	"errors"
	"fmt"
	"strings"
)

const memoryMiB = 64 // that a node may use, but for rounds that say otherwise

// limit sets how much memory nodes may use.
func (r *round) limit(mib int, nodes ...*node) error {
	for _, n := range nodes {
		c, err := dialRaw(n.client(), patience)
		if err != nil {
			return err
		}
		defer c.close()
		if err := c.send(fmt.Sprintf("cache_memlimit %d\r\n", mib)); err != nil {
			return err
		}
		if line, err := c.line(); err != nil || line != "OK" {
			return fmt.Errorf("torture: cache_memlimit %d on node %s: %q, %v", mib, n.name(), line, err)
		}
	}
	return nil
}

// fullRound writes twice what a node holds, half of it on each node.
func fullRound(r *round) error {
	r.struck()
	r.evicted = true
	for _, n := range r.h.nodes {
		if err := r.fill(n, 4000); err != nil {
			return err
		}
	}
	return nil
}

// fill writes items of 16 KiB to a node, each under a key of its own.
func (r *round) fill(n *node, items int) error {
	const size = 16 << 10
	c, err := dialRaw(n.client(), patience)
	if err != nil {
		return err
	}
	defer c.close()
	for at := 0; at < items; at += 16 {
		var text strings.Builder
		for range 16 {
			r.filled++
			id := fmt.Sprintf("f%d.%d ", r.number, r.filled)
			fmt.Fprintf(&text, "ms filler:%d %d\r\n%s%s\r\n", r.filled, size, id, filler[:size-len(id)])
		}
		if err := c.send(text.String()); err != nil {
			return err
		}
		for range 16 {
			if line, err := c.line(); err != nil || line != "HD" {
				return fmt.Errorf("%w to a filler: %q, %v", errReply, line, err)
			}
		}
	}
	return nil
}

var filler = strings.Repeat("the quick brown fox jumps over it ", 1<<9)

// evictRound: both nodes hold some keys; during a cut the victim, which has little
// memory, gets newer values and evicts them before its peer has heard of them. The
// older ones may not be served any more. A part is written once more on the peer.
func evictRound(r *round) error {
	const keys, mib = 2000, 8 // cache_memlimit takes no less
	r.evicted = true
	v, p, err := r.both()
	if err != nil {
		return err
	}
	defer v.close()
	defer p.close()
	few := []*node{r.victim}
	if r.rng.IntN(2) == 0 {
		few = r.h.nodes[:]
	}
	if err := r.limit(mib, few...); err != nil {
		return err
	}
	own := r.newKeys("old", keys)
	err = errors.Join(atOnce(v, p, r.jobs(own[keys/2:], metaSet, textSet), r.jobs(own[:keys/2], metaSet, textSet)), r.settled())
	if err != nil {
		return err
	}
	heal, err := r.part()
	if err != nil {
		return err
	}
	if err := v.do(r.jobs(own, metaSet, textSet)); err != nil {
		return err
	}
	if err := p.overtake(r.victim.below(v.w.connInc)); err != nil {
		return err
	}
	if err := p.do(r.jobs(own[:keys/4], metaSet, textSet)); err != nil {
		return err
	}
	gone := 0
	for fills := 0; gone < keys/2; fills++ {
		if fills == 10 {
			return fmt.Errorf("torture: node %s has evicted %d of %d newer values: the round shows nothing", r.victim.name(), gone, keys)
		}
		// Whoever looks for a value reads it, and what was read stays for longer: so more comes each time.
		if err := r.fill(r.victim, (fills+1)*mib<<20/(16<<10)); err != nil {
			return err
		}
		if gone, err = r.missing(r.victim, own); err != nil {
			return err
		}
	}
	lacks, err := r.missing(r.h.nodes[1-r.victim.index], own[keys/4:])
	if err != nil {
		return err
	}
	r.note("%d nodes of %d MiB; node %s evicted %d of %d newer values, its peer holds %d of the older ones", len(few), mib, r.victim.name(), gone, keys, keys*3/4-lacks)
	r.hold(0, 2)
	return errors.Join(heal(), r.linked(), r.look(v, p))
}

// missing counts the keys that a node does not hold.
func (r *round) missing(n *node, keys []*record) (gone int, err error) {
	all, err := contents(n.client(), keys)
	for _, h := range all {
		if h.version == 0 {
			gone++
		}
	}
	return gone, err
}
