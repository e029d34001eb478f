package bench

import (
	"errors"
	"fmt"
	"net"
	"time"
)

// inlineBytes is what is written before the replies are read: sockets hold as much. A server
// may stop reading a larger batch until its replies are read.
const inlineBytes = 64 << 10

// runConn serves one connection until the round ends; then whoever ends it closes c. every:
// nanoseconds between two of its requests in an open loop, the first after offset; 0: closed loop.
func runConn(s *source, c net.Conn, id int, every, offset float64) error {
	p := newClient(id, s.opt)
	start := now()
	for n := 0; s.sink.phase.Load() != stopping; n++ {
		at := now()
		if every > 0 {
			at = start + int64(offset+float64(n)*every)
			if late := s.await(at); late > 0 && s.sink.phase.Load() == measuring {
				s.sink.lateBy(int64(float64(late)/every) + 1)
			}
		}
		if !s.batch(p, at, s.opt.Depth) {
			return nil
		}
		if err := s.exchange(p, c); err != nil {
			if s.sink.phase.Load() == stopping {
				return nil // c was closed
			}
			return fmt.Errorf("connection %d: %w", id, err)
		}
		s.sink.answered.Add(uint64(len(p.reqs)))
	}
	return nil
}

// await sleeps until at, or until the round ends, and returns by how much it is later.
func (s *source) await(at int64) (late int64) {
	for {
		left := at - now()
		if left <= 0 || s.sink.phase.Load() == stopping {
			return -left
		}
		time.Sleep(min(time.Duration(left), pollMillis*time.Millisecond))
	}
}

// exchange sends a batch and takes its replies.
func (s *source) exchange(p *client, c net.Conn) error {
	var sent chan error
	if len(p.out) <= inlineBytes {
		if _, err := c.Write(p.out); err != nil {
			return err
		}
	} else {
		sent = make(chan error, 1)
		go func() { _, err := c.Write(p.out); sent <- err }()
	}
	var failed error
	for !p.finished() && failed == nil {
		n, err := c.Read(p.in[len(p.in):cap(p.in)])
		p.in = p.in[:len(p.in)+n]
		if n > 0 {
			err = s.replies(p, now(), s.sink.phase.Load() == measuring)
		}
		if failed = err; failed == nil && len(p.in) == cap(p.in) {
			failed = errors.New("a reply is larger than a value can be")
		}
	}
	if sent == nil {
		return failed
	}
	if failed != nil {
		c.Close() // ends the writer
	}
	if err := <-sent; failed == nil {
		failed = err
	}
	return failed
}
