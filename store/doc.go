// Package store is the truth on this node: every item, in partitions, off the Go heap,
// with its version, its place in the change list, and the tombstones that the peer has
// not acknowledged yet.
//
// # Terms
//
//   - A partition is 1/256 of the keys: the lock, the unit of streaming, and the owner of
//     an index, a change list and the tombstones of its keys.
//   - A state of a key is a value or a delete, its version, and the version of its expiry
//     (expVersion). States are ordered; to merge two is to keep the later one.
//   - The change list has the items of a partition in the order of their last change. The
//     place of one is its sequence, and a Cursor says how much of the list somebody has.
//   - Acked is a state that the peer has, or is never to have: it may go without a trace.
//   - A tombstone is a delete that is remembered until it is acked. A marker is the one
//     that is left of an item which had to go before it was acked. A buried tombstone was
//     forgotten for want of room: the grave of its partition says which keys it may be of.
//   - Unlinked is what stands in no index and no change list any more. Its memory is dead
//     until the cleaner has emptied the segment. The hand is the cleaner's way over the
//     oldest segments, where it evicts; the sweep looks for items that have expired.
//   - Expired is an item whose expiry has passed, flushed one that the watermark has: a
//     client misses it, and it is unlinked when somebody comes upon it.
//   - A Draft is memory that a value fills while it arrives. A Loan is a value that the
//     session reads, and a Pinned one that a reply reads, though the item may go.
//
// # Locks
//
// First come reclaimMu, flushMu, the link's lock and behind that the sweeper's: each may be
// held while partitions are locked, one at a time or all in their order (lockParts). Under
// a partition's lock stand arena.mu and the list of refusals, which are leaves, as resetMu
// is. A loan's lock is taken with no partition's, and arena.mu under it. Who holds a
// partition's lock waits neither for reclaimMu nor for another partition: a writer that
// finds no memory gives the lock back, reclaims, and begins again. Methods of a partition
// expect its lock to be held; a name that ends in Locked expects the lock that its comment
// says.
//
// # What it must never do
//
//   - Read a clock, use a socket, start a goroutine, or log. Whoever calls passes the time:
//     nowMillis, Unix milliseconds of the node's steady clock.
//   - Copy a value above Config.LargeBytes under a lock, or give back its memory there.
//   - Make a version that is not above each one made or seen before.
//   - Forget a state that is not acked without a tombstone, a marker or a grave.
package store
