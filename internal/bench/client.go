package bench

import (
	"bytes"
	"fmt"
	"strconv"
)

// maxLine is the longest line of a reply that is looked at: an error message is shorter.
const maxLine = 2048

// client is one connection's requests and replies, without its socket. A batch of requests is
// made, its bytes are sent, and the replies are taken until none is missing.
type client struct {
	id   int
	out  []byte // the requests of this batch
	in   []byte // what came and is not used yet: in[:len]
	reqs []request
	keys []uint32 // of the gets and sets of the batch, one after the other
	next int      // the request whose reply comes next
	key  int      // its key whose value comes next
	head bool     // the head of a reply to MGET has come
	at   int64    // when the batch was sent, or was due
}

// request is one of a batch.
type request struct {
	get         bool
	first, last int // in client.keys
}

// source makes the requests of some clients and checks the replies. One goroutine has it.
type source struct {
	data   *dataset
	opt    *Options
	random uint64
	draw   uint32
	load   *keyRange // not nil: set each key of it once
	line   []byte    // a line that is expected
	counts counts
	sink   *recorder
	took   []int64 // latencies on their way to sink
	told   bool    // sink.counted
}

// keyRange is the keys that are not loaded yet.
type keyRange struct{ next, end int }

func newSource(d *dataset, seed uint64, sink *recorder) *source {
	return &source{data: d, opt: d.opt, random: mix(seed+0x9e3779b9) | 1, draw: uint32(mix(seed)), sink: sink,
		took: make([]int64, 0, 256), line: make([]byte, 0, maxLine)}
}

func newClient(id int, o *Options) *client {
	input := (o.MaxValue+o.KeyBytes+64)*min(o.Multiget, 64) + maxLine
	return &client{
		id: id, in: make([]byte, 0, max(input, 64<<10)),
		reqs: make([]request, 0, o.Depth), keys: make([]uint32, 0, o.Depth*o.Multiget),
	}
}

func (s *source) rnd() uint64 {
	x := s.random
	x ^= x << 13
	x ^= x >> 7
	x ^= x << 17
	s.random = x
	return x
}

func (s *source) pick() uint32 {
	if s.data.draws != nil {
		s.draw++
		return s.data.draws[s.draw%zipfDraws]
	}
	return uint32((s.rnd() >> 32) * uint64(s.opt.Keys) >> 32)
}

// batch makes the next requests of c, which count from at. false: a load has no key left.
func (s *source) batch(c *client, at int64, depth int) bool {
	c.out, c.reqs, c.keys = c.out[:0], c.reqs[:0], c.keys[:0]
	c.next, c.key, c.head, c.at = 0, 0, false, at
	for range depth {
		r := request{first: len(c.keys)}
		switch {
		case s.load != nil:
			if s.load.next >= s.load.end {
				return len(c.reqs) > 0
			}
			c.keys = append(c.keys, uint32(s.load.next))
			s.load.next++
		case s.opt.Gets == 100 || s.opt.Gets > 0 && int(s.rnd()>>32*100>>32) < s.opt.Gets:
			r.get = true
			for range s.opt.Multiget {
				c.keys = append(c.keys, s.pick())
			}
		default:
			c.keys = append(c.keys, s.pick())
		}
		r.last = len(c.keys)
		c.reqs = append(c.reqs, r)
		if r.get {
			c.out = s.appendGet(c.out, c.keys[r.first:r.last])
		} else {
			c.out = s.appendSet(c.out, c.keys[r.first])
		}
	}
	return true
}

func (s *source) appendGet(b []byte, keys []uint32) []byte {
	switch {
	case s.opt.Protocol == RESP:
		if len(keys) == 1 {
			b = append(b, "*2\r\n$3\r\nGET\r\n"...)
		} else {
			b = append(strconv.AppendInt(append(b, '*'), int64(len(keys)+1), 10), "\r\n$4\r\nMGET\r\n"...)
		}
		for _, k := range keys {
			b = append(strconv.AppendInt(append(b, '$'), int64(s.opt.KeyBytes), 10), "\r\n"...)
			b = append(s.data.appendKey(b, k), "\r\n"...)
		}
		return b
	case s.opt.Protocol == Meta && len(keys) == 1:
		return append(s.data.appendKey(append(b, "mg "...), keys[0]), " v\r\n"...)
	case s.opt.Protocol == Meta:
		for _, k := range keys {
			b = append(s.data.appendKey(append(b, "mg "...), k), " k v q\r\n"...)
		}
		return append(b, "mn\r\n"...)
	}
	b = append(b, "get"...)
	for _, k := range keys {
		b = s.data.appendKey(append(b, ' '), k)
	}
	return append(b, "\r\n"...)
}

func (s *source) appendSet(b []byte, k uint32) []byte {
	v := s.data.value(k)
	ttl := int64(s.opt.TTL)
	switch s.opt.Protocol {
	case RESP:
		if ttl > 0 {
			b = append(b, "*5\r\n$3\r\nSET\r\n$"...)
		} else {
			b = append(b, "*3\r\n$3\r\nSET\r\n$"...)
		}
		b = append(strconv.AppendInt(b, int64(s.opt.KeyBytes), 10), "\r\n"...)
		b = append(s.data.appendKey(b, k), "\r\n$"...)
	case Meta:
		b = append(s.data.appendKey(append(b, "ms "...), k), ' ')
	default:
		b = append(s.data.appendKey(append(b, "set "...), k), " 0 "...)
		b = append(strconv.AppendInt(b, ttl, 10), ' ')
	}
	b = strconv.AppendInt(b, int64(len(v)), 10)
	if s.opt.Protocol == Meta && ttl > 0 {
		b = strconv.AppendInt(append(b, " T"...), ttl, 10)
	}
	b = append(append(append(b, "\r\n"...), v...), "\r\n"...)
	if s.opt.Protocol == RESP && ttl > 0 {
		digits := len(strconv.AppendInt(s.line[:0], ttl, 10))
		b = append(strconv.AppendInt(append(b, "$2\r\nEX\r\n$"...), int64(digits), 10), "\r\n"...)
		b = append(strconv.AppendInt(b, ttl, 10), "\r\n"...)
	}
	return b
}

// finished tells whether each request of the batch has its reply.
func (c *client) finished() bool { return c.next == len(c.reqs) }

// replies takes what of c.in is complete. now is when it came; measured: it counts.
func (s *source) replies(c *client, now int64, measured bool) error {
	in := c.in
	for !c.finished() {
		end := bytes.IndexByte(in, '\n')
		if end < 0 {
			if len(in) > maxLine {
				return c.wrong("a line without an end", in)
			}
			break
		}
		used, err := s.reply(c, in[:end+1], in[end+1:])
		if err != nil {
			return err
		}
		if used == 0 {
			break // the rest of a value is on its way
		}
		in = in[used:]
		if r := &c.reqs[c.next]; c.key == r.last-r.first {
			s.done(c, r, now, measured)
		}
	}
	if c.finished() && len(in) > 0 {
		return c.wrong("more than was asked for", in)
	}
	c.in = c.in[:copy(c.in, in)]
	return nil
}

// done counts the request r as answered.
func (s *source) done(c *client, r *request, now int64, measured bool) {
	c.next++
	c.key, c.head = 0, false
	if !measured {
		s.counts.unmeasured++
		return
	}
	if !s.told {
		s.told = true
		s.sink.counted.Store(true)
	}
	if r.get {
		s.counts.Gets++
	} else {
		s.counts.Sets++
	}
	if s.took = append(s.took, now-c.at); len(s.took) == cap(s.took) {
		s.flush()
	}
}

func (c *client) wrong(what string, in []byte) error {
	line, _, _ := bytes.Cut(in, []byte("\r"))
	return fmt.Errorf("connection %d: %s: %.80q", c.id, what, line)
}
