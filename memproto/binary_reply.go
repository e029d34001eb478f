package memproto

import (
	"encoding/binary"
	"slices"

	"twincached/store"
)

// binaryStatus is the outcome in a reply's header.
type binaryStatus uint16

const (
	statusOK           binaryStatus = 0x00
	statusNotFound     binaryStatus = 0x01
	statusExists       binaryStatus = 0x02
	statusTooLarge     binaryStatus = 0x03
	statusInvalid      binaryStatus = 0x04
	statusNotStored    binaryStatus = 0x05
	statusNonNumeric   binaryStatus = 0x06
	statusAuth         binaryStatus = 0x20
	statusAuthContinue binaryStatus = 0x21
	statusUnknown      binaryStatus = 0x81
	statusNoMemory     binaryStatus = 0x82
)

// text is the body of an error reply, as memcached spells it.
func (s binaryStatus) text() string {
	switch s {
	case statusNotFound:
		return "Not found"
	case statusExists:
		return "Data exists for key."
	case statusTooLarge:
		return "Too large."
	case statusInvalid:
		return "Invalid arguments"
	case statusNotStored:
		return "Not stored."
	case statusNonNumeric:
		return "Non-numeric server-side value for incr or decr"
	case statusAuth:
		return "Auth failure."
	case statusUnknown:
		return "Unknown command"
	case statusNoMemory:
		return "Out of memory"
	}
	return ""
}

// head appends the header of a reply to p.
func (c *Conn) head(p *packet, s binaryStatus, extrasBytes, keyBytes, bodyBytes int, cas uint64) {
	c.out = appendBinaryHead(c.out, s, extrasBytes, keyBytes, bodyBytes, cas)
	c.address(p, len(c.out)-binaryHeadBytes)
}

// address puts into the header at c.out[at:] which request it answers.
func (c *Conn) address(p *packet, at int) {
	c.out[at+1] = p.opcode
	binary.BigEndian.PutUint32(c.out[at+12:], p.opaque)
	if c.mode&modeCommands != 0 {
		c.sayHead('>', "Writing bin response:", c.out[at:at+binaryHeadBytes])
	}
}

// succeed answers a request that has nothing to say but its CAS, unless quiet.
func (c *Conn) succeed(p *packet, cas uint64) {
	if !p.quiet {
		c.head(p, statusOK, 0, 0, 0, cas)
	}
}

// fail answers with an error. Quiet forms are quiet about success only.
func (c *Conn) fail(p *packet, s binaryStatus) { c.failText(p, s, s.text()) }

func (c *Conn) failText(p *packet, s binaryStatus, text string) {
	c.head(p, s, 0, 0, len(text), 0)
	c.out = append(c.out, text...)
}

// appendBinaryHead leaves the opcode and the opaque 0, for address.
func appendBinaryHead(dst []byte, s binaryStatus, extrasBytes, keyBytes, bodyBytes int, cas uint64) []byte {
	dst = append(dst, binaryReplyMagic, 0)
	dst = binary.BigEndian.AppendUint16(dst, uint16(keyBytes))
	dst = append(dst, byte(extrasBytes), 0)
	dst = binary.BigEndian.AppendUint16(dst, uint16(s))
	dst = binary.BigEndian.AppendUint32(dst, uint32(bodyBytes))
	dst = append(dst, 0, 0, 0, 0)
	return binary.BigEndian.AppendUint64(dst, cas)
}

// binaryFlagBytes are the extras of a retrieval's reply.
const binaryFlagBytes = 4

// renderBinary is the store.Render of get and gat.
func renderBinary(dst []byte, v *store.View) []byte {
	dst = slices.Grow(dst, binaryHeadBytes+binaryFlagBytes+inlineBytes(v))
	dst = appendBinaryHead(dst, statusOK, binaryFlagBytes, 0, binaryFlagBytes+len(v.Value), v.Version)
	dst = binary.BigEndian.AppendUint32(dst, v.Flags)
	return appendValue(dst, v)
}

// renderBinaryKey is the store.Render of getk and gatk.
func renderBinaryKey(dst []byte, v *store.View) []byte {
	body := binaryFlagBytes + len(v.Key) + len(v.Value)
	dst = slices.Grow(dst, binaryHeadBytes+binaryFlagBytes+len(v.Key)+inlineBytes(v))
	dst = appendBinaryHead(dst, statusOK, binaryFlagBytes, len(v.Key), body, v.Version)
	dst = binary.BigEndian.AppendUint32(dst, v.Flags)
	dst = append(dst, v.Key...)
	return appendValue(dst, v)
}

// renderBinaryTouch is the store.Render of touch, which answers the flags.
func renderBinaryTouch(dst []byte, v *store.View) []byte {
	dst = appendBinaryHead(dst, statusOK, binaryFlagBytes, 0, binaryFlagBytes, v.Version)
	return binary.BigEndian.AppendUint32(dst, v.Flags)
}
