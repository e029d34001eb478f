// Package snapshot is the marugoto copy (まるごとこぴー): what a node that has
// nothing takes from its peer before it opens its client port. A Copy is the bulk walk in
// one direction and how far it has come; a Barrier decides when the sender may say that
// the peer has everything. Which partitions are still owed, the store's cursors say, and
// nothing here keeps a second account of it. A session writes and reads the frames.
package snapshot
