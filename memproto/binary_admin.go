package memproto

import (
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

// binaryStat answers stat: the rows of the text protocol's "stats KEY". What is no such
// group there is not found here.
func (c *Conn) binaryStat(p *packet) (n int) {
	word, at := cutWord(p.key)
	switch kind := string(word); kind {
	case "detail":
		return c.binaryDetail(p, strings.TrimPrefix(string(p.key[at:]), " "))
	case "cachedump", "extstore": // of the text protocol only, as in memcached
		c.fail(p, statusNotFound)
	case "reset":
		c.srv.resetStats()
		c.statPackets(p, nil)
	default:
		if rows, known := c.statRows(kind); known {
			c.statPackets(p, rows)
		} else {
			c.fail(p, statusNotFound)
		}
	}
	return p.headBytes
}

// binaryDetail answers stat of "detail", "detail dump", "detail on" and "detail off";
// a dump is one row.
func (c *Conn) binaryDetail(p *packet, what string) (n int) {
	what, _, _ = strings.Cut(what, " ")
	switch {
	case c.srv.NoDumps:
		c.fail(p, statusNotFound)
	case what == "", what == "dump":
		at := len(c.out)
		c.dumpPrefixes()
		text := slices.Clone(c.out[at:])
		c.out = c.out[:at]
		c.statPackets(p, Rows{{"detailed", string(text)}})
	case what == "on", what == "off":
		c.srv.CountPrefixes(what == "on")
		c.statPackets(p, nil)
	default:
		c.fail(p, statusNotFound)
	}
	return p.headBytes
}
