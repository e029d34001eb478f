// Program rows measures twincached against other servers on this machine and writes
// BENCHMARKS.md: "make bench".
//
// It starts the servers, one thread each on the first core, and puts the load on the second one
// with "twincached bench". A section of the page is a sitting: the servers take turns, round by
// round, and what is compared is the medians. A section that was measured stands in the page at
// once; those that are not asked for stay as they were.
package main
