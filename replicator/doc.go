// Package replicator is the link to the peer: the sockets around a session.Core. It dials
// and listens, elects one of the connections between the two nodes, passes bytes and time
// to its session, and keeps strangers cheap.
//
// # Terms
//
//   - A Link is what a node has to its peer for as long as it runs. A conn is one
//     connection. The conn that is elected carries the session.
//   - A stranger is a conn whose other side has not proved to be the peer.
//   - A place is what an accepted connection needs before its handshake begins. There are
//     64, and it gives its place back once it has proved itself or has ended.
//   - A strike is a failed handshake, noted against its address. A connection from an
//     address with too many strikes waits in the room before it asks for a place.
//
// # Locks
//
// Link.admitting is the outermost. It lets one election run at a time, and is held until the
// goroutines of the conn that lost have ended. A conn's lock covers its session. Link.mu
// covers everything else and the core. It may be taken while a conn's lock is held, never the
// other way round. No other lock is taken while one of refusals, strikes or the room is held,
// but the locks inside the packages that these use.
//
// # What it must never do
//
//   - Wait for the network under a lock.
//   - Let two sessions use the store at the same time (Link.storeUser).
//   - Shut an address out for good: the peer may call from the same one.
//   - Log a secret, a key or a value.
package replicator
