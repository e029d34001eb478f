package memproto

import (
	"bytes"
	"encoding/binary"
	"math"

	"twincached/store"
)

// Requests that come together are looked at twice. The first time only their keys are
// looked for, so that the store can fetch all their items from memory at once. Nothing is
// checked then, and what is taken for a key and is none costs a little time.

// Ahead brings items into the processor's caches: see store.Ahead.
type Ahead = store.Ahead

// Ahead adds the keys of the requests at the start of in to a, until a is full. Whoever has
// input of several conns at hand calls it for each of them, then a.Run, and then Process for
// each of them with the same input. For one conn alone that is not needed: Process looks
// ahead by itself where one input has several requests.
func (c *Conn) Ahead(in []byte, a *Ahead) {
	c.ahead = int32(min(c.addKeys(in, a), math.MaxInt32))
}

// lookAhead is Ahead and Run for the requests at the start of in. It returns how many bytes
// they have.
func (c *Conn) lookAhead(in []byte) (n int) {
	var a Ahead
	n = c.addKeys(in, &a)
	a.Run()
	return n
}

// addKeys adds the keys of the requests at the start of in to a, until a is full, and
// returns how many bytes these requests have. What is no request, the rest of a value for
// one, is passed over.
func (c *Conn) addKeys(in []byte, a *Ahead) (n int) {
	n = int(min(c.swallow, int64(len(in))))
	if c.coming != nil || c.get.on || c.dump != nil || c.stranger {
		return len(in)
	}
	for n < len(in) && !a.Full() {
		key, size := nextKey(in[n:])
		if 0 < len(key) && len(key) <= store.MaxKeyBytes {
			a.Add(c.srv.Store, key)
		}
		n += size
	}
	return n
}

// nextKey finds the key of the request at the start of in, which is not empty, and how many
// bytes the request has. There is no key if the request names none, more than one (see
// walk), or has not come whole.
func nextKey(in []byte) (key []byte, n int) {
	if in[0] == binaryMagic {
		return nextPacketKey(in)
	}
	end := bytes.IndexByte(in, '\n')
	if end < 0 {
		return nil, len(in)
	}
	line := in[:end]
	if end > 0 && line[end-1] == '\r' {
		line = line[:end-1]
	}
	name, rest := nextWord(line)
	key, rest = nextWord(rest)
	n = end + 1
	value := int64(0)
	switch string(name) {
	case "get", "gets":
		if len(rest) > 0 {
			return nil, n
		}
	case "gat", "gats": // key is the time
		if key, rest = nextWord(rest); len(rest) > 0 {
			return nil, n
		}
	case "set", "add", "replace", "append", "prepend", "cas":
		_, rest = nextWord(rest)
		_, rest = nextWord(rest)
		value = valueBytes(rest)
	case "ms":
		value = valueBytes(rest)
	}
	return key, within(in, int64(n)+value)
}

// within is where a request of n bytes ends in in. Where int has 32 bits a length may be more
// than it holds.
func within(in []byte, n int64) int { return int(min(n, int64(len(in)))) }

// nextPacketKey is nextKey in the binary protocol.
func nextPacketKey(in []byte) (key []byte, n int) {
	if len(in) < binaryHeadBytes {
		return nil, len(in)
	}
	at := binaryHeadBytes + int(in[4])
	end := at + int(binary.BigEndian.Uint16(in[2:]))
	if end > len(in) {
		return nil, len(in)
	}
	return in[at:end], within(in, binaryHeadBytes+int64(binary.BigEndian.Uint32(in[8:])))
}

// nextWord cuts b at the first space. Of words with more spaces between them one is empty.
func nextWord(b []byte) (word, rest []byte) {
	if i := bytes.IndexByte(b, ' '); i >= 0 {
		return b[:i], b[i+1:]
	}
	return b, nil
}

// valueBytes reads the length at the start of b, and adds the end of the value.
func valueBytes(b []byte) (n int64) {
	for _, c := range b[:min(len(b), 10)] { // more digits are no length
		if c -= '0'; c > 9 {
			break
		}
		n = n*10 + int64(c)
	}
	return n + 2
}

// lookAheadKeys asks for the items of the keys at the start of b, a part of a retrieval's
// line. It returns how many bytes these keys have.
func (c *Conn) lookAheadKeys(b []byte) (n int) {
	var a Ahead
	for n < len(b) && !a.Full() {
		key, _ := nextWord(b[n:])
		if 0 < len(key) && len(key) <= store.MaxKeyBytes {
			a.Add(c.srv.Store, key)
		}
		n += len(key) + 1
	}
	a.Run()
	return n
}
