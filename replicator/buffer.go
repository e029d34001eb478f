package replicator

import (
	"io"

	"twincached/internal/wire"
)

// fill reads once. The buffer grows only as bytes arrive, never because a frame claims to be
// large.
func (c *conn) fill() error {
	if c.from == c.to {
		c.from, c.to = 0, 0
		if cap(c.buf) > 4*readBytes {
			c.buf = make([]byte, readBytes)
		}
	} else if c.from > 0 && (c.to == len(c.buf) || c.to-c.from < 4<<10) {
		copy(c.buf, c.buf[c.from:c.to])
		c.from, c.to = 0, c.to-c.from
	}
	if c.to == len(c.buf) {
		c.growTo(min(2*len(c.buf), max(wire.FrameNeed(c.buf[c.from:c.to]), len(c.buf)+1)))
	}
	var from io.Reader = c.nc
	if c.direct != nil {
		from = c.direct
	}
	n, err := from.Read(c.buf[c.to:])
	c.to += n
	if n > 0 {
		c.gotBytes = true
		return nil
	}
	if err == nil {
		err = io.ErrNoProgress
	}
	return err
}

// growTo makes the read buffer at least size bytes large.
func (c *conn) growTo(size int) {
	if size <= len(c.buf) {
		return
	}
	grown := make([]byte, size)
	copy(grown, c.buf[c.from:c.to])
	c.from, c.to = 0, c.to-c.from
	c.buf = grown
}
