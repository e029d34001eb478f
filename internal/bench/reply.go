package bench

import (
	"bytes"
	"fmt"
	"strconv"
)

// Lines of the protocols. What ends a get with several keys, or says that a key is not there.
var (
	setReply = [...]string{Text: "STORED\r\n", Meta: "HD\r\n", RESP: "+OK\r\n"}
	endReply = [...]string{Text: "END\r\n", Meta: "MN\r\n"}
	noReply  = [...]string{Meta: "EN\r\n", RESP: "$-1\r\n"}
)

// reply takes one line, and the value behind it, of the reply that c waits for. It returns how
// many bytes it used: 0 when some are missing.
func (s *source) reply(c *client, line, rest []byte) (used int, err error) {
	r := &c.reqs[c.next]
	if !r.get {
		if string(line) != setReply[s.opt.Protocol] {
			return 0, c.wrong("the server answered to a set", line)
		}
		c.key = 1
		return len(line), nil
	}
	keys := c.keys[r.first:r.last]
	switch {
	case s.opt.Protocol == RESP && len(keys) > 1 && !c.head:
		if s.line = append(strconv.AppendInt(append(s.line[:0], '*'), int64(len(keys)), 10), "\r\n"...); string(line) != string(s.line) {
			return 0, c.wrong("the server answered to MGET", line)
		}
		c.head = true
		return len(line), nil
	case s.opt.Protocol == RESP || s.opt.Protocol == Meta && len(keys) == 1:
		if string(line) == noReply[s.opt.Protocol] {
			return len(line), s.missed(c, keys, c.key+1)
		}
		s.expect(keys[c.key], false)
		if !bytes.Equal(line, s.line) {
			return 0, c.unexpected(line, s.line)
		}
	case string(line) == endReply[s.opt.Protocol]:
		return len(line), s.missed(c, keys, len(keys))
	default: // values come in the order of the keys, and those that are not there are left out
		at := c.key
		for ; at < len(keys); at++ {
			if s.expect(keys[at], true); bytes.Equal(line, s.line) {
				break
			}
		}
		if at == len(keys) {
			s.expect(keys[min(c.key, len(keys)-1)], true)
			return 0, c.unexpected(line, s.line)
		}
		if err := s.missed(c, keys, at); err != nil {
			return 0, err
		}
	}
	used, err = s.value(c, keys[c.key], rest)
	if used == 0 || err != nil {
		return 0, err
	}
	s.counts.Hits++
	c.key++
	used += len(line)
	// "END" or "MN" is still to come behind the last value: key stays short of the end.
	if c.key == len(keys) && (s.opt.Protocol == Text || s.opt.Protocol == Meta && len(keys) > 1) {
		return s.ending(c, rest, line, used)
	}
	return used, nil
}

// ending looks for the line behind the last value of a get. Until it has come nothing of that
// value counts.
func (s *source) ending(c *client, rest, line []byte, used int) (int, error) {
	want := endReply[s.opt.Protocol]
	tail := rest[used-len(line):]
	if len(tail) >= len(want) {
		if string(tail[:len(want)]) != want {
			return 0, c.wrong("the server sent behind the last value", tail)
		}
		return used + len(want), nil
	}
	s.counts.Hits--
	c.key--
	return 0, nil
}

// missed counts the keys from c.key to end as missing.
func (s *source) missed(c *client, keys []uint32, end int) error {
	if n := end - c.key; n > 0 {
		if s.opt.NeedHits {
			return fmt.Errorf("connection %d: %s is not there", c.id, s.data.appendKey(nil, keys[c.key]))
		}
		s.counts.Misses += uint64(n)
		c.key = end
	}
	return nil
}

// expect makes s.line the line before the value of key k. named: the key stands in it.
func (s *source) expect(k uint32, named bool) {
	size := int64(len(s.data.value(k)))
	switch {
	case s.opt.Protocol == RESP:
		s.line = strconv.AppendInt(append(s.line[:0], '$'), size, 10)
	case s.opt.Protocol == Meta:
		s.line = strconv.AppendInt(append(s.line[:0], "VA "...), size, 10)
		if named {
			s.line = s.data.appendKey(append(s.line, " k"...), k)
		}
	default:
		s.line = append(s.data.appendKey(append(s.line[:0], "VALUE "...), k), " 0 "...)
		s.line = strconv.AppendInt(s.line, size, 10)
	}
	s.line = append(s.line, "\r\n"...)
}

// value compares the value of key k, and returns its length with its end; 0: it is not all there.
func (s *source) value(c *client, k uint32, rest []byte) (int, error) {
	want := s.data.value(k)
	if len(rest) < len(want)+2 {
		return 0, nil
	}
	if got := rest[:len(want)]; !bytes.Equal(got, want) || rest[len(want)] != '\r' || rest[len(want)+1] != '\n' {
		return 0, fmt.Errorf("connection %d: a wrong value: %s is not what was set, but %.40q", c.id, s.data.appendKey(nil, k), got)
	}
	return len(want) + 2, nil
}

func (c *client) unexpected(line, want []byte) error {
	return fmt.Errorf("connection %d: the server answered %.80q to a get, where %.80q was due", c.id, bytes.TrimSpace(line), bytes.TrimSpace(want))
}
