package torture

import (
	"errors"
	"fmt"
	"slices"
	"strings"
)

// floodRound deletes, during a cut, more keys than tombstones may remember: keys
// that both nodes hold, and keys that only the other one does. No key is written
// twice, so that nothing but the memory of the delete keeps a value from coming
// back. Sometimes both nodes do that. New keys are written meanwhile on both, and
// some stay as they are. In the long form the deletes are sometimes so many that
// graves count for every key.
func floodRound(r *round) error {
	unit, mib := 11_500, 20 // 1 MiB of tombstones: about 18,500
	if r.h.long && r.rng.IntN(2) == 0 {
		unit, mib = 42_000, memoryMiB // 3.2 MiB: 60,000
	}
	r.buried = true
	if err := r.limit(mib, r.h.nodes[:]...); err != nil {
		return err
	}
	v, p, err := r.both()
	if err != nil {
		return err
	}
	defer v.close()
	defer p.close()
	both := r.rng.IntN(3) == 0
	old, theirs := r.newKeys("old", unit), r.newKeys("peer", unit)
	stay := r.newOnce("stay", unit/8, !both) // what the only node holds that buries deletes goes to its peer again
	halves := [2][]*record{slices.Concat(old[:unit/2], stay[:len(stay)/2]), slices.Concat(old[unit/2:], stay[len(stay)/2:])}
	err = errors.Join(atOnce(v, p, r.jobs(halves[0], metaSet, textSet), r.jobs(halves[1], metaSet, textSet)), r.settled())
	if err != nil {
		return err
	}
	heal, err := r.part()
	if err != nil {
		return err
	}
	deleteV, deleteP := slices.Concat(old, theirs), []*record(nil)
	var mine []*record
	if both {
		mine = r.newKeys("victim", unit)
		deleteP = slices.Concat(old, mine)
	}
	err = atOnce(v, p, r.jobs(mine, metaSet, textSet), r.jobs(theirs, metaSet, textSet))
	if err != nil {
		return err
	}
	vAt, pAt := r.victim.below(v.w.connInc), r.h.nodes[1-r.victim.index].below(p.w.connInc)
	if err := errors.Join(v.overtake(pAt), p.overtake(vAt)); err != nil {
		return err
	}
	if err := atOnce(v, p, r.mixed(deleteV, r.newOnce("new:v", unit/8, !both)), r.mixed(deleteP, r.newOnce("new:p", unit/8, false))); err != nil {
		return err
	}
	if err := errors.Join(r.overflown(v, len(deleteV)), r.overflown(p, len(deleteP))); err != nil {
		return err
	}
	if r.h.long && r.rng.IntN(3) == 0 {
		r.saturated = true
		if err := r.deleteNothing(r.victim, 1_600_000); err != nil {
			return err
		}
	}
	r.hold(0, 2)
	return errors.Join(heal(), r.linked(), r.look(v, p))
}

// deleteNothing deletes keys that are nowhere. A filter is given up with more than
// 5,600 keys, and a node has 256.
func (r *round) deleteNothing(n *node, keys int) error {
	const burst = 1000
	c, err := dialRaw(n.client(), patience)
	if err != nil {
		return err
	}
	defer c.close()
	for at := 0; at < keys; at += burst {
		var text strings.Builder
		for i := range burst {
			fmt.Fprintf(&text, "md nothing:%d\r\n", at+i)
		}
		if err := c.send(text.String()); err != nil {
			return err
		}
		for range burst {
			if line, err := c.line(); err != nil || line != "NF" {
				return fmt.Errorf("%w to a delete of nothing: %q, %v", errReply, line, err)
			}
		}
	}
	r.note("%d deletes of nothing", keys)
	return nil
}

// newOnce makes records of keys that are written once and never deleted.
func (r *round) newOnce(name string, n int, safe bool) []*record {
	made := r.newKeys(name, n)
	for _, k := range made {
		k.once, k.safe = true, safe
	}
	return made
}

// mixed is the deletion of some keys and the writing of others, shuffled.
func (r *round) mixed(deleted, written []*record) []job {
	jobs := append(r.jobs(deleted, metaDelete, textDelete), r.jobs(written, metaSet, textSet)...)
	r.rng.Shuffle(len(jobs), func(i, j int) { jobs[i], jobs[j] = jobs[j], jobs[i] })
	return jobs
}

// overflown makes sure that a flood of deletes bites: during a cut no tombstone is
// acknowledged, so those that are missing have been buried.
func (r *round) overflown(h *hand, deletes int) error {
	n := r.h.nodes[h.w.at]
	rows, err := n.stats()
	if err != nil {
		return err
	}
	buried := deletes - int(count(rows, "tombstones"))
	if deletes > 0 && buried < deletes/10 {
		return fmt.Errorf("torture: node %s has buried %d of %d deletes: the round shows nothing", n.name(), buried, deletes)
	}
	if deletes > 0 {
		r.note("node %s buried %d of %d deletes, or more", n.name(), buried, deletes)
	}
	return nil
}
