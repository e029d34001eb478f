// Package session is what two nodes say to each other, and what follows from it.
// docs/protocol.md is the contract.
//
// # Terms
//
//   - A Core is what a node knows of its peer from one session to the next. It owns
//     readiness, the gate.
//   - A Session is one connection, from the first HELLO to the last ACK.
//   - The live lane carries changes as they are made, the bulk lane what the peer lacks from
//     before.
//   - BARRIER says that the peer has everything that this node had: it may serve.
//   - An incarnation is one start of a process. A node keeps its id from one to the next.
//
// # Locks
//
// There is none: whoever runs a Session sees to it that one call is under way at a time, and
// so with the Core. The store takes its own locks.
//
// # What it must never do
//
//   - Use a socket, a goroutine, a clock or a log: a simulation runs exactly what a node
//     runs. Package replicator puts sockets around it.
//   - Believe a length, a version or a time of the peer's before it is checked.
//   - Say BARRIER, or take part in a planned end, while something that this stands for is
//     not out.
package session
