package memproto

import (
	"bytes"
	"strings"
)

const (
	saslMechanism     = "PLAIN"
	saslDone          = "Authenticated"
	maxMechanismBytes = 32 // memcached's own
)

// forStrangers tells whether an op is for conns that have not logged in.
func forStrangers(op byte) bool {
	switch op {
	case opSASLList, opSASLAuth, opSASLStep, opVersion:
		return true
	}
	return false
}

// refuseStranger ends a conn that wants more than it may.
func (c *Conn) refuseStranger(p *packet) (n, need int) {
	c.fail(p, statusAuth)
	c.close(ReasonStranger, "")
	return 0, 0
}

// saslList answers which mechanisms there are.
func (c *Conn) saslList(p *packet) (n int) {
	if c.srv.SASLLogins == nil { // as a memcached without -S
		return c.unknown(p)
	}
	c.head(p, statusOK, 0, 0, len(saslMechanism), 0)
	c.out = append(c.out, saslMechanism...)
	return p.headBytes
}

// sasl answers auth, whose key is the mechanism, and step. Their value is what
// PLAIN sends (RFC 4616); auth may leave it to a step.
func (c *Conn) sasl(p *packet, rest []byte) (n, need int) {
	switch {
	case c.srv.SASLLogins == nil:
		return c.unknown(p), 0
	case len(p.key) > maxMechanismBytes:
		return c.saslDrop(p, statusInvalid), 0
	case p.valueBytes > maxLoginBytes:
		return c.saslDrop(p, statusNoMemory), 0
	}
	end := p.headBytes + int(p.valueBytes)
	if len(rest) < end {
		return 0, end
	}
	if p.valueBytes > 0 && !c.mayTry() {
		return 0, 0
	}
	value, stepping := rest[p.headBytes:end], c.trying().saslStarted
	c.stranger, c.tries.saslStarted = true, false
	known := stepping
	if p.op == opSASLAuth {
		if known = strings.EqualFold(string(p.key), saslMechanism); known && len(value) == 0 {
			c.tries.saslStarted = true
			c.head(p, statusAuthContinue, 0, 0, 0, 0)
			return end, 0
		}
	}
	name, password, ok := parsePlain(value)
	switch {
	case !known || !ok:
		c.countLogin(false)
		c.fail(p, statusAuth)
	case !c.logIn(c.srv.SASLLogins, name, password):
		c.fail(p, statusAuth)
	default:
		c.head(p, statusOK, 0, 0, len(saslDone), 0)
		c.out = append(c.out, saslDone...)
	}
	return end, 0
}

// saslDrop answers with an error and drops the value.
func (c *Conn) saslDrop(p *packet, s binaryStatus) (n int) {
	c.fail(p, s)
	c.swallow = p.valueBytes
	return p.headBytes
}

// parsePlain splits "[for]\0name\0password". Nobody logs in for anybody else.
func parsePlain(message []byte) (name, password []byte, ok bool) {
	who, rest, ok := bytes.Cut(message, []byte{0})
	if !ok {
		return nil, nil, false
	}
	name, password, ok = bytes.Cut(rest, []byte{0})
	if !ok || len(name) == 0 || len(who) > 0 && !bytes.Equal(who, name) {
		return nil, nil, false
	}
	return name, password, true
}
