// Package status is what a node says of itself once a second: one Snapshot, with the
// warnings that follow from it. The page, /status.json, "stats status", "twincached
// status" and "top" show it, and it travels to the peer, so that either node can show
// both. Its JSON is a promise: names stay, and new ones may come.
package status
