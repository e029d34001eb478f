package memproto

import (
	"encoding/base64"
	"slices"
	"strconv"

	"twincached/store"
)

// dumpKind is what a dump prints of each item.
type dumpKind uint8

const (
	dumpMeta dumpKind = iota // lru_crawler metadump: a line of properties, with a space and no CR at its end
	dumpMG                   // lru_crawler mgdump: the meta get that fetches it
	dumpOld                  // stats cachedump
)

// cachedumpBytes is what memcached answers to a cachedump at most.
const cachedumpBytes = 2 << 20

// dumpState is a dump in progress. While it is, the last byte of its command line
// stays in the input, so that Process is called again.
type dumpState struct {
	kind    dumpKind
	at      store.DumpCursor
	classes store.ClassSet
	items   int64 // cachedump: items that may still be shown
	bytes   int   // cachedump: bytes that may still be printed
}

// maxDumps is how many metadumps and mgdumps may be under way: the others are told
// that the node is BUSY. memcached has one crawler for them, and allows one.
const maxDumps = 4

// resumeDump prints the next part of the dump: what fits Out and one turn, and the
// end with its last part.
func (c *Conn) resumeDump() (n int) {
	d, before := c.dump, len(c.out)
	room := OutSoftLimitBytes + 1 - before
	done := false
	switch d.kind {
	case dumpMeta:
		c.out, done = c.srv.Store.Dump(c.now, &d.at, d.classes, c.out, room, c.metaLine)
	case dumpMG:
		c.out, done = c.srv.Store.Dump(c.now, &d.at, d.classes, c.out, room, mgLine)
	case dumpOld:
		c.out, done = c.srv.Store.Dump(c.now, &d.at, d.classes, c.out, room, c.cachedumpLine)
		done = done || d.items == 0 || d.bytes == 0
	}
	if !done {
		return 0
	}
	end := replyEnd
	if d.kind == dumpMG {
		end = replyDumpEnd
	}
	c.out = append(c.out, end...)
	c.endDump()
	return 1
}

// endDump makes room for another one.
func (c *Conn) endDump() {
	if c.dump != nil && c.dump.kind != dumpOld {
		c.srv.dumps.Add(-1)
	}
	c.dump = nil
}

// metaLine is the store.Render of metadump.
func (c *Conn) metaLine(dst []byte, v *store.View) []byte {
	dst = appendURI(append(dst, "key="...), v.Key)
	dst = append(dst, " exp="...)
	if v.Expires == 0 {
		dst = append(dst, "-1"...)
	} else {
		dst = strconv.AppendInt(dst, v.Expires/1000, 10)
	}
	dst = strconv.AppendInt(append(dst, " la="...), c.now/1000-v.IdleSeconds, 10)
	dst = strconv.AppendUint(append(dst, " cas="...), v.Version, 10)
	if v.Fetched {
		dst = append(dst, " fetch=yes cls="...)
	} else {
		dst = append(dst, " fetch=no cls="...)
	}
	dst = appendClassAndSize(dst, v)
	dst = strconv.AppendUint(append(dst, " flags="...), uint64(v.Flags), 10)
	return append(dst, " \n"...) // as memcached ends it
}

// appendClassAndSize prints an item's slab class, " size=", and its size as
// memcached counts it, which keeps no room for flags of 0.
func appendClassAndSize(dst []byte, v *store.View) []byte {
	size := store.ItemBytes(len(v.Key), len(v.Value))
	dst = strconv.AppendInt(dst, int64(store.ClassOf(size)), 10)
	if v.Flags != 0 {
		size += 4
	}
	return strconv.AppendInt(append(dst, " size="...), int64(size), 10)
}

// mgLine is the store.Render of mgdump. A key that cannot stand in a line is
// given in base64.
func mgLine(dst []byte, v *store.View) []byte {
	dst = append(dst, "mg "...)
	if printableKey(v.Key) {
		return append(append(dst, v.Key...), "\r\n"...)
	}
	dst = base64.StdEncoding.AppendEncode(dst, v.Key)
	return append(dst, " b\r\n"...)
}

// cachedumpLine is the store.Render of cachedump, which leaves out what cannot
// stand in a line.
func (c *Conn) cachedumpLine(dst []byte, v *store.View) []byte {
	d := c.dump
	if d.items == 0 || d.bytes == 0 || !printableKey(v.Key) {
		return dst
	}
	before := len(dst)
	dst = append(append(dst, "ITEM "...), v.Key...)
	dst = strconv.AppendInt(append(dst, " ["...), int64(len(v.Value)), 10)
	dst = strconv.AppendInt(append(dst, " b; "...), v.Expires/1000, 10)
	dst = append(dst, " s]\r\n"...)
	if d.bytes -= len(dst) - before; d.bytes <= len(replyEnd) {
		d.bytes = 0
		return dst[:before]
	}
	d.items--
	return dst
}

// printableKey tells whether a key can stand in a line of text.
func printableKey(key []byte) bool {
	return !slices.ContainsFunc(key, func(b byte) bool { return b <= ' ' || b == 0x7f })
}

const hexDigits = "0123456789ABCDEF"

// appendURI escapes all but the unreserved characters of RFC 3986.
func appendURI(dst, key []byte) []byte {
	for _, b := range key {
		switch {
		case 'a' <= b && b <= 'z', 'A' <= b && b <= 'Z', '0' <= b && b <= '9', b == '-', b == '.', b == '_', b == '~':
			dst = append(dst, b)
		default:
			dst = append(dst, '%', hexDigits[b>>4], hexDigits[b&15])
		}
	}
	return dst
}

// cachedump answers "stats cachedump <class> <limit>"; a limit of 0 is none.
func (c *Conn) cachedump(t *tokens) {
	if c.srv.NoDumps {
		c.reply(replyNoCachedump, false)
		return
	}
	if t.n < 4 {
		c.reply(replyBadLine, false)
		return
	}
	class, ok1 := parseUint32(t.word[2])
	limit, ok2 := parseUint32(t.word[3])
	switch {
	case !ok1 || !ok2:
		c.reply(replyBadFormat, false)
		return
	case class >= slabClasses:
		c.reply(replyBadSlab, false)
		return
	case class == 0 || class >= store.SizeClasses:
		c.reply(replyEnd, false)
		return
	}
	items := int64(limit)
	if limit == 0 {
		items = -1 // never reaches 0
	}
	c.dump = &dumpState{kind: dumpOld, classes: 1 << class, items: items, bytes: cachedumpBytes}
}
