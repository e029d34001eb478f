package memproto

import (
	"encoding/binary"

	"twincached/store"
)

// The numbers of memcached's binary protocol (protocol_binary.h). They are on
// the wire of every client, so none may change.
const (
	binaryMagic      = 0x80 // first byte of every request
	binaryReplyMagic = 0x81 // first byte of every reply
	binaryHeadBytes  = 24   // of requests and replies

	opGet       = 0x00
	opSet       = 0x01
	opAdd       = 0x02
	opReplace   = 0x03
	opDelete    = 0x04
	opIncrement = 0x05
	opDecrement = 0x06
	opQuit      = 0x07
	opFlush     = 0x08
	opGetQ      = 0x09
	opNoop      = 0x0a
	opVersion   = 0x0b
	opGetK      = 0x0c
	opGetKQ     = 0x0d
	opAppend    = 0x0e
	opPrepend   = 0x0f
	opStat      = 0x10
	opSetQ      = 0x11
	opAddQ      = 0x12
	opReplaceQ  = 0x13
	opDeleteQ   = 0x14
	opIncrQ     = 0x15
	opDecrQ     = 0x16
	opQuitQ     = 0x17
	opFlushQ    = 0x18
	opAppendQ   = 0x19
	opPrependQ  = 0x1a
	opVerbosity = 0x1b
	opTouch     = 0x1c
	opGAT       = 0x1d
	opGATQ      = 0x1e
	opSASLList  = 0x20
	opSASLAuth  = 0x21
	opSASLStep  = 0x22
	opGATK      = 0x23
	opGATKQ     = 0x24
)

// packet is one request of the binary protocol. Its slices point into the input.
type packet struct {
	opcode     byte // as it came, for the reply
	op         byte // opcode without its quiet form
	quiet      bool // success (for retrievals: a miss) is not answered
	opaque     uint32
	cas        uint64
	extras     []byte
	key        []byte
	headBytes  int   // header, extras and key
	valueBytes int64 // what follows them
}

// compares tells whether the request is for the item's CAS only: in this protocol 0
// is the way to say that it is not.
func (p *packet) compares() bool { return p.cas != 0 }

// packet runs the request at the start of rest. It returns what next returns.
func (c *Conn) packet(rest []byte) (n, need int) {
	if len(rest) < binaryHeadBytes {
		return 0, binaryHeadBytes
	}
	if c.mode&modeCommands != 0 {
		c.sayPacket(rest[:binaryHeadBytes])
	}
	if rest[0] != binaryMagic {
		c.close(ReasonMagic, "") // nothing that follows could be understood
		return 0, 0
	}
	keyAt := binaryHeadBytes + int(rest[4])
	head := keyAt + int(binary.BigEndian.Uint16(rest[2:]))
	if len(rest) < head {
		return 0, head
	}
	p := packet{
		opcode:     rest[1],
		opaque:     binary.BigEndian.Uint32(rest[12:]),
		cas:        binary.BigEndian.Uint64(rest[16:]),
		extras:     rest[binaryHeadBytes:keyAt],
		key:        rest[keyAt:head],
		headBytes:  head,
		valueBytes: int64(binary.BigEndian.Uint32(rest[8:])) - int64(head-binaryHeadBytes),
	}
	p.op, p.quiet = loudForm(p.opcode)
	switch {
	case p.valueBytes < 0:
		c.fail(&p, statusUnknown)
		c.close(ReasonMalformed, "")
		return 0, 0
	case c.stranger && !forStrangers(p.op):
		return c.refuseStranger(&p)
	case len(p.key) > store.MaxKeyBytes:
		return c.malformed(&p)
	}
	return c.dispatch(&p, rest)
}

// loudForm splits an opcode into what is to be done and whether quietly.
func loudForm(opcode byte) (op byte, quiet bool) {
	switch opcode {
	case opGetQ:
		return opGet, true
	case opGetKQ:
		return opGetK, true
	case opSetQ:
		return opSet, true
	case opAddQ:
		return opAdd, true
	case opReplaceQ:
		return opReplace, true
	case opDeleteQ:
		return opDelete, true
	case opIncrQ:
		return opIncrement, true
	case opDecrQ:
		return opDecrement, true
	case opQuitQ:
		return opQuit, true
	case opFlushQ:
		return opFlush, true
	case opAppendQ:
		return opAppend, true
	case opPrependQ:
		return opPrepend, true
	case opGATQ:
		return opGAT, true
	case opGATKQ:
		return opGATK, true
	}
	return opcode, false
}

// dispatch checks the shape of the packet, which depends on its op, and runs it.
// Touch, gat and stat leave a value that should not be there in the input, as
// memcached does.
func (c *Conn) dispatch(p *packet, rest []byte) (n, need int) {
	extras, key, value := len(p.extras), len(p.key) > 0, p.valueBytes > 0
	switch p.op {
	case opGet, opGetK:
		if extras == 0 && key && !value {
			return c.binaryGet(p), 0
		}
	case opSet, opAdd, opReplace:
		if extras == 8 && key {
			return c.binaryStore(p, rest)
		}
	case opAppend, opPrepend:
		if extras == 0 && key {
			return c.binaryStore(p, rest)
		}
	case opDelete:
		if extras == 0 && key && !value {
			return c.binaryDelete(p), 0
		}
	case opIncrement, opDecrement:
		if extras == 20 && key && !value {
			return c.binaryArithmetic(p), 0
		}
	case opTouch, opGAT, opGATK:
		if extras == 4 && key {
			return c.binaryTouch(p), 0
		}
	case opFlush:
		if (extras == 0 || extras == 4) && !key && !value {
			return c.binaryFlush(p), 0
		}
	case opStat:
		if extras == 0 {
			return c.binaryStat(p), 0
		}
	case opVerbosity:
		if extras == 4 && !key && !value {
			return c.binaryVerbosity(p), 0
		}
	case opQuit, opNoop, opVersion, opSASLList:
		if extras == 0 && !key && !value {
			return c.binaryBare(p), 0
		}
	case opSASLAuth, opSASLStep:
		if extras == 0 && key {
			return c.sasl(p, rest)
		}
	default:
		return c.unknown(p), 0
	}
	return c.malformed(p)
}

// malformed answers a packet whose parts do not fit its opcode. Where the next
// one begins is anybody's guess.
func (c *Conn) malformed(p *packet) (n, need int) {
	c.fail(p, statusInvalid)
	c.close(ReasonMalformed, "")
	return 0, 0
}

// unknown answers an opcode that does nothing here; its value is dropped.
func (c *Conn) unknown(p *packet) (n int) {
	c.fail(p, statusUnknown)
	c.swallow = p.valueBytes
	return p.headBytes
}

// binaryBare runs the ops that are a header and nothing more.
func (c *Conn) binaryBare(p *packet) (n int) {
	switch p.op {
	case opSASLList:
		return c.saslList(p)
	case opVersion:
		c.head(p, statusOK, 0, 0, len(c.srv.Version), 0)
		c.out = append(c.out, c.srv.Version...)
	case opNoop:
		c.succeed(p, 0)
	case opQuit:
		c.succeed(p, 0)
		c.close(ReasonQuit, "")
	}
	return p.headBytes
}
