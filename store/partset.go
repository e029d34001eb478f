package store

import (
	"math/bits"
	"sync/atomic"
)

// PartSet is a set of partitions: bit p%64 of word p/64. The zero value is empty.
type PartSet [Partitions / 64]uint64

// Add puts a partition in.
func (p *PartSet) Add(part int) { p[part>>6] |= 1 << (part & 63) }

// Has says whether a partition is in.
func (p *PartSet) Has(part int) bool { return p[part>>6]&(1<<(part&63)) != 0 }

// Remove takes one out.
func (p *PartSet) Remove(part int) { p[part>>6] &^= 1 << (part & 63) }

// Empty says that there is none.
func (p *PartSet) Empty() bool { return *p == PartSet{} }

// Size counts them.
func (p *PartSet) Size() (n int) {
	for _, w := range p {
		n += bits.OnesCount64(w)
	}
	return n
}

// Without returns the members that o lacks.
func (p *PartSet) Without(o *PartSet) (d PartSet) {
	for i := range p {
		d[i] = p[i] &^ o[i]
	}
	return d
}

// Merge adds the members of o.
func (p *PartSet) Merge(o *PartSet) {
	for i := range p {
		p[i] |= o[i]
	}
}

// Next returns the first member at or after from, going round; -1 if there is none.
func (p *PartSet) Next(from int) int {
	from %= Partitions
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

// sharedSet is a PartSet that may be read while it changes. Each partition's bit
// belongs to that partition's lock.
type sharedSet [Partitions / 64]atomic.Uint64

// put says whether a partition is a member; true: that is news.
func (s *sharedSet) put(part uint8, member bool) (news bool) {
	w, bit := &s[part/64], uint64(1)<<(part%64)
	if (w.Load()&bit != 0) == member {
		return false
	}
	if member {
		w.Or(bit)
	} else {
		w.And(^bit)
	}
	return true
}

func (s *sharedSet) load() (set PartSet) {
	for i := range s {
		set[i] = s[i].Load()
	}
	return set
}
