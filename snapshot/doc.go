// Package snapshot is the marugoto copy (まるごとこぴー): what a node that has
// nothing takes from its peer before it opens its client port. A session writes and reads
// the frames. It is the image of a node, too: all that a node holds, written to a file as it
// stops, for the process that goes on in its place.
//
// # Terms
//
//   - A Copy is the full copy in one direction. It knows how far the copy has come.
//   - The walk of a partition goes over its change list and sends what stands there.
//   - A partition is owed while its walk has not ended.
//   - BARRIER says that the peer has everything that this node had. A Barrier decides when
//     it may be sent.
//   - The tail of a partition is its newest change.
//   - An image is HEAD, then PART and ITEMS of each partition, then END: records that are
//     framed as those of the link are. Records of several partitions may be mixed.
//   - The heir of a process is the one that has loaded its image. To the peer it is the same
//     process, which was cut off for a while.
//
// # Locks
//
// There is none. Whoever runs the session lets one call run at a time. WriteImage and
// LoadImage start goroutines, which have ended when they return.
//
// # What it must never do
//
//   - Keep its own account of which partitions are owed: the store's cursors say that.
//   - Let BARRIER go while something that it promises has not been sent.
//   - Take an image that is not whole, or not of this node.
package snapshot
