package memproto

import (
	"encoding/base64"

	"twincached/store"
)

// The meta protocol: two-letter commands, a key, and flags of one letter with or
// without a token behind it. doc/protocol.txt of memcached, "Meta Commands".

const (
	maxMetaTokens  = 20 // words of a line, command and key included; as memcached
	maxOpaqueBytes = 32 // of an O flag, its letter included; as memcached
)

// metaLine is one checked line of the meta protocol. Its slices point into the
// input, or into room.
type metaLine struct {
	n      int // flags
	flag   [maxMetaTokens][]byte
	key    []byte
	binary bool                        // b: the key came, and is answered, in base64
	room   [store.MaxKeyBytes + 2]byte // base64 without padding may decode to as much before it is refused
	now    int64

	value      bool // v
	quiet      bool // q
	peek       bool // u: the read is not noted
	invalidate bool // I
	empty      bool // x
	longOpaque bool // O, and too long

	touch, create, renew     bool  // T, N, R
	expires, createExp, soon int64 // their tokens, absolute Unix ms
	renewFirst               bool  // R stands before T
	createFirst              bool  // N stands before T

	compare bool   // C
	cas     uint64 // its token
	flags   uint32 // F
	mode    byte   // M; 0 = the default
	initial uint64 // J
	delta   uint64 // D
}

// isMeta tells whether the line is of the meta protocol.
func isMeta(line []byte) bool {
	if len(line) < 2 || line[0] != 'm' || len(line) > 2 && line[2] != ' ' {
		return false
	}
	switch line[1] {
	case 'g', 's', 'd', 'a', 'n', 'e':
		return true
	}
	return false
}

// metaCommand runs the meta command rest[:end]; see command.
func (c *Conn) metaCommand(rest []byte, end, lineBytes int) (n, need int) {
	line := rest[:end]
	if line[1] == 'n' {
		c.reply("MN\r\n", false)
		return lineBytes, 0
	}
	if c.meta == nil {
		c.meta = new(metaLine) // most conns never need one
	}
	m := c.meta
	key, at := cutWord(line[2:])
	at += 2
	if len(key) == 0 {
		c.reply(replyBadFormat, false)
		return lineBytes, 0
	}
	switch {
	case line[1] == 's':
		return c.metaSet(m, key, rest, at, end, lineBytes)
	case !metaWords(line[at:]):
		c.reply(replyBadFormat, false)
	case line[1] == 'e':
		c.metaInspect(m, m.parseInspection(c.now, key, line[at:]))
	default:
		fault := m.parse(c.now, key, line[at:], maxMetaTokens-2)
		switch line[1] {
		case 'g':
			c.metaGet(m, fault)
		case 'd':
			c.md = true
			c.metaDelete(m, fault)
			c.md = false
		case 'a':
			c.metaArithmetic(m, fault)
		}
	}
	return lineBytes, 0
}

// parse checks a line's key and flags. There may be maxFlags of them. fault is the
// reply to a line that cannot be carried out; "" = none. That an opaque is too long is
// noted only: what else is wrong counts more.
func (m *metaLine) parse(nowMillis int64, key, rest []byte, maxFlags int) (fault string) {
	*m = metaLine{key: key, now: nowMillis, delta: 1, room: m.room}
	if len(key) > store.MaxKeyBytes && !longBase64(key, rest) {
		return replyBadFormat
	}
	for word, end := cutWord(rest); len(word) > 0; word, end = cutWord(rest) {
		if m.n == maxFlags {
			return "CLIENT_ERROR options flags are too long\r\n"
		}
		m.flag[m.n] = word
		m.n++
		rest = rest[end:]
	}
	var seen [128]bool
	for _, word := range m.flag[:m.n] {
		if seen[word[0]] {
			return "CLIENT_ERROR duplicate flag\r\n"
		}
		seen[word[0]] = true
		switch f := m.take(word[0], word[1:]); {
		case f == replyInvalidFlag:
			return f // nothing behind it matters
		case f != "" && (fault == "" || f != replyBadFormat):
			fault = f // the last one counts, and one that has no words of its own least
		}
	}
	return fault
}

// parseInspection is parse for me, which looks at b and v and at nothing else.
func (m *metaLine) parseInspection(nowMillis int64, key, rest []byte) (fault string) {
	*m = metaLine{key: key, now: nowMillis, room: m.room}
	if len(key) > store.MaxKeyBytes && !longBase64(key, rest) {
		return replyBadFormat
	}
	for word, end := cutWord(rest); len(word) > 0; word, end = cutWord(rest) {
		rest = rest[end:]
		if letter := word[0]; letter == 'v' || letter == 'b' && !m.binary {
			if m.take(letter, nil) != "" {
				return replyBadFormat
			}
		}
	}
	return ""
}

// metaWords tells whether each flag begins with a letter or digit, or one of the few
// signs between the letters. Without that memcached takes the line for none.
func metaWords(flags []byte) bool {
	for range maxTokens {
		word, end := cutWord(flags)
		if len(word) == 0 {
			break
		}
		if b := word[0]; (b <= '@' || b > 'z') && b-'0' > 9 {
			return false
		}
		flags = flags[end:]
	}
	return true
}

// longBase64 tells whether a key that is too long as it stands may be base64 of one
// that is not: mgdump prints such keys.
func longBase64(key, flags []byte) bool {
	if len(key) > base64.StdEncoding.EncodedLen(store.MaxKeyBytes) {
		return false
	}
	for {
		word, end := cutWord(flags)
		if len(word) == 0 || word[0] == 'b' {
			return len(word) > 0
		}
		flags = flags[end:]
	}
}

const (
	replyInvalidFlag = "CLIENT_ERROR invalid flag\r\n"
	replyBadToken    = "CLIENT_ERROR bad token in command line format\r\n"
	replyLongOpaque  = "CLIENT_ERROR opaque token too long\r\n"
	replyMetaFlags   = "CLIENT_ERROR invalid or duplicate flag\r\n"
	// replyNoCAS: a CAS that a client chose could not order the writes of two nodes.
	replyNoCAS = "CLIENT_ERROR the E flag is not supported: the cas orders the writes of both nodes\r\n"
)

// take notes one flag.
func (m *metaLine) take(letter byte, token []byte) (fault string) {
	ok := true
	switch letter {
	case 'b':
		n, err := base64.StdEncoding.Decode(m.room[:], m.key)
		if err != nil || n == 0 || n > store.MaxKeyBytes {
			return "CLIENT_ERROR error decoding key\r\n"
		}
		m.key, m.binary = m.room[:n], true
	case 'v':
		m.value = true
	case 'q':
		m.quiet = true
	case 'u':
		m.peek = true
	case 'I':
		m.invalidate = true
	case 'x':
		m.empty = true
	case 'k', 's', 't', 'c', 'f', 'l', 'h': // answered
	case 'P', 'L': // for proxies
	case 'O':
		m.longOpaque = m.longOpaque || len(token)+1 > maxOpaqueBytes
	case 'T':
		m.touch, m.renewFirst, m.createFirst = true, m.renew, m.create
		m.expires, ok = m.time(token)
	case 'N':
		m.create = true
		m.createExp, ok = m.time(token)
	case 'R':
		m.renew = true
		m.soon, ok = m.renewal(token)
	case 'C':
		m.compare = true
		m.cas, ok = parseDigits(token)
	case 'F':
		if m.flags, ok = parseUint32(token); !ok {
			return replyBadFormat
		}
	case 'M':
		if m.mode = ' '; len(token) > 0 {
			m.mode = token[0]
		}
	case 'J':
		if m.initial, ok = parseDigits(token); !ok {
			return "CLIENT_ERROR invalid numeric initial value\r\n"
		}
	case 'D':
		if m.delta, ok = parseDigits(token); !ok {
			return "CLIENT_ERROR invalid numeric delta value\r\n"
		}
	case 'E':
		return replyNoCAS
	default:
		return replyInvalidFlag
	}
	if !ok {
		return replyBadToken
	}
	return ""
}

// created is the expiry of an item that mg or ma makes: of N and T the later counts.
func (m *metaLine) created() int64 {
	if m.createFirst {
		return m.expires
	}
	return m.createExp
}

// renewal reads R's exptime: an item is to be renewed whose seconds left, as t answers
// them, are fewer than it says.
func (m *metaLine) renewal(token []byte) (int64, bool) {
	seconds, ok := parseSigned(token)
	if 0 < seconds && seconds <= maxRelativeSeconds {
		return m.now + seconds*1000 - 999, ok
	}
	return absoluteExpiry(m.now, seconds), ok
}

// time reads an exptime.
func (m *metaLine) time(token []byte) (int64, bool) {
	seconds, ok := parseSigned(token)
	return absoluteExpiry(m.now, seconds), ok
}
