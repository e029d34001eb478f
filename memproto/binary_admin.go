package memproto

import (
	"bytes"
	"encoding/binary"
	"slices"
)

// binaryFlush answers flush, with or without a delay.
func (c *Conn) binaryFlush(p *packet) (n int) {
	if !c.srv.FlushEnabled {
		c.fail(p, statusAuth)
		return p.headBytes
	}
	seconds := int64(0)
	if len(p.extras) > 0 {
		seconds = int64(binary.BigEndian.Uint32(p.extras))
	}
	c.flush(seconds)
	c.succeed(p, 0)
	return p.headBytes
}

// binaryVerbosity answers verbosity, whose extras are the level.
func (c *Conn) binaryVerbosity(p *packet) (n int) {
	c.srv.setVerbosity(uint64(binary.BigEndian.Uint32(p.extras)))
	c.succeed(p, 0)
	return p.headBytes
}

// binaryStat answers stat: the rows of the text protocol's "stats KEY", a packet
// each, and one without key and value behind them. What is no such group there
// is not found here.
func (c *Conn) binaryStat(p *packet) (n int) {
	at := len(c.out)
	var t tokens
	t.split(slices.Concat([]byte("stats "), p.key))
	c.stats(&t)
	text := slices.Clone(c.out[at:])
	c.out = c.out[:at]
	known := bytes.HasSuffix(text, []byte(replyEnd)) || string(text) == replyReset
	if !known {
		c.fail(p, statusNotFound)
		return p.headBytes
	}
	for line := range bytes.SplitSeq(text, []byte("\r\n")) {
		row, ok := bytes.CutPrefix(line, []byte("STAT "))
		if !ok {
			continue
		}
		name, value, _ := bytes.Cut(row, []byte{' '})
		c.head(p, statusOK, 0, len(name), len(name)+len(value), 0)
		c.out = append(append(c.out, name...), value...)
	}
	c.head(p, statusOK, 0, 0, 0, 0)
	return p.headBytes
}
