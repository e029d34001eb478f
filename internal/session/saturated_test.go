package session

import (
	"testing"

	"twincached/store"
)

// TestGrave_SaturatedSendsBackWhatThePeerHadSent: a grave for every key makes the peer
// give up items that it had sent itself. They travel back to it.
func TestGrave_SaturatedSendsBackWhatThePeerHadSent(t *testing.T) {
	d := newDuo(t, store.Config{MemoryBytes: 16 << 20, TombstoneBytes: 65, GraveBits: 5})
	d.heal()
	own, theirs := keyIn(9, 0), keyIn(9, 1)
	d.set(0, own, "of a")
	d.set(1, theirs, "of b")
	d.rest()
	d.wants(theirs, "of b", "of b")
	d.cut()
	d.now++
	for i := range 8 {
		d.del(0, keyIn(9, 2+i))
	}
	d.heal()
	d.wants(own, "of a", "of a")
	d.wants(theirs, "of b", "of b")
	d.same()
}
