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
//   - A tombstone is a delete that is remembered until it is acked. A marker is a tombstone
//     that is left in the place of an item which had to go before it was acked. A tombstone
//     for which there was no room is buried: the grave of its partition remembers which keys
//     it may have had.
//   - An item is unlinked when it is in no index and no change list any more. Its memory is
//     dead until the cleaner has emptied the segment.
//   - The hand is the cleaner where it evicts: in the oldest segment of one of three orders.
//     What was stored is young, or large; what the hand has spared is in the main order. The
//     sweep looks for items that have expired.
//   - An item is expired when its expiry has passed, and flushed when its version is not
//     above the watermark. Clients do not see it, and it is unlinked when a command, the
//     cleaner or the sweep finds it.
//   - A Draft is memory that a value fills while it arrives. A Loan is a value that the
//     session reads, and a Pinned is one that a reply reads. Both stay readable after their
//     item has gone.
//
// # Locks
//
// reclaimMu, flushMu, the link's lock and the sweeper's come first (the sweeper's after the
// link's). Each of them may be held while partitions are locked, one at a time, or all in
// their order (lockParts). arena.mu and the lock of the list of refusals may be taken under a
// partition's lock. They are leaves, and so is resetMu: no other lock is taken under them. A
// loan's lock is not taken while a partition's is held, and arena.mu may be taken under it.
// Whoever holds a partition's lock waits neither for reclaimMu nor for another partition. A
// writer that finds no memory gives the lock back, reclaims, and begins again. Methods of a
// partition expect that its lock is held. A name that ends in Locked expects the lock that
// its comment names.
//
// # What it must never do
//
//   - Read a clock, use a socket, start a goroutine, or log. Whoever calls passes the time:
//     nowMillis, Unix milliseconds of the node's steady clock.
//   - Copy a value above Config.LargeBytes under a lock, or give back its memory there.
//   - Make a version that is not above each one made or seen before.
//   - Forget a state that is not acked without a tombstone, a marker or a grave.
package store
