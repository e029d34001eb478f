package memproto

import (
	"bytes"
	"encoding/binary"
	"slices"
	"strings"
)

// binaryFlush answers flush, with or without a delay.
func (c *Conn) binaryFlush(p *packet) (n int) {
	if !c.srv.FlushEnabled {
		c.srv.Store.CountFlush()
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
	kind, what, _ := bytes.Cut(p.key, []byte{' '})
	switch string(kind) {
	case "detail":
		if c.srv.NoDumps {
			c.fail(p, statusNotFound)
			return p.headBytes
		}
		return c.binaryDetail(p, string(what))
	case "cachedump", "extstore": // of the text protocol only, as in memcached
		c.fail(p, statusNotFound)
		return p.headBytes
	}
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

// binaryDetail answers stat of "detail", "detail dump", "detail on" and "detail off";
// a dump is one row.
func (c *Conn) binaryDetail(p *packet, what string) (n int) {
	what, _, _ = strings.Cut(what, " ")
	switch what {
	case "", "dump":
		at := len(c.out)
		c.dumpPrefixes()
		text := slices.Clone(c.out[at:])
		c.out = c.out[:at]
		const name = "detailed"
		c.head(p, statusOK, 0, len(name), len(name)+len(text), 0)
		c.out = append(append(c.out, name...), text...)
	case "on", "off":
		c.srv.CountPrefixes(what == "on")
	default:
		c.fail(p, statusNotFound)
		return p.headBytes
	}
	c.head(p, statusOK, 0, 0, 0, 0)
	return p.headBytes
}
