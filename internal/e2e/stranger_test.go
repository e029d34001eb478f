package e2e

import (
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"twincached/internal/testkit"
	"twincached/internal/testkit/rig"
	"twincached/internal/wire"
	"twincached/store"
)

// Nobody without the secret costs the pair anything: not its link, not its
// memory, not its data.
func TestStranger_IsRefusedAndCostsNothing(t *testing.T) {
	file := secretFile(t, "the true secret")
	a, b := rig.NewPair(t, "--secret-file", file)
	rig.StartAll(a, b)
	rig.WaitLinked(a, b)
	a.Load(rig.Keys("before", 100), func(int) string { return "treasure" })
	flow := startFlow(a, b)
	before := a.MemoryKiB("VmRSS")
	peak := a.MemoryKiB("VmPeak")

	// Each does its worst against a and returns the cause that must be counted.
	for _, s := range []struct {
		name, cause string
		attack      func(t *testing.T, a, b *rig.Node)
	}{
		{"no secret", "auth", func(t *testing.T, a, b *rig.Node) { wrongProof(t, a, someHello(), "") }},
		{"wrong secret", "auth", func(t *testing.T, a, b *rig.Node) { wrongProof(t, a, someHello(), "the trxe secret") }},
		{"wrong secret, the peer's name", "auth", impostor},
		{"replayed proof", "auth", replay},
		{"random bytes", "badframe", randomBytes},
		{"4 GiB", "badframe", fourGiB},
		{"text client", "badframe", textClient},
		{"frames before a proof", "badframe", eager},
		{"half-open", "closed", halfOpen},
	} {
		t.Run(s.name, func(t *testing.T) {
			count, passed := refusedFor(a, s.cause), flow.count.Load()
			s.attack(t, a, b)
			testkit.Eventually(t, "counted as "+s.cause, func() bool { return refusedFor(a, s.cause) > count })
			flow.passes(t, passed)
		})
	}
	t.Run("another node", func(t *testing.T) { strangerNodes(t, a, b) })
	t.Run("true peer restarts in a storm", func(t *testing.T) { restartInStorm(t, a, b, flow) })

	if err := flow.stop(); err != nil {
		t.Error(err)
	}
	for _, cause := range []string{"AUTH", "BADFRAME"} {
		if !a.Logged("level=WARN", "cause="+cause, "address=127.") {
			t.Errorf("the log does not say %s", cause)
		}
	}
	for _, word := range []string{"the true secret", "treasure"} {
		if strings.Contains(a.Log.String(), word) || strings.Contains(b.Log.String(), word) {
			t.Errorf("the log holds %q", word)
		}
	}
	limit := 24 << 10
	if testkit.Race {
		limit = 128 << 10 // the detector keeps a shadow of what is touched
	}
	if grown := a.MemoryKiB("VmHWM") - before; grown > limit {
		t.Errorf("strangers cost %d KiB of memory", grown)
	}
	if grown := a.MemoryKiB("VmPeak") - peak; grown > 1<<20 {
		t.Errorf("strangers cost %d KiB of address space", grown)
	}
	t.Logf("a: %d KiB before, %d KiB at the peak; %d writes crossed", before, a.MemoryKiB("VmHWM"), flow.count.Load())
}

// refusedFor is how often the node refused or lost a connection for a cause.
func refusedFor(n *rig.Node, cause string) int {
	v, _ := strconv.Atoi(n.Stat("repl_refused_" + cause)) // no row: never
	return v
}

// flow writes on one node and looks for it on the other, all the time.
type flow struct {
	count atomic.Int64 // writes that have arrived
	end   chan struct{}
	done  chan error
	once  sync.Once
}

func startFlow(from, to *rig.Node) *flow {
	f := &flow{end: make(chan struct{}), done: make(chan error, 1)}
	ca, cb := from.Client(), to.Client()
	go func() { f.done <- f.run(from, to, ca.Set, cb.Get) }()
	from.T.Cleanup(func() { _ = f.stop() })
	return f
}

// stop ends the writing and says what went wrong in it.
func (f *flow) stop() (err error) {
	f.once.Do(func() {
		close(f.end)
		err = <-f.done
	})
	return err
}

// passes waits until more writes than that have arrived.
func (f *flow) passes(t testing.TB, than int64) {
	t.Helper()
	testkit.Eventually(t, "the pair replicates on", func() bool { return f.count.Load() >= than+5 })
}

// wrongProof greets properly and proves itself with another secret.
func wrongProof(t *testing.T, n *rig.Node, h *wire.Hello, secret string) {
	c := call(n)
	c.hello(h)
	c.expect(wire.THello)
	c.auth(secret)
	b := c.expect(wire.TBye) // and never the node's own proof
	if b.Bye.Code != wire.ByeAuth {
		t.Errorf("BYE %v: %s", b.Bye.Code, b.Bye.Text)
	}
	c.refused()
}

// impostor uses the node id of the true peer.
func impostor(t *testing.T, a, b *rig.Node) {
	h := someHello()
	if n, err := fmt.Sscanf(b.Stat("repl_node_id"), "%x", &idReader{&h.NodeID}); n != 1 || err != nil {
		t.Fatal(n, err)
	}
	wrongProof(t, a, h, "")
}

// idReader scans an id from its hexadecimal digits.
type idReader struct{ id *store.ID }

func (r *idReader) Scan(s fmt.ScanState, verb rune) error {
	var b []byte
	if _, err := fmt.Fscanf(s, "%x", &b); err != nil {
		return err
	}
	if copy(r.id[:], b) != len(r.id) {
		return errors.New("not an id")
	}
	return nil
}

// replay says again, byte for byte, what the knower of the secret said before.
func replay(t *testing.T, a, _ *rig.Node) {
	h := someHello()
	knower := call(a)
	knower.hello(h)
	knower.expect(wire.THello)
	proof := knower.proof("the true secret")
	knower.raw(proof)
	knower.expect(wire.TAuth) // it was good once
	knower.Close()

	c := call(a)
	c.hello(h)
	c.expect(wire.THello)
	c.raw(proof)
	if bye := c.refused(); bye.Code != wire.ByeAuth {
		t.Errorf("BYE %v: %s", bye.Code, bye.Text)
	}
}

func randomBytes(t *testing.T, a, _ *rig.Node) {
	r := rand.New(rand.NewPCG(1, 2))
	silent := refusedFor(a, "silent")
	for range 50 {
		c := call(a)
		b := make([]byte, 1+r.IntN(64<<10))
		for i := range b {
			b[i] = byte(r.Uint32())
		}
		b[0] |= 1 // a length of 16 MiB or more: nothing to wait for
		c.raw(append(b, "\x00\x00\x00\x00"...))
		c.refused()
		if refusedFor(a, "silent") > silent {
			t.Fatal("the node waited for what the bytes claim")
		}
	}
}

// fourGiB claims the most that four bytes can say, and a little less than what
// is allowed to a node that has proved itself.
func fourGiB(t *testing.T, a, _ *rig.Node) {
	for _, head := range []string{"\xff\xff\xff\xff\x00\x00\x00\x00", "\xff\xff\xff\xff", "\x80\x00\x00\x00", "\x00\x0f\xff\xff"} {
		for range 20 {
			c := call(a)
			c.raw([]byte(head + strings.Repeat("\x00", 100)))
			if bye := c.refused(); bye.Code != wire.ByeBadFrame {
				t.Fatalf("%q: BYE %v: %s", head, bye.Code, bye.Text)
			}
		}
	}
}

func textClient(t *testing.T, a, _ *rig.Node) {
	for _, line := range []string{"stats\r\n", "version\r\n", "flush_all\r\n", "GET / HTTP/1.1\r\n\r\n", "\x16\x03\x01\x02\x00\x01\x00"} {
		c := call(a)
		c.raw([]byte(line))
		text, err := io.ReadAll(c)
		if err != nil && !errors.Is(err, net.ErrClosed) && len(text) == 0 {
			continue // a reset is an answer, too
		}
		for _, word := range []string{"STAT", "VERSION", "OK\r\n", "ERROR"} {
			if strings.Contains(string(text), word) {
				t.Errorf("%q was answered %q", line, text)
			}
		}
	}
}

// eager sends data frames where a proof is due.
func eager(t *testing.T, a, _ *rig.Node) {
	w := wire.NewWriter()
	w.Flush(wire.Flush{N: 1, Flush: uint64(time.Now().UnixMilli()) << 19})
	for _, greet := range []bool{false, true} {
		c := call(a)
		if greet {
			c.hello(someHello())
			c.expect(wire.THello)
		}
		c.raw(w.Bytes())
		if bye := c.refused(); bye.Code != wire.ByeBadFrame {
			t.Errorf("greeted %v: BYE %v: %s", greet, bye.Code, bye.Text)
		}
	}
	if _, _, hit := a.Dial().Get("before1"); !hit {
		t.Error("a stranger flushed the node")
	}
}

// halfOpen holds a thousand connections that have begun to greet.
func halfOpen(t *testing.T, a, _ *rig.Node) {
	w := wire.NewWriter()
	w.Hello(someHello())
	for i := range 1000 {
		c := call(a)
		switch i % 3 {
		case 0: // not a word
		case 1:
			c.raw(w.Bytes()[:w.Len()/2])
		case 2:
			c.raw(w.Bytes())
		}
	}
}
