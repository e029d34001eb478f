package store

import (
	"unsafe"

	"twincached/internal/prefetch"
)

// AheadKeys is how many keys an Ahead takes: as many as a processor can wait for at once.
const AheadKeys = 16

// Ahead brings items into the processor's caches before commands look them up. A look-up in
// a large store waits for memory twice: for the key's slot in the index, and for the item.
// Whoever has several keys at hand adds them all and calls Run, and then the commands find
// what they need. It is for speed only: it changes nothing, and a key that no command asks
// for afterwards has only cost time. For a single key it does not pay.
//
// The zero Ahead is empty. It belongs to one goroutine, and to one store.
type Ahead struct {
	s    *Store
	n    int
	keys [AheadKeys]aheadKey
}

type aheadKey struct {
	tag  uint32
	part uint8
}

// Add takes a key, and asks for its slot. It must not be full.
func (a *Ahead) Add(s *Store, key []byte) {
	part, tag := PartitionOf(key), s.tag(key)
	prefetch.Line(s.parts[part].slots.address(tag))
	a.s = s
	a.keys[a.n] = aheadKey{tag: tag, part: uint8(part)}
	a.n++
}

// Full tells whether there is no room for one more key.
func (a *Ahead) Full() bool { return a.n == AheadKeys }

// Run asks for the items of the keys, and is empty again. Slots are read, so it takes the
// locks of their partitions, one after the other.
func (a *Ahead) Run() {
	for _, k := range a.keys[:a.n] {
		p := &a.s.parts[k.part]
		p.mu.Lock()
		h := p.idx.like(k.tag)
		p.mu.Unlock()
		if h != 0 {
			prefetch.Lines(uintptr(unsafe.Pointer(a.s.arena.at(h))))
		}
	}
	a.n = 0
}
