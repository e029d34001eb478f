package memproto

import (
	"bytes"
	"slices"
	"strconv"

	"twincached/store"
)

// getState is a retrieval in progress: what kind, and, where Out became full in the
// middle of the line or the line is a long one, that the rest of it is to come.
type getState struct {
	expires int64 // absolute ms, for touch
	cas     bool  // print the CAS unique
	touch   bool  // gat, gats

	on    bool // the rest of the line stands at the start of the input, or has still to arrive
	some  bool // it had a key
	wrong bool // an error was answered: the rest of the line is dropped
}

// getWindowBytes is how much of a retrieval's line is looked at in one go. The keys
// of a line that fits are checked before any is answered. A longer line has no bound:
// it is answered as its keys arrive, and none of it has to be kept.
const getWindowBytes = 16 << 10

// retrieve answers a get or gets whose keys are rest[at:end].
func (c *Conn) retrieve(rest []byte, at, end, lineBytes int, g getState) (n int) {
	if word, _ := cutWord(rest[at:end]); len(word) == 0 {
		c.noKeys()
		return lineBytes
	}
	return c.keys(rest, at, end, lineBytes, g)
}

// noKeys answers a retrieval without a key.
func (c *Conn) noKeys() { c.reply(replyBadFormat, false) }

// retrieveAndTouch answers a gat or gats whose arguments are rest[at:end].
func (c *Conn) retrieveAndTouch(rest []byte, at, end, lineBytes int, cas bool) (n int) {
	args := rest[at:end]
	_, keyAt := cutWord(args)
	if key, _ := cutWord(args[keyAt:]); len(key) == 0 {
		c.noKeys()
		return lineBytes
	}
	skip, g, ok := c.touchTime(args, cas)
	if !ok {
		return lineBytes
	}
	return c.keys(rest, at+skip, end, lineBytes, g)
}

// touchTime reads the exptime at the start of a gat's arguments. false: it has
// answered what is wrong with it.
func (c *Conn) touchTime(args []byte, cas bool) (skip int, g getState, ok bool) {
	word, skip := cutWord(args)
	if len(word) == 0 {
		c.noKeys()
		return skip, g, false
	}
	seconds, ok := parseSigned(word)
	if !ok {
		c.reply(replyBadExptime, false)
		return skip, g, false
	}
	return skip, getState{cas: cas, touch: true, expires: absoluteExpiry(c.now, seconds)}, true
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

// longGet begins a retrieval whose line is longer than window, its start. Its keys
// are resumeGet's.
func (c *Conn) longGet(window []byte) (n int) {
	if c.mode&modeCommands != 0 {
		c.sayLine(window)
	}
	name, n := cutWord(window)
	g := getState{cas: name[len(name)-1] == 's'}
	if name[1] == 'a' {
		skip, touch, ok := c.touchTime(window[n:], g.cas)
		touch.wrong = !ok
		g, n = touch, n+skip
	}
	g.on = true
	c.get = g
	return n
}

// resumeGet goes on with a retrieval whose line's rest begins with rest: with the
// keys that are there whole. 0: more has to arrive.
func (c *Conn) resumeGet(rest []byte) (n int) {
	if c.get.wrong {
		i := bytes.IndexByte(rest, '\n')
		if i < 0 {
			return len(rest)
		}
		c.get = getState{}
		return i + 1
	}
	window := rest[:min(len(rest), getWindowBytes)]
	if i := bytes.IndexByte(window, '\n'); i >= 0 {
		end := i
		if i > 0 && rest[i-1] == '\r' {
			end--
		}
		return c.walk(rest, 0, end, i+1, c.get)
	}
	end := bytes.LastIndexByte(window, ' ') + 1
	if end == 0 && len(window) > store.MaxKeyBytes+1 { // a CR may belong to the line's end
		end = len(window)
	}
	if end == 0 {
		return 0
	}
	return c.walk(rest, 0, end, 0, c.get)
}

// walk answers the keys rest[at:end] until they end or Out is full. lineBytes is
// where the line ends in rest; 0: not in rest.
func (c *Conn) walk(rest []byte, at, end, lineBytes int, g getState) (n int) {
	render := store.Render(renderItem)
	if g.cas {
		render = renderItemCAS
	}
	look := c.watched()
	ahead := at // the keys before it have been asked for
	for at < end {
		if rest[at] == ' ' {
			at++
			continue
		}
		if c.full() {
			g.on = true
			c.get = g
			return at
		}
		stop := end
		if i := bytes.IndexByte(rest[at:end], ' '); i >= 0 {
			stop = at + i
			if at >= ahead {
				ahead = at + c.lookAheadKeys(rest[at:end])
			}
		}
		if stop-at > store.MaxKeyBytes {
			g.on, g.wrong = true, true
			c.get = g
			c.reply(replyBadFormat, false)
			return stop
		}
		g.some = true
		key, hit := rest[at:stop], false
		if g.touch {
			c.fetch = store.Fetch{Key: key, Touch: true, Expires: g.expires, Pin: &c.pin}
			if hit = c.doFetch(render); c.fetch.NoMemory { // as a touch; and it ends the reply
				g.on, g.wrong = true, true
				c.get = g
				c.reply(replyNoMemory, false)
				return stop
			}
		} else {
			c.out, hit = c.srv.Store.GetPinned(c.now, key, c.out, render, &c.pin, look)
			if look != nil { // doGet, without a call
				c.tellLookup(key, c.look)
			}
		}
		if hit && c.mode&modeCommands != 0 {
			c.sayKey(key)
		}
		c.noteGet(key, hit)
		at = stop
	}
	if lineBytes == 0 {
		g.on = true
		c.get = g
		return end
	}
	c.get = getState{}
	if g.some || g.touch {
		c.reply(replyEnd, false)
	} else {
		c.noKeys()
	}
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
	dst = appendValue(dst, v)
	return append(dst, "\r\n"...)
}

// renderItemCAS is the store.Render of gets and gats.
func renderItemCAS(dst []byte, v *store.View) []byte {
	dst = appendItemHead(dst, v)
	dst = append(dst, ' ')
	dst = strconv.AppendUint(dst, v.Version, 10)
	dst = append(dst, "\r\n"...)
	dst = appendValue(dst, v)
	return append(dst, "\r\n"...)
}

func appendItemHead(dst []byte, v *store.View) []byte {
	dst = slices.Grow(dst, len(v.Key)+inlineBytes(v)+itemReplyBytes)
	dst = append(dst, "VALUE "...)
	dst = append(dst, v.Key...)
	dst = append(dst, ' ')
	dst = strconv.AppendUint(dst, uint64(v.Flags), 10)
	dst = append(dst, ' ')
	return strconv.AppendUint(dst, uint64(len(v.Value)), 10)
}
