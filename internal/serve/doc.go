// Package serve is the shell between client sockets and the protocol engine: it accepts conns, moves bytes, and calls a
// Handler. It knows no command and no item.
//
// On Linux a few event loops share the conns (loop_linux.go); elsewhere, and where Config.Portable asks for it, each conn has a
// goroutine of its own (portable.go). Both keep the same promises and run under the same tests:
//
//   - Between Bind and Listen the port is held but a client is refused. Listen is the moment the client port opens.
//   - An idle conn owns no buffer (with a goroutine for each conn: a small one).
//   - A client that sends and never reads is not read from any further; it costs what one round of replies costs.
//   - A request is executed when all its bytes are there, or never.
//   - Drain answers every whole request that had arrived, then says goodbye with FIN.
//
// # Terms
//
//   - A turn is what is done for one conn before the next one has its own: bounded in requests and in bytes.
//   - What a conn holds is the input and the replies that stay with it. Config.BufferBytes bounds that for all conns together.
//   - A stream is a conn on which a client watches: it has left requests and replies behind.
//
// # Locks
//
// A loop's lock, the portable server's and that of the streams each guard a set of conns. The portable server's may be held
// when that of what one conn holds is taken, never the other way round; else none is taken under another.
//
// # What it must never do
//
//   - Run a Handler, or wait for a client, while it holds a lock.
//   - Wait in an event loop for anything but events.
//   - Keep what a Handler was lent longer than the call.
package serve
