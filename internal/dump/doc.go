// Package dump takes the items of a node that serves into a file, and puts those of a file
// into a node: a portable backup. Both are clients of the node.
//
// A dump holds items and no state of its node: no tombstones, no sequences. So a restore is
// made of writes, with versions of now. It compares the version of each item with that of
// what the node has, and stores by add or compare-and-swap: what is newer stays.
package dump
