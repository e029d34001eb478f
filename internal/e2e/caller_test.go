package e2e

import (
	"crypto/rand"
	"errors"
	"io"
	"net"
	"os"
	"path/filepath"
	"testing"
	"time"

	"twincached/internal/testkit"
	"twincached/internal/testkit/rig"
	"twincached/internal/wire"
	"twincached/store"
)

// caller is a hand-made node on a replication connection: it says what a test
// wants it to say, true or not.
type caller struct {
	net.Conn
	t       testing.TB
	dialled bool
	dec     wire.Decoder
	buf     []byte
	mine    []byte // body of the HELLO that was sent
	theirs  []byte // of the one that came
}

// call dials the replication port of a node.
func call(n *rig.Node) *caller {
	n.T.Helper()
	c, err := net.DialTimeout("tcp", n.Host+rig.ReplPort, testkit.Patience)
	if err != nil {
		n.T.Fatal(err)
	}
	return newCaller(n.T, c, true)
}

func newCaller(t testing.TB, c net.Conn, dialled bool) *caller {
	_ = c.SetDeadline(time.Now().Add(2 * testkit.Patience)) // a closed conn fails at its next use
	t.Cleanup(func() { c.Close() })
	return &caller{Conn: c, t: t, dialled: dialled}
}

// someHello is what a node that has nothing wrong would say.
func someHello() *wire.Hello {
	h := &wire.Hello{
		ProtoMin: wire.ProtoMin, ProtoMax: wire.ProtoMax, Cluster: "default", Slot: 5,
		Partitions: store.Partitions, MaxItem: 1 << 20, SteadyMillis: time.Now().UnixMilli(), Software: "caller",
	}
	_, _ = rand.Read(h.NodeID[:])
	_, _ = rand.Read(h.Inc[:])
	_, _ = rand.Read(h.Nonce[:])
	return h
}

func (c *caller) hello(h *wire.Hello) {
	w := wire.NewWriter()
	w.Hello(h)
	c.mine = append([]byte(nil), w.Bytes()[wire.HeadBytes:]...)
	c.raw(w.Bytes())
}

// auth proves, or does not, that the caller knows the secret.
func (c *caller) auth(secret string) { c.raw(c.proof(secret)) }

// proof is the AUTH frame that belongs to the two HELLOs.
func (c *caller) proof(secret string) []byte {
	first, second := c.mine, c.theirs
	if !c.dialled {
		first, second = second, first
	}
	w := wire.NewWriter()
	w.Auth(&wire.Auth{MAC: wire.AuthMAC([]byte(secret), c.dialled, first, second)})
	return append([]byte(nil), w.Bytes()...)
}

// state says that the caller holds nothing.
func (c *caller) state() {
	w := wire.NewWriter()
	w.State(&wire.State{State: store.State{Clock: 1}})
	c.raw(w.Bytes())
}

// raw sends bytes. The other side may have hung up already: what it said is what
// counts.
func (c *caller) raw(b []byte) { _, _ = c.Write(b) }

// next reads one frame; an error means that the connection has ended.
func (c *caller) next() (*wire.Body, error) {
	chunk := make([]byte, 64<<10)
	for {
		body, n, err := wire.Split(c.buf, wire.MaxFrameBytes(1<<20))
		if err != nil {
			c.t.Fatalf("the node sent what is no frame: %v (%.40q)", err, c.buf)
		}
		if n > 0 {
			b := &wire.Body{}
			if err := c.dec.Decode(body, b); err != nil {
				c.t.Fatalf("the node sent a frame that does not decode: %v", err)
			}
			if b.Type == wire.THello {
				c.theirs = append([]byte(nil), body...)
			}
			c.buf = append([]byte(nil), c.buf[n:]...) // b points into the old one
			return b, nil
		}
		n, err = c.Read(chunk)
		c.buf = append(c.buf, chunk[:n]...)
		if n == 0 && err != nil {
			if errors.Is(err, os.ErrDeadlineExceeded) {
				c.t.Fatal("the node neither answers nor hangs up")
			}
			return nil, io.EOF
		}
	}
}

// expect reads the next frame and checks its type.
func (c *caller) expect(want wire.Type) *wire.Body {
	c.t.Helper()
	b, err := c.next()
	if err != nil {
		c.t.Fatalf("waiting for %v: %v", want, err)
	}
	if b.Type != want {
		c.t.Fatalf("got %v (%+v), want %v", b.Type, b.Bye, want)
	}
	return b
}

// refused reads until the connection ends and returns the BYE it ended with; an
// empty one where the node just hung up. Any sign of data fails the test.
func (c *caller) refused() wire.Bye {
	c.t.Helper()
	var bye wire.Bye
	for {
		b, err := c.next()
		if err != nil {
			return bye
		}
		switch b.Type {
		case wire.TBye:
			bye = b.Bye
		case wire.THello, wire.TAuth:
		default:
			c.t.Fatalf("a stranger was sent %v", b.Type)
		}
	}
}

// secretFile writes a secret that only its owner can read.
func secretFile(t testing.TB, secret string) string {
	name := filepath.Join(t.TempDir(), "secret")
	if err := os.WriteFile(name, []byte(secret+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	return name
}
