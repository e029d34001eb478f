package session

import (
	"math/bits"

	"twincached/store"
)

// partSet is a set of partitions.
type partSet [store.Partitions / 64]uint64

func (p *partSet) add(part int)    { p[part>>6] |= 1 << (part & 63) }
func (p *partSet) remove(part int) { p[part>>6] &^= 1 << (part & 63) }
func (p *partSet) empty() bool     { return *p == partSet{} }

func (p *partSet) size() (n int) {
	for _, w := range p {
		n += bits.OnesCount64(w)
	}
	return n
}

// without returns the members that o lacks.
func (p *partSet) without(o *partSet) (d partSet) {
	for i := range p {
		d[i] = p[i] &^ o[i]
	}
	return d
}

func (p *partSet) merge(o *partSet) {
	for i := range p {
		p[i] |= o[i]
	}
}

// next returns the first member at or after from, going round; -1 if there is none.
func (p *partSet) next(from int) int {
	from %= store.Partitions
	word := from >> 6
	if w := p[word] &^ (1<<(from&63) - 1); w != 0 {
		return word<<6 | bits.TrailingZeros64(w)
	}
	for i := 1; i <= len(p); i++ {
		j := (word + i) % len(p)
		if p[j] != 0 {
			return j<<6 | bits.TrailingZeros64(p[j])
		}
	}
	return -1
}
