// Package replicator is the link to the peer: the sockets around a session.Core. It dials
// and listens, elects one of the connections between the two nodes, passes bytes and time
// to its session, and keeps strangers cheap.
//
// # Terms
//
//   - A Link is what a node has to its peer for as long as it runs; a conn is one
//     connection. The one that is elected carries the session.
//   - A stranger is who has not proved to be the peer.
//   - A slot is a stranger's right to be heard. In the room those connections wait whose
//     address has failed over and over.
//
// # Locks
//
// Link.admitting is the outermost: one election at a time, held while the goroutines of the
// conn that lost come to their end. A conn's lock covers its session. Link.mu covers the rest
// and the core; it is taken under a conn's lock, never the other way round. The locks of
// refusals, strikes and the room are leaves.
//
// # What it must never do
//
//   - Wait for the network under a lock.
//   - Let two sessions use the store at once (Link.storeUser).
//   - Shut an address out for good: the peer may call from the same one.
//   - Log a secret, a key or a value.
package replicator
