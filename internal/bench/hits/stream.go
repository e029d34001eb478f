package hits

import (
	"math/rand/v2"
	"time"
)

// Request is one read, and what to store if it misses.
type Request struct {
	Key        []byte // valid until the next call of Next
	ValueBytes int
	TTLSeconds int           // 0: never
	At         time.Duration // since the start of the stream; 0 where time does not matter
	Counted    bool          // not part of the filling
}

// Stream is the requests of a workload, one after the other. Not for concurrent use.
type Stream struct {
	Workload
	rand *rand.Rand
	pick pick
	next int
	key  []byte
}

// Stream returns the requests from their start. The same seed makes the same ones.
func (w Workload) Stream(seed uint64) *Stream {
	s := &Stream{Workload: w, rand: rand.New(rand.NewPCG(seed, 0)), pick: w.picker(), key: make([]byte, w.keyBytes)}
	for i := range s.key {
		s.key[i] = '.'
	}
	return s
}

// Next returns the next request; false: that was all.
func (s *Stream) Next() (Request, bool) {
	i := s.next
	if i == s.Requests {
		return Request{}, false
	}
	s.next++
	id := s.pick(s.rand, i)
	hash := mix(id)
	r := Request{Key: s.name(id), ValueBytes: s.value(hash), Counted: i >= s.Requests/3}
	if s.ttl != nil {
		r.TTLSeconds = s.ttl(hash)
	}
	if s.Duration != 0 {
		r.At = time.Duration(float64(s.Duration) * float64(i) / float64(s.Requests))
	}
	return r, true
}

// name writes the number of a key at its end, in 9 characters of 5 bits.
func (s *Stream) name(id uint64) []byte {
	const digits = "0123456789abcdefghijklmnopqrstuv"
	for i := len(s.key) - 1; i >= len(s.key)-9; i-- {
		s.key[i] = digits[id%32]
		id /= 32
	}
	return s.key
}

// mix makes of a number one that looks like chance (the end of MurmurHash3).
func mix(x uint64) uint64 {
	x ^= x >> 33
	x *= 0xff51afd7ed558ccd
	x ^= x >> 33
	x *= 0xc4ceb9fe1a85ec53
	return x ^ x>>33
}
