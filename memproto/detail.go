package memproto

import (
	"bytes"
	"maps"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"
)

// prefixes counts the commands by the prefix of their key: what stands before the
// delimiter. Keys without one count nowhere, as in memcached.
type prefixes struct {
	on     atomic.Bool
	mu     sync.Mutex
	counts map[string]*prefixCounts // guarded by mu
	bytes  int                      // of the names in counts; guarded by mu
}

type prefixCounts struct{ gets, hits, sets, deletes uint64 }

// Those that come later than so many are not counted. The first is memcached's
// number; with the second, names of 32 bytes, they cost some 10 MiB of the Go heap.
const (
	maxPrefixes    = 1 << 16
	maxPrefixBytes = 2 << 20
)

// defaultDelimiter stands for Server.PrefixDelimiter 0.
const defaultDelimiter = ':'

func (s *Server) delimiter() byte {
	if s.PrefixDelimiter == 0 {
		return defaultDelimiter
	}
	return s.PrefixDelimiter
}

// CountPrefixes switches the counts of "stats detail" on or off.
func (s *Server) CountPrefixes(on bool) { s.prefixes.on.Store(on) }

func (p *prefixes) reset() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.counts, p.bytes = nil, 0
}

// count runs f on the counts of the key's prefix.
func (s *Server) countPrefix(key []byte, f func(*prefixCounts)) {
	prefix, _, ok := bytes.Cut(key, []byte{s.delimiter()})
	if !ok {
		return
	}
	p := &s.prefixes
	p.mu.Lock()
	defer p.mu.Unlock()
	n := p.counts[string(prefix)]
	if n == nil {
		if len(p.counts) >= maxPrefixes || p.bytes+len(prefix) > maxPrefixBytes {
			return
		}
		if p.counts == nil {
			p.counts = map[string]*prefixCounts{}
		}
		n = new(prefixCounts)
		p.counts[string(prefix)] = n
		p.bytes += len(prefix)
	}
	f(n)
}

// noteGet, noteSet and noteDelete count a command if that is switched on.
func (c *Conn) noteGet(key []byte, hit bool) {
	if c.srv.prefixes.on.Load() {
		c.srv.countPrefix(key, func(n *prefixCounts) {
			n.gets++
			n.hits += flag(hit)
		})
	}
}

func (c *Conn) noteSet(key []byte) {
	if c.srv.prefixes.on.Load() {
		c.srv.countPrefix(key, func(n *prefixCounts) { n.sets++ })
	}
}

func (c *Conn) noteDelete(key []byte) {
	if c.srv.prefixes.on.Load() {
		c.srv.countPrefix(key, func(n *prefixCounts) { n.deletes++ })
	}
}

// detail answers "stats detail on|off|dump".
func (c *Conn) detail(t *tokens) {
	if c.srv.NoDumps {
		c.reply(replyNoDetail, false)
		return
	}
	what := ""
	if t.n > 2 {
		what = string(t.word[2])
	}
	switch what {
	case "on", "off":
		c.srv.CountPrefixes(what == "on")
		c.reply(replyOK, false)
	case "dump":
		c.dumpPrefixes()
	default:
		c.reply("CLIENT_ERROR usage: stats detail on|off|dump\r\n", false)
	}
}

// dumpPrefixes prints the counts in the order of the prefixes.
func (c *Conn) dumpPrefixes() {
	p := &c.srv.prefixes
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, prefix := range slices.Sorted(maps.Keys(p.counts)) {
		n := p.counts[prefix]
		c.out = append(append(c.out, "PREFIX "...), prefix...)
		c.out = strconv.AppendUint(append(c.out, " get "...), n.gets, 10)
		c.out = strconv.AppendUint(append(c.out, " hit "...), n.hits, 10)
		c.out = strconv.AppendUint(append(c.out, " set "...), n.sets, 10)
		c.out = strconv.AppendUint(append(c.out, " del "...), n.deletes, 10)
		c.out = append(c.out, "\r\n"...)
	}
	c.out = append(c.out, replyEnd...)
}
