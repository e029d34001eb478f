// Package snapshot is the marugoto copy (まるごとこぴー): what a node that has
// nothing takes from its peer before it opens its client port. A session writes and reads
// the frames.
//
// # Terms
//
//   - A Copy is the full copy in one direction. It knows how far the copy has come.
//   - The walk of a partition goes over its change list and sends what stands there.
//   - A partition is owed while its walk has not ended.
//   - BARRIER says that the peer has everything that this node had. A Barrier decides when
//     it may be sent.
//   - The tail of a partition is its newest change.
//
// # Locks
//
// There is none. Whoever runs the session lets one call run at a time.
//
// # What it must never do
//
//   - Keep its own account of which partitions are owed: the store's cursors say that.
//   - Let BARRIER go while something that it promises has not been sent.
package snapshot
