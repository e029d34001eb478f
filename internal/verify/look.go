package verify

import (
	"bytes"
	"fmt"
	"math"
	"strconv"
	"strings"
)

// maxValueBytes is larger than any value a node can hold (-I 1024m).
const maxValueBytes = 1 << 31

// look is what one node says of a key. The zero value: it has none.
type look struct {
	present bool
	version uint64
	expires int64 // seconds left, rounded up; -1 never
	flags   uint32
	bytes   int64 // of the value
	stale   bool  // marks of the meta protocol
	won     bool
}

// pairLook is what both say of a key, at about the same time.
type pairLook struct {
	key  key
	a, b look
	at   int64 // first byte of the values that differs; -1 none, as far as the shorter one goes
}

// same tells whether both have the key, and it is the same item.
func (l *pairLook) same() bool {
	a, b := &l.a, &l.b
	return a.present && b.present && a.version == b.version && a.flags == b.flags && a.bytes == b.bytes &&
		a.stale == b.stale && a.won == b.won && l.at < 0 && sameExpiry(a.expires, b.expires)
}

// sameExpiry allows for a second: the nodes were not asked at the same instant, the
// seconds are rounded, and a clock that is off by less than 100 ms is not corrected.
func sameExpiry(a, b int64) bool {
	if a < 0 || b < 0 {
		return a == b
	}
	return max(a-b, b-a) <= 1
}

// parseLook reads the line that answers me. withValue: it was asked with v, and must
// say how long the value is that follows.
func parseLook(line []byte, k key, withValue bool) (l look, err error) {
	if string(line) == "EN" {
		return l, nil
	}
	rest, ok := strings.CutPrefix(string(line), "ME ")
	word, rest, _ := strings.Cut(rest, " ")
	if !ok || word != k.word() {
		return l, fmt.Errorf("it answered %.80q when asked for the key %q", line, k.raw())
	}
	l = look{present: true, bytes: -1}
	for field := range strings.FieldsSeq(rest) {
		name, text, _ := strings.Cut(field, "=")
		if err := l.set(name, text); err != nil {
			return l, fmt.Errorf("it answered %.200q: %w", line, err)
		}
	}
	if withValue && l.bytes < 0 {
		return l, fmt.Errorf("it does not show values to \"me KEY v\" (%.80q): both nodes must run a twincached with the command verify", line)
	}
	return l, nil
}

// set takes one field of the answer.
func (l *look) set(name, text string) (err error) {
	switch name {
	case "cas":
		l.version, err = strconv.ParseUint(text, 10, 64)
	case "exp":
		l.expires, err = strconv.ParseInt(text, 10, 64)
	case "flags":
		var v uint64
		v, err = strconv.ParseUint(text, 10, 32)
		l.flags = uint32(v)
	case "bytes":
		l.bytes, err = strconv.ParseInt(text, 10, 64)
		if err == nil && (l.bytes < 0 || l.bytes > maxValueBytes) {
			err = fmt.Errorf("no value has %d bytes", l.bytes)
		}
	case "stale":
		l.stale = text == "yes"
	case "won":
		l.won = text == "yes"
	}
	return err
}

// look asks both nodes for keys and calls f for each, in order.
func (x *run) look(keys []key, f func(l *pairLook)) error {
	x.reqs = x.reqs[:0]
	for _, k := range keys {
		x.reqs = append(append(append(x.reqs, "me "...), k...), " v\r\n"...)
	}
	doneA, doneB := x.a.main.send(x.reqs), x.b.main.send(x.reqs)
	err := x.answers(keys, f)
	if err != nil { // a send may hang for want of a reader
		x.a.close()
		x.b.close()
	}
	errA, errB := <-doneA, <-doneB
	switch {
	case err != nil:
		return err
	case errA != nil:
		return x.a.fail(errA)
	case errB != nil:
		return x.b.fail(errB)
	}
	return nil
}

func (x *run) answers(keys []key, f func(l *pairLook)) error {
	for _, k := range keys {
		l := pairLook{key: k, at: -1}
		var err error
		if l.a, err = x.a.main.readLook(k); err != nil {
			return x.a.fail(err)
		}
		if l.b, err = x.b.main.readLook(k); err != nil {
			return x.b.fail(err)
		}
		if err := x.values(&l); err != nil {
			return err
		}
		f(&l)
	}
	return nil
}

// values reads both values and compares them on the way.
func (x *run) values(l *pairLook) error {
	common := int64(0)
	if l.a.present && l.b.present {
		common = min(l.a.bytes, l.b.bytes)
	}
	for done := int64(0); done < common; {
		a, err := x.a.main.peek(common - done)
		if err != nil {
			return x.a.fail(err)
		}
		b, err := x.b.main.peek(min(common-done, int64(len(a))))
		if err != nil {
			return x.b.fail(err)
		}
		n := min(len(a), len(b))
		if l.at < 0 && !bytes.Equal(a[:n], b[:n]) {
			i := 0
			for a[i] == b[i] {
				i++
			}
			l.at = done + int64(i)
		}
		x.a.main.drop(n)
		x.b.main.drop(n)
		done += int64(n)
	}
	if err := x.a.main.endValue(&l.a, common); err != nil {
		return x.a.fail(err)
	}
	if err := x.b.main.endValue(&l.b, common); err != nil {
		return x.b.fail(err)
	}
	return nil
}

// has asks the node which of the keys it has.
func (n *node) has(keys []key) ([]bool, error) {
	var reqs []byte
	for _, k := range keys {
		reqs = append(append(append(reqs, "me "...), k...), "\r\n"...)
	}
	sent := n.main.send(reqs)
	there := make([]bool, len(keys))
	for i, k := range keys {
		line, err := n.main.line()
		if err != nil {
			n.close()
			<-sent
			return nil, n.fail(err)
		}
		l, err := parseLook(line, k, false)
		if err != nil {
			n.close()
			<-sent
			return nil, n.fail(err)
		}
		there[i] = l.present
	}
	if err := <-sent; err != nil {
		return nil, n.fail(err)
	}
	return there, nil
}

// readLook reads the line that begins one answer.
func (c *conn) readLook(k key) (look, error) {
	line, err := c.line()
	if err != nil {
		return look{}, err
	}
	return parseLook(line, k, true)
}

// peek returns some of the next bytes, limit at most.
func (c *conn) peek(limit int64) ([]byte, error) {
	if c.r.Buffered() == 0 {
		if _, err := c.r.Peek(1); err != nil {
			return nil, err
		}
	}
	return c.r.Peek(int(min(limit, int64(c.r.Buffered()))))
}

func (c *conn) drop(n int) { _, _ = c.r.Discard(n) } // they have been peeked at

// endValue reads what is left of a value of which done bytes have been read, and the
// line end behind it.
func (c *conn) endValue(l *look, done int64) error {
	if !l.present {
		return nil
	}
	for left := l.bytes - done; left > 0; {
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
		return fmt.Errorf("a value of %d bytes does not end there", l.bytes)
	}
	c.drop(2)
	return nil
}
