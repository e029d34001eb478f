package memproto

import (
	"bytes"
	"slices"
	"strconv"

	"twincached/store"
)

// getState is a retrieval in progress: what kind, and, if Out became full in
// the middle of the line, how much of the line is left.
type getState struct {
	cas       bool  // print the CAS unique
	touch     bool  // gat, gats
	expires   int64 // absolute ms, for touch
	keyBytes  int   // left of the keys
	lineBytes int   // left of the line, line end included; 0 = no retrieval in progress
}

// retrieve answers a get or gets whose keys are rest[at:end].
func (c *Conn) retrieve(rest []byte, at, end, lineBytes int, g getState) (n int) {
	if word, _ := cutWord(rest[at:end]); len(word) == 0 {
		c.reply(replyError, false)
		return lineBytes
	}
	return c.keys(rest, at, end, lineBytes, g)
}

// retrieveAndTouch answers a gat or gats whose arguments are rest[at:end].
func (c *Conn) retrieveAndTouch(rest []byte, at, end, lineBytes int, cas bool) (n int) {
	word, skip := cutWord(rest[at:end])
	if len(word) == 0 {
		c.reply(replyError, false)
		return lineBytes
	}
	seconds, ok := parseInt(word)
	if !ok {
		c.reply(replyBadExptime, false)
		return lineBytes
	}
	g := getState{cas: cas, touch: true, expires: absoluteExpiry(c.now, seconds)}
	return c.keys(rest, at+skip, end, lineBytes, g)
}

// keys starts the walk over the keys rest[at:end]. The lengths of all keys are
// checked first, for a reply that is on its way cannot be taken back.
func (c *Conn) keys(rest []byte, at, end, lineBytes int, g getState) (n int) {
	if hasLongKey(rest[at:end]) {
		c.reply(replyBadFormat, false)
		return lineBytes
	}
	return c.walk(rest, at, end, lineBytes, g)
}

// resumeGet goes on with a retrieval whose line's rest stands at the start of
// rest.
func (c *Conn) resumeGet(rest []byte) (n, need int) {
	g := c.get
	if len(rest) < g.lineBytes {
		return 0, g.lineBytes
	}
	c.get = getState{}
	return c.walk(rest, 0, g.keyBytes, g.lineBytes, g), 0
}

// walk answers the keys rest[at:end] until they end or Out is full.
func (c *Conn) walk(rest []byte, at, end, lineBytes int, g getState) (n int) {
	render := store.Render(renderItem)
	if g.cas {
		render = renderItemCAS
	}
	st := c.srv.Store
	for at < end {
		if rest[at] == ' ' {
			at++
			continue
		}
		if len(c.out) > OutSoftLimitBytes {
			g.keyBytes, g.lineBytes = end-at, lineBytes-at
			c.get = g
			return at
		}
		stop := end
		if i := bytes.IndexByte(rest[at:end], ' '); i >= 0 {
			stop = at + i
		}
		before := len(c.out)
		switch {
		case g.touch:
			c.fetch = store.Fetch{Key: rest[at:stop], Touch: true, Expires: g.expires}
			if c.doFetch(render) && c.mode&modeCommands != 0 {
				c.sayKey(rest[at:stop])
			}
		case c.mode != 0:
			if c.getWatched(rest[at:stop], render) && c.mode&modeCommands != 0 {
				c.sayKey(rest[at:stop])
			}
		default:
			c.out, _ = st.Get(c.now, rest[at:stop], c.out, render)
		}
		c.noteGet(rest[at:stop], len(c.out) > before)
		at = stop
	}
	c.reply(replyEnd, false)
	return lineBytes
}

// hasLongKey tells whether one of the keys in b is over store.MaxKeyBytes. It
// leaps from window to window: if the last space in a window ends a word, all
// words before it were short enough.
func hasLongKey(b []byte) bool {
	for len(b) > store.MaxKeyBytes {
		i := bytes.LastIndexByte(b[:store.MaxKeyBytes+1], ' ')
		if i < 0 {
			return true
		}
		b = b[i+1:]
	}
	return false
}

// itemReplyBytes bounds what a reply adds to key and value: "VALUE ", three
// numbers, spaces, line ends.
const itemReplyBytes = 6 + 10 + 10 + 20 + 3 + 4

// renderItem is the store.Render of get and gat.
func renderItem(dst []byte, v *store.View) []byte {
	dst = appendItemHead(dst, v)
	dst = append(dst, "\r\n"...)
	dst = append(dst, v.Value...)
	return append(dst, "\r\n"...)
}

// renderItemCAS is the store.Render of gets and gats.
func renderItemCAS(dst []byte, v *store.View) []byte {
	dst = appendItemHead(dst, v)
	dst = append(dst, ' ')
	dst = strconv.AppendUint(dst, v.Version, 10)
	dst = append(dst, "\r\n"...)
	dst = append(dst, v.Value...)
	return append(dst, "\r\n"...)
}

func appendItemHead(dst []byte, v *store.View) []byte {
	dst = slices.Grow(dst, len(v.Key)+len(v.Value)+itemReplyBytes)
	dst = append(dst, "VALUE "...)
	dst = append(dst, v.Key...)
	dst = append(dst, ' ')
	dst = strconv.AppendUint(dst, uint64(v.Flags), 10)
	dst = append(dst, ' ')
	return strconv.AppendUint(dst, uint64(len(v.Value)), 10)
}
