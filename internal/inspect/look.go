package inspect

import (
	"fmt"
	"io"
	"math"
	"strconv"
	"strings"
)

// maxValueBytes is larger than any value a node can hold (-I 1024m).
const maxValueBytes = 1 << 31

// Look is what one node says of a key. The zero value: it has none.
type Look struct {
	Present  bool
	Version  uint64
	Expires  int64 // seconds left, rounded up; -1 never
	ExpireAt int64 // Unix ms by the node's clock; 0 never, -1: it does not say
	Flags    uint32
	Bytes    int64 // of the value
	Stale    bool  // marks of the meta protocol
	Won      bool
}

// parseLook reads the line that answers me. withValue: it was asked with v, and must
// say how long the value is that follows.
func parseLook(line []byte, k Key, withValue bool) (l Look, err error) {
	if string(line) == "EN" {
		return l, nil
	}
	rest, ok := strings.CutPrefix(string(line), "ME ")
	word, rest, _ := strings.Cut(rest, " ")
	if !ok || word != k.Word() {
		return l, fmt.Errorf("it answered %.80q when asked for the key %q", line, k.Raw())
	}
	l = Look{Present: true, Bytes: -1, ExpireAt: -1}
	for field := range strings.FieldsSeq(rest) {
		name, text, _ := strings.Cut(field, "=")
		if err := l.set(name, text); err != nil {
			return l, fmt.Errorf("it answered %.200q: %w", line, err)
		}
	}
	if withValue && l.Bytes < 0 {
		return l, fmt.Errorf("it does not show values to \"me KEY v\" (%.80q): it must be a twincached that knows it", line)
	}
	return l, nil
}

// set takes one field of the answer.
func (l *Look) set(name, text string) (err error) {
	switch name {
	case "cas":
		l.Version, err = strconv.ParseUint(text, 10, 64)
	case "exp":
		l.Expires, err = strconv.ParseInt(text, 10, 64)
	case "exp_ms":
		l.ExpireAt, err = strconv.ParseInt(text, 10, 64)
	case "flags":
		var v uint64
		v, err = strconv.ParseUint(text, 10, 32)
		l.Flags = uint32(v)
	case "bytes":
		l.Bytes, err = strconv.ParseInt(text, 10, 64)
		if err == nil && (l.Bytes < 0 || l.Bytes > maxValueBytes) {
			err = fmt.Errorf("no value has %d bytes", l.Bytes)
		}
	case "stale":
		l.Stale = text == "yes"
	case "won":
		l.Won = text == "yes"
	}
	return err
}

// Looks asks the node for keys, and returns what it says of each, without values. dst is
// used for that if it is large enough.
func (n *Node) Looks(keys []Key, dst []Look) ([]Look, error) {
	var reqs []byte
	for _, k := range keys {
		reqs = append(append(append(reqs, "me "...), k...), "\r\n"...)
	}
	dst = dst[:0]
	err := n.Exchange(func(w io.Writer) error { _, err := w.Write(reqs); return err }, func(c *Conn) error {
		for _, k := range keys {
			l, err := c.Look(k, false)
			if err != nil {
				return err
			}
			dst = append(dst, l)
		}
		return nil
	})
	return dst, err
}

// Exchange writes requests in a goroutine of its own, and reads their answers meanwhile. Its
// error names the node. After one the connection is closed.
func (n *Node) Exchange(write func(w io.Writer) error, read func(c *Conn) error) error {
	sent := n.Main.SendBy(write)
	err := read(n.Main)
	if err != nil { // the sending may hang for want of a reader
		n.Close()
		<-sent
		return n.Fail(err)
	}
	if err := <-sent; err != nil {
		return n.Fail(err)
	}
	return nil
}

// Look reads the line that answers "me KEY v"; the value follows. With it false, "me KEY",
// behind which none does.
func (c *Conn) Look(k Key, withValue bool) (Look, error) {
	line, err := c.Line()
	if err != nil {
		return Look{}, err
	}
	return parseLook(line, k, withValue)
}

// Peek returns some of the next bytes, one at least and limit at most. They are valid
// until the next read.
func (c *Conn) Peek(limit int64) ([]byte, error) {
	if c.r.Buffered() == 0 {
		if _, err := c.r.Peek(1); err != nil {
			return nil, err
		}
	}
	return c.r.Peek(int(min(limit, int64(c.r.Buffered()))))
}

// Drop passes over n bytes that have been peeked at.
func (c *Conn) Drop(n int) { _, _ = c.r.Discard(n) }

// EndValue reads what is left of a value of which done bytes have been read, and the
// line end behind it. Where the node lacks the key it reads nothing.
func (c *Conn) EndValue(l *Look, done int64) error {
	if !l.Present {
		return nil
	}
	for left := l.Bytes - done; left > 0; {
		n, err := c.r.Discard(int(min(left, math.MaxInt32)))
		if err != nil {
			return err
		}
		left -= int64(n)
	}
	end, err := c.r.Peek(2)
	if err != nil {
		return err
	}
	if string(end) != "\r\n" {
		return fmt.Errorf("a value of %d bytes does not end there", l.Bytes)
	}
	c.Drop(2)
	return nil
}

// AppendValue appends the value that l announces to dst, with memory for what has come.
func (c *Conn) AppendValue(dst []byte, l *Look) ([]byte, error) {
	for done := int64(0); done < l.Bytes; {
		b, err := c.Peek(l.Bytes - done)
		if err != nil {
			return dst, err
		}
		dst = append(dst, b...)
		done += int64(len(b))
		c.Drop(len(b))
	}
	return dst, c.EndValue(l, l.Bytes)
}
