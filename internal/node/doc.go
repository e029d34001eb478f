// Package node assembles one twincached node: the store, the client protocol, the client
// listeners and the link to the peer, and starts and stops them in the order that keeps
// the promises of a pair.
//
// # Terms
//
//   - The gate is the client port's. It opens once, when the link says that the node is
//     ready, and shuts for good when the node stops.
//   - The bound is a time, kept in the state directory, that no version made here is above:
//     so a wall clock that went back makes no write older than one before.
//   - To drain is to stop as planned: the peer gets everything first.
//
// # Order
//
// Start binds the ports, gives up privileges, takes the state directory, opens the store,
// and then the link: what can be wrong is found before anything is copied. Drain shuts the
// client port, drains the link, ends the goroutines, keeps the bound, and gives the memory
// back.
//
// # Locks
//
// Node.gate is held while the client port opens or shuts. Nothing that waits for it holds
// another lock. image.naming is held while the image is renamed or removed; whoever opens the
// client port takes it while it holds Node.gate. Node.asking keeps the store open for StatRows
// and Stats; whoever ends the node holds no other lock when it takes it.
//
// # What it must never do
//
//   - Open the client port before the link says so, or once it was shut.
//   - Show a secret, in a row of "stats settings" or a line of the log.
package node
