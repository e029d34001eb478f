package inspect

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net"
	"time"
)

const (
	// silence is for how long a node may say nothing: one that is stopped (SIGSTOP)
	// or cut off never says anything again. A node that works answers at once.
	silence     = 30 * time.Second
	dialTimeout = 5 * time.Second
	// readBytes is a chunk of a value, or some thousand short answers.
	readBytes  = 128 << 10
	writeBytes = 1 << 20
)

// Conn is one client connection to a node. Each read and write may wait for 30 s: a node
// that works answers at once. It is for one goroutine.
type Conn struct {
	net.Conn
	r *bufio.Reader
}

func newConn(c net.Conn) *Conn {
	p := &Conn{Conn: c}
	p.r = bufio.NewReaderSize(patient{c}, readBytes)
	return p
}

// patient is a connection of which each read and write may wait for silence.
type patient struct{ net.Conn }

func (p patient) Read(b []byte) (int, error) {
	if err := p.SetReadDeadline(time.Now().Add(silence)); err != nil {
		return 0, err
	}
	return p.Conn.Read(b)
}

// Write waits for each MiB: a large value on a slow line takes its time.
func (p patient) Write(b []byte) (n int, err error) {
	for {
		if err := p.SetWriteDeadline(time.Now().Add(silence)); err != nil {
			return n, err
		}
		some, err := p.Conn.Write(b[n:min(n+writeBytes, len(b))])
		if n += some; err != nil || n == len(b) {
			return n, err
		}
	}
}

// Send writes requests beside the reading of their answers; the error, or nil, comes
// once. b stays the sender's until then.
func (c *Conn) Send(b []byte) <-chan error {
	return c.SendBy(func(w io.Writer) error { _, err := w.Write(b); return err })
}

// SendBy is Send for requests that write makes, in a goroutine of its own.
func (c *Conn) SendBy(write func(w io.Writer) error) <-chan error {
	done := make(chan error, 1)
	go func() { done <- write(patient{c.Conn}) }()
	return done
}

// Ask sends one line, with its end, and returns the first line of the answer.
func (c *Conn) Ask(request string) (string, error) {
	if _, err := (patient{c.Conn}).Write([]byte(request)); err != nil {
		return "", err
	}
	line, err := c.Line()
	return string(line), err
}

// Line reads a line without its end. It is valid until the next read.
func (c *Conn) Line() ([]byte, error) {
	line, err := c.r.ReadSlice('\n')
	switch {
	case errors.Is(err, bufio.ErrBufferFull):
		return nil, fmt.Errorf("it sent a line of more than %d bytes", readBytes)
	case err != nil:
		return nil, err
	}
	line = line[:len(line)-1]
	if n := len(line); n > 0 && line[n-1] == '\r' {
		line = line[:n-1]
	}
	return line, nil
}

// Stats asks for a group of stats ("" the general one) and returns its rows.
func (c *Conn) Stats(group string) (map[string]string, error) {
	request := "stats\r\n"
	if group != "" {
		request = "stats " + group + "\r\n"
	}
	line, err := c.Ask(request)
	rows := map[string]string{}
	for ; err == nil && line != "END"; err = c.next(&line) {
		var name, value string
		if n, _ := fmt.Sscanf(line, "STAT %s %s", &name, &value); n < 1 {
			return nil, fmt.Errorf("it answered %.80q to stats", line)
		}
		rows[name] = value
	}
	return rows, err
}

func (c *Conn) next(line *string) error {
	b, err := c.Line()
	*line = string(b)
	return err
}

// HungUp tells whether err is that the node ended the connection.
func HungUp(err error) bool {
	var op *net.OpError
	return errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, io.ErrClosedPipe) ||
		errors.As(err, &op) && !op.Timeout() && op.Op != "dial" && op.Op != "remote error"
}
