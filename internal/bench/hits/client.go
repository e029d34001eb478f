package hits

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"net"
	"strconv"
	"time"
)

// Client is a Cache: a memcached server, over the text protocol and one connection. Not
// for concurrent use.
type Client struct {
	conn  net.Conn
	in    *bufio.Reader
	out   *bufio.Writer
	value []byte
	begun time.Time // of the stream: the first Wait
}

const (
	bufferBytes   = 256 << 10
	answerTimeout = 10 * time.Second
)

// Dial connects to a server. addr is host:port, or the path of a socket.
func Dial(addr string) (*Client, error) {
	network := "tcp"
	if addr != "" && addr[0] == '/' {
		network = "unix"
	}
	conn, err := net.DialTimeout(network, addr, answerTimeout)
	if err != nil {
		return nil, fmt.Errorf("hits: %w", err)
	}
	return newClient(conn), nil
}

func newClient(conn net.Conn) *Client {
	return &Client{conn: conn, in: bufio.NewReaderSize(conn, bufferBytes), out: bufio.NewWriterSize(conn, bufferBytes)}
}

// Close ends the connection.
func (c *Client) Close() error { return c.conn.Close() }

// Get asks for all keys with one line.
func (c *Client) Get(keys [][]byte, found []bool) error {
	c.out.WriteString("get")
	for _, k := range keys {
		c.out.WriteByte(' ')
		c.out.Write(k)
	}
	c.out.WriteString("\r\n")
	if err := c.flush(); err != nil {
		return err
	}
	for i := 0; ; i++ {
		line, err := c.in.ReadSlice('\n')
		if err != nil {
			return fmt.Errorf("hits: reading an answer: %w", err)
		}
		if bytes.Equal(line, []byte("END\r\n")) {
			return nil
		}
		f := bytes.Fields(line)
		if len(f) < 4 || string(f[0]) != "VALUE" {
			return fmt.Errorf("hits: the server said %q", line)
		}
		for i < len(keys) && !bytes.Equal(keys[i], f[1]) { // answers come in the order of the keys
			i++
		}
		n, err := strconv.Atoi(string(f[3]))
		if err != nil || i == len(keys) {
			return fmt.Errorf("hits: the server said %q", line)
		}
		found[i] = true
		if _, err := c.in.Discard(n + 2); err != nil {
			return fmt.Errorf("hits: reading a value: %w", err)
		}
	}
}

// Set asks for no answer. It travels with the next Get, at the latest.
func (c *Client) Set(key []byte, valueBytes, ttlSeconds int) error {
	if valueBytes > len(c.value) {
		c.value = bytes.Repeat([]byte("v"), valueBytes)
	}
	fmt.Fprintf(c.out, "set %s 0 %d %d noreply\r\n", key, ttlSeconds, valueBytes)
	c.out.Write(c.value[:valueBytes])
	if _, err := c.out.WriteString("\r\n"); err != nil {
		return fmt.Errorf("hits: sending a value: %w", err)
	}
	return nil
}

func (c *Client) flush() error {
	if err := c.conn.SetDeadline(time.Now().Add(answerTimeout)); err != nil {
		return fmt.Errorf("hits: %w", err)
	}
	if err := c.out.Flush(); err != nil {
		return fmt.Errorf("hits: sending a request: %w", err)
	}
	return nil
}

// Wait sleeps.
func (c *Client) Wait(ctx context.Context, at time.Duration) (late time.Duration, err error) {
	if at == 0 {
		c.begun = time.Now()
		return 0, ctx.Err()
	}
	early := time.Until(c.begun.Add(at))
	if early <= time.Millisecond { // many batches come in one
		return max(0, -early), ctx.Err()
	}
	t := time.NewTimer(early)
	defer t.Stop()
	select {
	case <-t.C:
	case <-ctx.Done():
	}
	return 0, ctx.Err()
}
