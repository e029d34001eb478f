// Package session is what two nodes say to each other, and what follows from it.
// docs/protocol.md is the contract.
//
// # Terms
//
//   - A Core is what a node knows of its peer from one session to the next. It owns the
//     gate.
//   - The gate says whether the client port may be open.
//   - A Session is one connection, from the first HELLO to the last ACK.
//   - To admit a connection is to make it the session. Of several connections between the
//     two nodes, one node, the decider, elects the one that is kept. The other node is the
//     follower.
//   - The live lane carries changes as they are made. The bulk lane carries what the peer
//     lacks from before.
//   - A numbered frame is one that must be acknowledged. It is under way until its ACK
//     arrives. A flight is what the sender notes of it.
//   - A parcel is a large value that is sent in pieces.
//   - BARRIER says that the peer has everything that this node had: it may serve.
//   - A denial is a refusal that stands: the peer is there, and one of the two nodes will
//     not link.
//   - An incarnation is one start of a process. A node keeps its id from one to the next.
//
// # Locks
//
// There is none. Whoever runs a Session or a Core lets one call run at a time (Core says
// which of its calls need no lock). The store takes its own locks.
//
// # What it must never do
//
//   - Use a socket, a goroutine, a clock or a log: a simulation runs exactly what a node
//     runs. Package replicator puts sockets around it.
//   - Believe a length, a version or a time of the peer's before it is checked.
//   - Send BARRIER while the peer lacks something that this node had.
//   - Say BYE PLANNED while the peer has not acknowledged everything.
package session
