// Package memproto is memcached's protocol as an engine without sockets:
// bytes of requests in, bytes of replies out.
//
// A Server is what all conns of a node share; a Conn is the state of one
// client connection. Whoever owns the socket keeps two buffers and calls
// [Conn.Process] whenever bytes have arrived; the package starts no goroutine,
// reads no clock but Server.Nanos and does no I/O. It knows the store, and nothing of a peer.
//
// # What it does
//
// The classic text protocol, as memcached's doc/protocol.txt tells it:
//
//	get gets gat gats            multiget of any length, resumable
//	set add replace append prepend cas
//	delete incr decr touch
//	flush_all [delay]            refused with Server.FlushEnabled off (-F)
//	stats [settings|items|slabs|sizes|conns|detail|replication|status|latency|hotkeys|cachedump|reset]
//	lru_crawler metadump|mgdump|crawl|...    lru slabs cache_memlimit
//	version verbosity quit
//	mn mg ms md ma me            the meta protocol, all flags but E
//	watch [class...]             refused with Server.NoWatch on (-W)
//
// with noreply, pipelining, and bare \n as the end of a command line. Replies
// do not depend on how the input was cut into reads.
//
// And memcached's binary protocol, on conns whose first byte is 0x80 (or on all,
// or on none: Server.BinaryOnly, Server.TextOnly):
//
//	get getq getk getkq          gat gatq gatk gatkq touch
//	set add replace append prepend delete increment decrement, and their quiet forms
//	flush flushq quit quitq      noop version verbosity
//	stat                         the groups and rows of the text protocol's stats
//
// Where Server.TextLogins are given, a text conn begins with "set" of any key,
// whose value is a name and a password (-Y); where Server.SASLLogins are, a
// binary one with SASL PLAIN (-S). Without them SASL is an unknown command.
//
// A request becomes a complete, checked store.Request before the store is
// called, and [Conn.do] is the one place that hands it over. Another protocol
// is another set of parsers in front of that place, in files of its own.
//
// Relative expiry times become absolute milliseconds here (absoluteExpiry) and
// nowhere else. Commands are counted in the store; this package only prints.
//
// # Who watches
//
// "watch" makes a conn a stream of lines, memcached's lines: see Watcher. A node
// tells what its own clients do. What the peer sends is no command, and is told
// on the node that it came to first; an eviction is told on the node that evicts,
// whoever stored the item. rawcmds, sysevents and the classes of memcached's proxy
// are known words with nothing to tell (memcached 1.6 logs no rawcmds either).
// With verbosity 2 and 3 commands and replies go to Server.Log, without values.
//
// # What is sampled
//
// One request in [SampleEvery], chosen by chance, is timed, and its keys are counted: see
// Latency and "stats hotkeys". The time is that of the engine's work: it begins when the
// command with its value is there, and ends when the reply stands in Out. So a client that
// sends slowly, or many requests at once, does not look like a slow node; a lock, an
// eviction, or a thread that had to wait for a processor does. A retrieval that fills Out
// counts in parts.
//
// # Where it differs from memcached 1.6.45
//
// Everything else is answered as memcached 1.6.45 answers it. What it said is recorded
// in testdata/memcached-1.6.45, and in the transcripts of testdata/client, which note
// what an older one, 1.6.18, says instead.
//
//   - A command line of more than MaxLineBytes that is no retrieval closes the
//     conn also where its end has arrived with it; memcached reads it then.
//
//   - A key that is too long in a get line costs the reply to that line only, and is
//     answered by one line; memcached adds an empty one where it is not the only key.
//     In a line of more than 16 KiB, which is answered as it arrives, the error stands
//     behind the items that were found before that key.
//
//   - The value behind a meta set is swallowed also where a flag begins with none of
//     the signs that a flag may begin with. memcached does not look for a length in
//     such a line, and reads the value as commands.
//
//   - Words behind a command's name are known in full only. memcached takes any
//     beginning of one, so that "stats r" resets all counters.
//
//   - stats replication and stats status are kinds of our own; memcached answers ERROR.
//
//   - gat and gats lines may be as long as get lines, which have no bound.
//
//   - NUL does not end a command line early: it is a byte like any other.
//
//   - Flags beyond 32 bits are a CLIENT_ERROR; in the set family memcached keeps
//     their low 32 bits, and takes a minus sign before some. Expiry times beyond 32
//     bits are taken as they are, so Unix times after 2038 work; memcached keeps the
//     low 32 bits in the set family and refuses them elsewhere.
//
//   - append and prepend that would grow an item over the size limit answer
//     "SERVER_ERROR object too large for cache"; memcached says NOT_STORED.
//
//   - incr and decr take decimal digits, and spaces behind them, for a number;
//     memcached also takes a sign and spaces before them.
//
//   - flush_all with a Unix time that has passed flushes at once; memcached
//     answers OK and flushes nothing.
//
//   - The reply to a value that is too large is sent before the value has been
//     swallowed, not after.
//
//   - Items expire at the millisecond, not at the next full second. One that is stored
//     or touched with an expiry that has passed is not kept: a get of it is a miss like
//     any other, which get_expired does not count.
//
//   - In the lines of watch, the time is that of the read that brought the command,
//     to the millisecond; the numbers (gid) are in order.
//
//   - A value that is refused for its size or for want of memory is of class 0 in
//     them; memcached shows other numbers in its place.
//
//   - verbosity 2 shows the replies to all text commands, but no numbers that incr
//     and decr made, and of a line that is no command its length only.
//
//   - "stats detail" counts as many prefixes as memcached, but no more than 2 MiB of
//     their names; those that come later are not counted.
//
//   - Size classes are for statistics: memory belongs to none, items stand in one
//     order, and what memcached counts of its page mover, its three LRUs and its
//     reply objects is 0. lru, slabs and the crawler's settings are taken, shown by
//     stats settings, and change nothing; "slabs reassign" finds no spare page.
//
//   - A metadump or mgdump is no thread's work: four may run at once before another
//     is BUSY, and a crawl never is. It may stand behind other commands and before
//     them; memcached refuses it behind some, and answers nothing that came with it.
//     Its lines are in no order that means anything, those of cachedump as well.
//
//   - "lru_crawler crawl" passes all classes, whichever it names.
//
// In the binary protocol:
//
//   - verbosity is answered; memcached does not know it.
//   - stat knows the groups conns, replication, status, latency and hotkeys.
//   - An unknown opcode costs its packet only. memcached drops the length of
//     extras and key once more, and with it what follows.
//   - A refused value of 2 GiB and more is dropped as any other; memcached
//     takes its length for negative and reads it as packets.
//   - Replies that are due when a packet ends the conn are sent; memcached loses
//     those it has not written when the magic is wrong.
//   - increment and decrement of an empty value with another CAS than the item's
//     are "Data exists for key.", not "Non-numeric".
//   - append and prepend without memory are "Out of memory", not "Not stored".
//
// In the meta protocol:
//
//   - E, a CAS that the client chooses, is a CLIENT_ERROR: the CAS orders the writes
//     of both nodes.
//   - k is answered as the client wrote the key; memcached answers as it was first
//     stored, in base64 or not.
//   - C0 compares as any other C does, and matches nothing; memcached takes it for no
//     comparison in ma, and in ms with MA and MP, and changes the item.
//   - An opaque that is too long is refused before anything is done; memcached finds
//     it out afterwards with mg and ma.
//   - t behind T answers the new expiry also in ma, where memcached looks at the order.
//   - A mark or a touch with an expiry that has passed removes the item at once.
//   - md with x gives the item a new CAS also without I.
//   - A key in base64 may have 250 bytes when it is decoded; memcached allows 250 before.
//   - me looks at b wherever it stands; memcached only where a word follows it.
//   - me takes v, which memcached ignores: behind size= then stand flags=, bytes=, and
//     stale=yes and won=yes where the item is so marked; the value follows on a line of
//     its own. It is read without a trace: no hit, no access, no reader that wins.
//   - l and la are to the second for eight minutes, then to 512 seconds.
//
// # Not supported (yet)
//
//   - UDP.
//   - extstore and the proxy: their commands are ERROR, "stats extstore" is empty.
package memproto
