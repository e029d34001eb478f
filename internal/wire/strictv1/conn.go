package strictv1

import "fmt"

// window is how many bytes of numbered frames may be unacknowledged when data is sent.
const window = 2 << 20

// Conn watches one node on one connection: what it says and what it hears, in the order in
// which the node does. The zero value is for a connection that begins.
type Conn struct {
	Window int // bytes that may be unacknowledged when a BATCH, MANY or PIECE is sent; 0 = 2 MiB

	said, heard side
	inc         string      // of the node
	heirOf      string      // the same: what its STATE says
	state       frame       // STATE of its peer
	own         uint64      // its features
	features    uint64      // of its peer: what it may be sent beyond version 1
	maxItem     uint64      // the larger item limit of the two
	cursors     [256]cursor // where the peer is, as the node's frames say
	pings       []frame     // that were heard and not answered
	value       *frame      // the last piece of a large value that is being sent
	underWay    []flight    // numbered frames that were said and not acknowledged
	bytes       int         // of these
	graves      [256]uint64 // generations of the graves said
	barrier     bool
}

// side is how far one side has come.
type side struct {
	hello, auth, state, bye bool
	n, acked                uint64
}

type cursor struct{ a, t, b uint64 }

type flight struct {
	n     uint64
	bytes int
}

// Heard takes the body of a frame that the node has read.
func (c *Conn) Heard(body []byte) error {
	f, err := parse(body)
	if err != nil {
		return err
	}
	if err := c.heard.comes(&f, &c.said); err != nil {
		return err
	}
	switch f.typ {
	case hello:
		c.features, c.maxItem = f.features, max(c.maxItem, f.maxItem)
	case state:
		c.state = f
		c.resumes()
	case ack:
		for len(c.underWay) > 0 && c.underWay[0].n <= f.n {
			c.bytes -= c.underWay[0].bytes
			c.underWay = c.underWay[1:]
		}
	case ping:
		c.pings = append(c.pings[max(0, len(c.pings)-15):], f) // only the last one has to be answered
	}
	return nil
}

// Said takes the body of a frame that the node has sent. An error says which rule it breaks.
func (c *Conn) Said(body []byte) error {
	f, err := parse(body)
	if err == nil {
		err = c.said.comes(&f, &c.heard)
	}
	if err == nil {
		err = c.fits(&f, len(body))
	}
	if err == nil {
		err = c.follows(&f)
	}
	if err != nil {
		return fmt.Errorf("type %d: %w", f.typ, err)
	}
	if f.numbered() {
		c.underWay = append(c.underWay, flight{f.n, len(body) + 8})
		c.bytes += len(body) + 8
	}
	return nil
}

// comes says whether a frame of this side may come now, and notes it.
func (s *side) comes(f *frame, other *side) error {
	next := true
	switch f.typ {
	case hello:
		next, s.hello = !s.hello, true
	case auth:
		next, s.auth = s.hello && !s.auth && other.hello, true
	case state:
		next, s.state = s.auth && !s.state && other.auth, true
	case bye:
	default:
		next = s.state && other.state
	}
	switch {
	case s.bye:
		return fmt.Errorf("a frame behind BYE")
	case !next:
		return fmt.Errorf("it is out of place")
	case f.typ == ack && f.n > other.n:
		return fmt.Errorf("ACK %d of %d", f.n, other.n)
	case f.typ == ack && f.n < s.acked:
		return fmt.Errorf("ACK %d after %d", f.n, s.acked)
	case f.numbered() && f.n != s.n+1:
		return fmt.Errorf("number %d after %d", f.n, s.n)
	}
	if s.bye = f.typ == bye; f.numbered() {
		s.n = f.n
	}
	if f.typ == ack {
		s.acked = f.n
	}
	return nil
}

// fits says whether the peer understands a frame, and has room for it.
func (c *Conn) fits(f *frame, bytes int) error {
	limit := 8 << 10
	if c.heard.auth {
		limit = max(1<<20, int(c.maxItem)+64<<10)
	}
	most := window
	if c.Window != 0 {
		most = c.Window
	}
	switch {
	case bytes > limit:
		return fmt.Errorf("%d bytes, limit %d", bytes, limit)
	case (f.typ == piece || f.pieced) && c.features&1 == 0:
		return fmt.Errorf("pieces, and the peer's HELLO has no bit 0")
	case f.typ == status && c.features&4 == 0:
		return fmt.Errorf("STATUS, and the peer's HELLO has no bit 2")
	case f.typ == many && c.own&c.features&8 == 0:
		return fmt.Errorf("MANY, and one HELLO has no bit 3")
	case f.packed && c.own&c.features&16 == 0:
		return fmt.Errorf("PACKED, and one HELLO has no bit 4")
	case (f.typ == batch || f.typ == many || f.typ == piece) && c.bytes >= most:
		return fmt.Errorf("%d bytes are not acknowledged, limit %d", c.bytes, most)
	}
	return nil
}

// follows says whether a frame follows from what was said and heard before, and notes what
// follows from it.
func (c *Conn) follows(f *frame) error {
	p := &c.cursors[f.part]
	switch f.typ {
	case hello:
		c.inc, c.own, c.maxItem = f.inc, f.features, max(c.maxItem, f.maxItem)
	case state:
		c.heirOf = f.heirOf
		c.resumes()
	case pong:
		return c.answers(f)
	case barrier:
		if c.barrier {
			return fmt.Errorf("a second BARRIER")
		}
		c.barrier = true
	case bulk:
		*p = cursor{0, f.to, f.to}
	case done:
		*p = cursor{p.b, p.b, p.b}
	case grave:
		if f.to < c.graves[f.part] {
			return fmt.Errorf("generation %d after %d", f.to, c.graves[f.part])
		}
		c.graves[f.part] = f.to
	case batch:
		if err := p.moves(f); err != nil {
			return err
		}
		return c.completes(f)
	case many:
		for i := range f.batches {
			b := &f.batches[i]
			if err := c.cursors[b.part].moves(b); err != nil {
				return fmt.Errorf("partition %d: %w", b.part, err)
			}
			if c.value != nil && c.value.part == b.part {
				return fmt.Errorf("a batch of partition %d, a value of which is not complete", b.part)
			}
		}
	case piece:
		v := c.value
		if c.value = f; f.at != 0 && (v == nil || !v.same(f) || v.end != f.at) {
			return fmt.Errorf("a piece from %d on that does not go on where the last one ended", f.at)
		}
	}
	return nil
}

// contains says whether an id is one of a line.
func contains(line, id string) bool {
	for ; len(line) >= 16; line = line[16:] {
		if line[:16] == id {
			return true
		}
	}
	return false
}

// resumes takes the cursors of the peer's STATE, if they count the changes of the node, or of the
// process whose heir it is.
func (c *Conn) resumes() {
	if !c.heard.state || c.state.inc != c.inc && !contains(c.heirOf, c.state.inc) {
		return
	}
	for i, p := range c.state.curs {
		c.cursors[i] = cursor{p[0], p[1], p[2]}
	}
}

// same says that two frames are about one value.
func (f *frame) same(o *frame) bool {
	return f.part == o.part && f.lane == o.lane && f.key == o.key && f.ver == o.ver && f.bytes == o.bytes
}

// answers says whether a PONG answers a PING.
func (c *Conn) answers(f *frame) error {
	for i := range c.pings {
		if c.pings[i].n == f.n && c.pings[i].t0 == f.t0 {
			c.pings = append(c.pings[:i:i], c.pings[i+1:]...)
			return nil
		}
	}
	return fmt.Errorf("PONG to PING %d, which nobody sent", f.n)
}

// moves says whether a BATCH moves its lane forward, and moves it.
func (p *cursor) moves(f *frame) error {
	switch {
	case f.lane == 0 && f.to < p.b:
		return fmt.Errorf("the live lane goes from %d to %d", p.b, f.to)
	case f.lane == 0:
		if p.a == p.t {
			p.a, p.t = f.to, f.to
		}
		p.b = f.to
	case f.to <= p.a || f.to > p.t:
		return fmt.Errorf("the bulk lane goes to %d, and its gap is (%d, %d]", f.to, p.a, p.t)
	default:
		if p.a = f.to; p.a == p.t {
			p.a, p.t = p.b, p.b
		}
	}
	return nil
}

// completes says whether a BATCH may come behind the pieces that were said, and ends them if
// they are of its partition.
func (c *Conn) completes(f *frame) error {
	v := c.value
	if f.pieced && (f.items != 1 || v == nil || v.part != f.part || v.lane != f.lane || v.key != f.key || v.ver != f.ver || v.end != v.bytes) {
		return fmt.Errorf("an item in pieces that were not sent")
	}
	if v != nil && v.part == f.part {
		c.value = nil
	}
	return nil
}
