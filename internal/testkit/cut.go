package testkit

import (
	"io"
	"net"
)

// Cut is a connection that ends once Left bytes have been written to it. Silent: it stays open
// instead, and writes nothing more.
type Cut struct {
	net.Conn
	Left   int
	Silent bool
}

// Write writes up to the cut. Behind it the error is io.ErrClosedPipe, or with Silent comes when
// the other side gives up.
func (c *Cut) Write(b []byte) (int, error) {
	if len(b) <= c.Left {
		c.Left -= len(b)
		return c.Conn.Write(b)
	}
	n, _ := c.Conn.Write(b[:c.Left])
	c.Left = 0
	if c.Silent {
		_, err := io.Copy(io.Discard, c.Conn) // until the other side gives up
		return n, err
	}
	return n, io.ErrClosedPipe
}
