// Package sim is the deterministic simulation: two real stores and the real session
// between them, on one thread, over a network that delays, stalls and cuts, with
// everything that may happen to a pair. One seed decides all of it. An oracle that
// remembers what each incarnation of a node has ever learned looks after each step,
// and once more after everything has healed.
package sim
