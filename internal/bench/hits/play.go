package hits

import (
	"bytes"
	"context"
	"time"
)

// Cache is what a stream is played against.
type Cache interface {
	// Get asks for keys, all different, and notes in found which are there. It comes back
	// when that is known, and all that was set before counts.
	Get(keys [][]byte, found []bool) error
	// Set stores a value of so many bytes. A cache that will not have it stays without.
	Set(key []byte, valueBytes, ttlSeconds int) error
	// Wait lets time pass until at, since the stream began, and says how late it is for that.
	Wait(ctx context.Context, at time.Duration) (late time.Duration, err error)
}

// Result is what came of a stream.
type Result struct {
	Requests uint64 // that count
	Hits     uint64 // of those, found
	// Late is by how much the stream fell behind its pace, at most. More than half a
	// second, and expiries came too early for the requests: the ratio is too low.
	Late time.Duration
}

// Ratio is the part of the requests that was found; 0 if there were none.
func (r Result) Ratio() float64 {
	if r.Requests == 0 {
		return 0
	}
	return float64(r.Hits) / float64(r.Requests)
}

const (
	batchKeys  = 32
	batchBytes = 1800 // of keys: a line that every server takes
)

// batch is requests that are asked for at once.
type batch struct {
	requests []Request
	keys     [][]byte
	found    [batchKeys]bool
	buf      []byte
}

// takes says that a key may still come into the batch. One that is there already may not:
// it is perhaps about to be stored.
func (b *batch) takes(key []byte) bool {
	if len(b.keys) == batchKeys || len(b.buf)+len(key) > batchBytes {
		return false
	}
	for _, k := range b.keys {
		if bytes.Equal(k, key) {
			return false
		}
	}
	return true
}

func (b *batch) add(r Request) {
	at := len(b.buf)
	b.buf = append(b.buf, r.Key...)
	r.Key = b.buf[at:]
	b.requests, b.keys = append(b.requests, r), append(b.keys, r.Key)
}

// Play plays a stream from where it is to its end. ctx ends it before.
func Play(ctx context.Context, s *Stream, c Cache) (Result, error) {
	var result Result
	b := &batch{buf: make([]byte, 0, batchBytes)}
	for {
		r, more := s.Next()
		if !more || !b.takes(r.Key) {
			if err := b.play(ctx, c, &result); err != nil {
				return result, err
			}
		}
		if !more {
			return result, nil
		}
		b.add(r)
	}
}

func (b *batch) play(ctx context.Context, c Cache, result *Result) error {
	if len(b.keys) == 0 {
		return nil
	}
	late, err := c.Wait(ctx, b.requests[0].At)
	if err != nil {
		return err
	}
	result.Late = max(result.Late, late)
	found := b.found[:len(b.keys)]
	clear(found)
	if err := c.Get(b.keys, found); err != nil {
		return err
	}
	for i, r := range b.requests {
		if r.Counted {
			result.Requests++
			if found[i] {
				result.Hits++
			}
		}
		if !found[i] {
			if err := c.Set(r.Key, r.ValueBytes, r.TTLSeconds); err != nil {
				return err
			}
		}
	}
	b.requests, b.keys, b.buf = b.requests[:0], b.keys[:0], b.buf[:0]
	return nil
}
