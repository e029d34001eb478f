package session

import (
	"bytes"
	"encoding/binary"
	"hash/crc32"
	"testing"

	"twincached/internal/wire"
	"twincached/store"
)

// side is one end of a handshake without sockets. What it says goes through the
// hands of a test.
type side struct {
	s   *Session
	now int64
	w   *wire.Writer
}

func newSide(m *pair, i int, dials bool) *side {
	n := m.n[i]
	c := &side{
		s:   newSession(n.Core, dials, n.cfg.nonce(), &Scratch{}),
		now: m.now, w: wire.NewWriter(),
	}
	c.s.OnConnect(m.now)
	return c
}

// says is the frames that the side has to send now.
func (c *side) says() (frames [][]byte) {
	c.w.Reset()
	c.s.Pump(c.now, c.w)
	for rest := c.w.Bytes(); len(rest) > 0; {
		body, n, err := wire.Split(rest, wire.MaxHandshakeBytes)
		if err != nil || n == 0 {
			panic("a side writes what is no frame")
		}
		frames = append(frames, bytes.Clone(body))
		rest = rest[n:]
	}
	return frames
}

// hears passes bodies to the side until it has had enough.
func (c *side) hears(frames ...[]byte) *side {
	for _, f := range frames {
		if c.s.OnFrame(c.now, f) != nil {
			break
		}
	}
	return c
}

// believes says whether the other end has proved itself to this one.
func (c *side) believes() bool { return c.s.phase >= PhaseAuthed && c.s.phase != PhaseEnded }

func (c *side) refusedWith(t *testing.T, what string, codes ...wire.ByeCode) {
	t.Helper()
	if c.believes() || c.s.end == nil {
		t.Errorf("%s: believed, phase %d", what, c.s.phase)
		return
	}
	for _, code := range codes {
		if c.s.end.Code == code {
			return
		}
	}
	t.Errorf("%s: ended with %v", what, c.s.end)
}

// proofs are the frames of one true handshake.
type proofs struct{ dialHello, acceptHello, dialAuth, acceptAuth []byte }

// trueHandshake lets two nodes that know the secret meet, on a clock that stands.
func trueHandshake(t *testing.T, m *pair) (p proofs) {
	t.Helper()
	d, a := newSide(m, 0, true), newSide(m, 1, false)
	p.dialHello = d.says()[0]
	p.acceptHello = a.hears(p.dialHello).says()[0]
	p.dialAuth = d.hears(p.acceptHello).says()[0]
	p.acceptAuth = a.hears(p.dialAuth).says()[0]
	if d.hears(p.acceptAuth); !d.believes() || !a.believes() {
		t.Fatalf("the true ones do not believe each other: %v, %v", d.s.end, a.s.end)
	}
	return p
}

// A stranger who heard a whole handshake says it again, as either end, in the very
// same millisecond.
func TestProof_ReplayIsRefused(t *testing.T) {
	m := newQuietPair(t)
	old := trueHandshake(t, m)
	newSide(m, 1, false).hears(old.dialHello).replay(t, "as the dialler", old.dialAuth)
	newSide(m, 1, false).hears(old.dialHello).replay(t, "as the dialler, with the other's proof", old.acceptAuth)
	d := newSide(m, 0, true)
	d.says()
	d.hears(old.acceptHello).replay(t, "as the acceptor", old.acceptAuth)
	d = newSide(m, 0, true)
	d.says()
	d.hears(old.acceptHello).replay(t, "as the acceptor, with the other's proof", old.dialAuth)
}

func (c *side) replay(t *testing.T, what string, auth []byte) {
	t.Helper()
	c.says()
	c.hears(auth).refusedWith(t, what, wire.ByeAuth)
}

// Nobody can hand a node its own words back: not its HELLO, and not its proof
// behind a HELLO of the stranger's own.
func TestProof_ReflectionIsRefused(t *testing.T) {
	m := newQuietPair(t)
	d := newSide(m, 0, true)
	d.hears(d.says()[0]).refusedWith(t, "the dialler's HELLO", wire.ByeSelf)

	stranger := m.n[0].cfg.hello(m.now, [32]byte{7})
	stranger.NodeID, stranger.Inc = store.ID{99}, store.ID{99}
	hello := body(t, func(w *wire.Writer) { w.Hello(&stranger) })
	d = newSide(m, 0, true)
	d.says()
	d.hears(d.hears(hello).says()[0]).refusedWith(t, "the dialler's AUTH", wire.ByeAuth)

	// The acceptor proves nothing to whoever has not proved itself: there is nothing
	// to hand back. Nor does a node that dials serve as an oracle for the one that
	// accepts: its two connections have a role each.
	a := newSide(m, 1, false)
	if said := a.hears(hello).says(); len(said) != 1 {
		t.Errorf("the acceptor says %d frames to a stranger", len(said))
	}
	d = newSide(m, 1, true) // the same node calls the stranger at the same time
	d.says()
	auth := d.hears(hello).says()[0]
	a.hears(auth).refusedWith(t, "a proof from the node's own dial", wire.ByeAuth)
}

// A proof counts for one role, and for the two HELLOs in their order, whoever
// computes it with the right secret.
func TestProof_SwappedRolesAreRefused(t *testing.T) {
	m := newQuietPair(t)
	secret := m.n[0].cfg.Secret
	for _, asDialler := range []bool{true, false} { // what the one who proves is
		for _, role := range []bool{true, false} {
			for _, swapped := range []bool{true, false} {
				victim, other := newSide(m, 1, !asDialler), newSide(m, 0, asDialler)
				var first, second []byte
				if asDialler {
					first = other.says()[0]
					second = victim.hears(first).says()[0]
				} else {
					first = victim.says()[0]
					second = other.hears(first).says()[0]
					victim.hears(second).says()
				}
				if swapped {
					first, second = second, first
				}
				mac := wire.AuthMAC(secret, role, first, second)
				victim.hears(body(t, func(w *wire.Writer) { w.Auth(&wire.Auth{MAC: mac}) }))
				if right := role == asDialler && !swapped; victim.believes() != right {
					t.Errorf("prover dials %v, role %v, HELLOs swapped %v: believed %v", asDialler, role, swapped, victim.believes())
				}
			}
		}
	}
}

// A man in the middle changes one byte of a HELLO, or adds to it, and mends the
// checksum: neither end believes the other, whatever the byte says.
func TestProof_NothingInAHelloCanBeChanged(t *testing.T) {
	m := newQuietPair(t)
	clean := trueHandshake(t, m)
	var changes []func(hello []byte) []byte
	for at := range clean.dialHello {
		for _, flip := range []byte{0x01, 0x80, 0xff} {
			changes = append(changes, func(hello []byte) []byte {
				hello[at] ^= flip
				return hello
			})
		}
	}
	changes = append(changes,
		func(hello []byte) []byte { hello[0]++; return append(hello, 0xc0) }, // an element that nobody knows
		func(hello []byte) []byte { return append(hello, 0) },
	)
	codes := []wire.ByeCode{wire.ByeAuth, wire.ByeBadFrame, wire.ByeProto, wire.ByeCluster, wire.ByeClock, wire.ByeSelf}
	seen := map[wire.ByeCode]int{}
	for i, change := range changes {
		// The dialler's HELLO: the acceptor must not take its proof.
		d, a := newSide(m, 0, true), newSide(m, 1, false)
		a.hears(change(d.says()[0]))
		if a.s.end == nil {
			a.hears(d.hears(a.says()...).says()...)
		}
		a.refusedWith(t, "the dialler's HELLO", codes...)
		seen[a.s.end.Code]++
		// The acceptor's HELLO: the acceptor must not take the proof that follows, and
		// the dialler gets none.
		d, a = newSide(m, 0, true), newSide(m, 1, false)
		hello := a.hears(d.says()[0]).says()[0]
		if d.hears(change(hello)); d.s.end == nil {
			a.hears(d.says()...).refusedWith(t, "the acceptor's HELLO", codes...)
			d.hears(a.says()...)
		}
		if d.believes() || a.believes() {
			t.Errorf("change %d of the acceptor's HELLO is believed", i)
		}
	}
	if seen[wire.ByeAuth] < len(changes)/3 {
		t.Errorf("few changes came as far as the proof: %v", seen)
	}
}

// frame is a body with its head.
func frame(body []byte) []byte {
	f := binary.BigEndian.AppendUint32(nil, uint32(len(body)))
	f = binary.BigEndian.AppendUint32(f, crc32.Checksum(body, crc32.MakeTable(crc32.Castagnoli)))
	return append(f, body...)
}
