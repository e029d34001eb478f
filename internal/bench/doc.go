// Package bench puts load on memcached servers and measures what they do with it: requests a
// second, latencies, and the CPU time that a server on this machine takes for a request.
//
// Each reply is checked: the word, the key, the length and every byte of a value. A value is a
// function of its key, so any connection knows what any other one has stored. The first wrong
// reply ends the run with an error.
//
// A closed loop sends when the last reply is there. An open loop (Options.Rate) sends when a
// request is due, and counts its latency from that moment: a server that stalls is charged for
// each request that had to wait, sent or not.
//
// On Linux a few threads with an epoll of their own serve all connections; TLS, and other
// systems, take a goroutine for each connection. It knows requests and replies (client), how
// these get through a socket (loop), one round on one server, and all rounds in turn.
package bench
