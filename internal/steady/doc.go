// Package steady is a node's clock: the wall clock at its start, and what the monotonic
// clock counted since. What it says gets into versions and expiries, which outlive
// whatever was wrong with the wall.
package steady
