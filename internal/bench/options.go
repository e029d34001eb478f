package bench

import (
	"cmp"
	"crypto/tls"
	"fmt"
	"time"
)

// Protocol is what is spoken with the servers.
type Protocol int

// The protocols. RESP is there to compare with Redis.
const (
	Text Protocol = iota // memcached's get and set
	Meta                 // memcached's mg and ms
	RESP                 // Redis' GET, MGET and SET
)

// Bounds of Options, each with its reason.
const (
	MaxConnections = 50_000        // as many as one address of this machine has ports for, and some
	MaxThreads     = 256           // more than any machine has cores to spare
	MaxDepth       = 10_000        // requests that wait for their replies on one connection
	MaxKeys        = 1_000_000_000 // what ten digits of a key can count
	MaxMultiget    = 1000          // keys of one get
	MinKeyBytes    = len(keyPrefix) + 10
	MaxKeyBytes    = 250     // memcached doc/protocol.txt, "Keys"
	MaxValueBytes  = 1 << 20 // what a server takes unless told otherwise
	maxBatchBytes  = 64 << 20
)

// Options is the load. Default has values for all of them; the zero value is not valid.
type Options struct {
	Protocol    Protocol
	Connections int // to each server, in all
	Threads     int // that serve them; each may use a core
	Depth       int // requests sent at once on a connection; 1 in an open loop
	Gets        int // percent of the requests that are gets; the others are sets
	Multiget    int // keys of each get

	Keys     int     // how many there are
	KeyBytes int     // of each
	MinValue int     // bytes; each key has a size of its own from MinValue to MaxValue
	MaxValue int     //
	Zipf     float64 // exponent of a Zipf distribution over the keys; 0: all alike
	TTL      int     // seconds that a set gives its item; 0: for ever

	Rate     int           // requests a second in all, on time whatever the server does; 0: closed loop
	Duration time.Duration // measured, in each round
	Warmup   time.Duration // before it, not measured
	Rounds   int           // of each server; they take turns
	Load     bool          // set each key once before the first round
	NeedHits bool          // a miss is an error
	Spin     bool          // look for replies all the time instead of sleeping: a waking core is not charged to the server

	Name, Password string      // log in where not ""
	TLS            *tls.Config // speak TLS; nil: plain words. ServerName is filled in
	PIDs           []int       // of the servers, for their CPU time; 0, or none: found where the server listens on this machine

	// Progress gets what goes on, some times a second, on the caller's goroutine; nil: nobody asks.
	Progress func(Progress)
}

// Progress is how far a run has come.
type Progress struct {
	Server   string
	Loading  bool
	Round    int     // from 1
	Done     float64 // part of the whole run, 0 to 1
	Requests uint64  // answered so far, in this round or load
	Rate     float64 // of them, a second
}

// Default is a load like that of many caches: 50 connections, 90 % gets, values of 100 bytes.
func Default() Options {
	return Options{
		Connections: 50, Threads: 1, Depth: 1, Gets: 90, Multiget: 1,
		Keys: 100_000, KeyBytes: 20, MinValue: 100, MaxValue: 100,
		Duration: 5 * time.Second, Warmup: time.Second, Rounds: 1, Load: true,
	}
}

// Check says what of the options cannot be, for so many servers; messages name the flags.
func (o *Options) Check(servers int) error {
	between := func(flag string, v, low, high int) error {
		if v < low || v > high {
			return fmt.Errorf("--%s %d is out of range: %d to %d", flag, v, low, high)
		}
		return nil
	}
	perRequest := o.KeyBytes*o.Multiget + o.MaxValue + 64
	if o.Gets > 0 {
		perRequest += (o.MaxValue + o.KeyBytes) * o.Multiget
	}
	return cmp.Or(
		ifTrue(servers < 1, "it takes a server, HOST[:PORT] or a socket"),
		between("connections", o.Connections, 1, MaxConnections),
		between("threads", o.Threads, 1, MaxThreads),
		between("depth", o.Depth, 1, MaxDepth),
		between("gets", o.Gets, 0, 100),
		between("multiget", o.Multiget, 1, MaxMultiget),
		between("keys", o.Keys, 1, MaxKeys),
		between("key-size", o.KeyBytes, MinKeyBytes, MaxKeyBytes),
		between("size", o.MinValue, 0, o.MaxValue),
		between("size", o.MaxValue, o.MinValue, MaxValueBytes),
		ifTrue(o.Threads > o.Connections, "--threads %d: there are only %d connections (--connections)", o.Threads, o.Connections),
		ifTrue(o.Rate > 0 && o.Depth > 1, "--rate sends each request when it is due, so --depth has to be 1"),
		ifTrue(o.Duration <= 0 || o.Rounds < 1, "--duration and --rounds have to be more than 0"),
		ifTrue(o.Depth*perRequest > maxBatchBytes, "--depth, --multiget and --size ask for more than %d MiB at once on a connection", maxBatchBytes>>20),
		ifTrue(o.Protocol == RESP && (o.Name != "" || o.TLS != nil), "--protocol=resp goes without login and TLS"),
		ifTrue(len(o.PIDs) > 0 && len(o.PIDs) != servers, "--pid names %d processes for %d servers", len(o.PIDs), servers),
	)
}

func ifTrue(wrong bool, format string, args ...any) error {
	if !wrong {
		return nil
	}
	return fmt.Errorf(format, args...)
}
