package linear

import (
	"encoding/binary"
	"fmt"
	"io"
	"slices"
)

// packets is the binary protocol.
type packets struct{ wire }

// opcodes of the binary protocol.
var opcodes = [kinds]byte{
	get: 0x00, set: 0x01, cas: 0x01, add: 0x02, replace: 0x03, remove: 0x04, incr: 0x05, decr: 0x06, flush: 0x08,
	appendTo: 0x0e, prepend: 0x0f, touch: 0x1c, gat: 0x1d,
}

func (p *packets) do(o op) (a answer, err error) {
	if err = p.send(string(packet(o))); err != nil {
		return a, err
	}
	var head [24]byte
	if _, err = io.ReadFull(p.r, head[:]); err != nil {
		return a, err
	}
	body := make([]byte, binary.BigEndian.Uint32(head[8:]))
	if _, err = io.ReadFull(p.r, body); err != nil {
		return a, err
	}
	if head[0] != 0x81 || head[1] != opcodes[o.kind] || int(head[4]) > len(body) {
		return a, fmt.Errorf("linear: a packet that begins with % x answers %v", head, o)
	}
	a = answer{status: done, ttl: unsaid, cas: binary.BigEndian.Uint64(head[16:])}
	switch status := binary.BigEndian.Uint16(head[6:]); {
	case status == 1 && o.kind == replace && o.cas == 0, status == 2 && o.kind == add, status == 5:
		a.status = notStored
	case status == 1:
		a.status = miss
	case status == 2:
		a.status = exists
	case status == 6:
		a.status = nonNumeric
	case status != 0:
		return a, fmt.Errorf("linear: status %d, %q, answers %v", status, body, o)
	case o.kind == incr, o.kind == decr:
		a.number = binary.BigEndian.Uint64(body)
	case o.kind == get, o.kind == gat:
		a.flags, a.value = binary.BigEndian.Uint32(body), string(body[head[4]:])
	}
	return a, nil
}

// packet is a request.
func packet(o op) []byte {
	var extras []byte
	number := binary.BigEndian.AppendUint32
	switch o.kind {
	case set, cas, add, replace:
		extras = number(number(nil, o.flags), uint32(o.ttl))
	case touch, gat:
		extras = number(nil, uint32(o.ttl))
	case incr, decr:
		expiry := uint32(0xffffffff) // a missing counter stays missing
		if o.create {
			expiry = uint32(o.ttl)
		}
		extras = binary.BigEndian.AppendUint64(binary.BigEndian.AppendUint64(nil, o.delta), o.initial)
		extras = number(extras, expiry)
	}
	head := []byte{0x80, opcodes[o.kind]}
	head = binary.BigEndian.AppendUint16(head, uint16(len(o.key)))
	head = append(head, byte(len(extras)), 0, 0, 0)
	head = number(head, uint32(len(extras)+len(o.key)+len(o.value)))
	head = binary.BigEndian.AppendUint64(number(head, 0), o.cas)
	return slices.Concat(head, extras, []byte(o.key), []byte(o.value))
}
