package replicator

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"net"
	"os"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"twincached/internal/ca"
	"twincached/internal/session"
	"twincached/internal/wire"
	"twincached/store"
)

func newAuthority(t testing.TB) *ca.Authority {
	t.Helper()
	a, err := ca.New(time.Now())
	if err != nil {
		t.Fatal(err)
	}
	return a
}

// linkTLS is what a node with a certificate of a configures, in short: internal/node
// has the whole.
func linkTLS(t testing.TB, a *ca.Authority) *tls.Config {
	t.Helper()
	p, err := a.Issue("n", time.Now(), time.Hour)
	if err != nil {
		t.Fatal(err)
	}
	pair, err := tls.X509KeyPair(p.Cert, p.Key)
	if err != nil {
		t.Fatal(err)
	}
	root, err := a.PEM()
	if err != nil {
		t.Fatal(err)
	}
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(root.Cert)
	return &tls.Config{
		MinVersion: tls.VersionTLS13, RootCAs: roots, ClientCAs: roots, ClientAuth: tls.RequireAndVerifyClientCert, ServerName: "n",
		GetCertificate:       func(*tls.ClientHelloInfo) (*tls.Certificate, error) { return &pair, nil },
		GetClientCertificate: func(*tls.CertificateRequestInfo) (*tls.Certificate, error) { return &pair, nil },
	}
}

func always(c *tls.Config) func() *tls.Config { return func() *tls.Config { return c } }

// TestLink_TLS: everything a link does goes through TLS, the farewell too, and
// nothing can be read on the way.
func TestLink_TLS(t *testing.T) {
	authority := newAuthority(t)
	var wire []byte
	var mu sync.Mutex
	la := listen(t)
	a := startNode(t, 1, la, "", func(c *Config) { c.TLS = always(linkTLS(t, authority)) })
	b := startNode(t, 2, nil, la.Addr().String(), func(c *Config) {
		c.TLS = always(linkTLS(t, authority))
		c.Dial = func(ctx context.Context, address string) (net.Conn, error) {
			var d net.Dialer
			nc, err := d.DialContext(ctx, "tcp", address)
			if err != nil {
				return nil, err
			}
			return &recorder{Conn: nc, mu: &mu, to: &wire}, nil
		}
	})
	waitLinked(t, a, b)
	big := strings.Repeat("large ", 100_000)
	for i := range 3 {
		key := string(rune('a' + i))
		b.set(key, "treasure of b "+big)
		a.set("of a "+key, "treasure of a")
		eventually(t, "crossed", func() bool { return len(a.get(key)) > len(big) && b.get("of a "+key) == "treasure of a" })
		sessions := a.l.Stats().Sessions
		b.kill()
		eventually(t, "linked again", func() bool { return a.l.Stats().Sessions > sessions && a.linked() && b.linked() })
	}
	if left := b.l.Drain(context.Background()); left != 0 {
		t.Errorf("%d items left", left)
	}
	eventually(t, "the farewell has arrived", func() bool { return a.log.has("the peer stops by plan") })
	mu.Lock()
	defer mu.Unlock()
	if len(wire) < len(big) || bytes.Contains(wire, []byte("treasure")) || bytes.Contains(wire, []byte("twincached")) {
		t.Errorf("%d bytes can be read on the way", len(wire))
	}
}

// TestLink_OneSideWithoutTLS: both logs say what is wrong, at once, and when the
// other one has TLS as well the two link.
func TestLink_OneSideWithoutTLS(t *testing.T) {
	authority := newAuthority(t)
	for _, who := range []string{"acceptor", "dialler"} {
		t.Run(who, func(t *testing.T) {
			secured := func(c *Config) { c.TLS = always(linkTLS(t, authority)) }
			plain := func(c *Config) { c.TLS = nil }
			changes := map[string][2]func(*Config){"acceptor": {secured, plain}, "dialler": {plain, secured}}[who]
			la := listen(t)
			a := startNode(t, 1, la, "", changes[0])
			b := startNode(t, 2, nil, la.Addr().String(), changes[1])
			eventually(t, "refused on both, twice", func() bool { return a.refused("TLS") > 1 && b.refused("TLS") > 1 })
			want := map[string][2]string{
				"acceptor": {"the caller speaks without TLS", "the peer refused the link"},
				"dialler":  {"the caller speaks TLS, this node does not", "the peer answers without TLS"},
			}[who]
			eventually(t, "both logs say it", func() bool { // it is counted before
				return a.log.has(want[0]) && b.log.has(want[1]) && a.log.has("--repl-tls-cert") && b.log.has("--repl-tls-cert")
			})
			eventually(t, "b stays shut", func() bool { return b.l.State() == session.Refused })
			if n := a.refused("SILENT") + b.refused("SILENT"); n > 0 {
				t.Errorf("%d times somebody waited in vain", n)
			}
		})
	}
}

// TestLink_ForeignCertificate: a certificate of another CA is refused by either
// side, both logs say so, and the node keeps trying: with the right one, read
// later, the link comes up.
func TestLink_ForeignCertificate(t *testing.T) {
	authority, foreign := newAuthority(t), newAuthority(t)
	right, wrong := linkTLS(t, authority), linkTLS(t, foreign)
	half := right.Clone() // knows its peer, and shows what the peer does not know
	half.GetClientCertificate = wrong.GetClientCertificate
	for name, bad := range map[string]*tls.Config{"both refuse": wrong, "the acceptor refuses": half} {
		t.Run(name, func(t *testing.T) {
			var current atomic.Pointer[tls.Config]
			current.Store(bad)
			la := listen(t)
			a := startNode(t, 1, la, "", func(c *Config) { c.TLS = always(right) })
			b := startNode(t, 2, nil, la.Addr().String(), func(c *Config) { c.TLS = current.Load })
			eventually(t, "refused on both", func() bool { return a.refused("TLS") > 1 && b.refused("TLS") > 1 })
			by, of := b, a // who refuses, and who is told
			if bad == half {
				by, of = a, b
			}
			eventually(t, "both logs say it", func() bool {
				return by.log.has("not of this pair's CA") && of.log.has("does not accept this node's certificate")
			})
			if a.l.Stats().Sessions+b.l.Stats().Sessions > 0 {
				t.Error("linked")
			}
			current.Store(right)
			waitLinked(t, a, b)
		})
	}
}

// clientHello is the first flight of a node that dials.
func clientHello(t testing.TB, c *tls.Config) []byte {
	t.Helper()
	near, far := net.Pipe()
	go func() {
		_ = tls.Client(near, c).Handshake()
		_ = near.Close()
	}()
	buf := make([]byte, 16<<10)
	n, err := far.Read(buf)
	_ = far.Close()
	if err != nil || n < 100 {
		t.Fatal(n, err)
	}
	return buf[:n]
}

// TestLink_HalfOpenTLSHandshakesAreBounded: a thousand that never finish, at each
// stage; they are strangers like others, and the peer links through them.
func TestLink_HalfOpenTLSHandshakesAreBounded(t *testing.T) {
	authority := newAuthority(t)
	cfg := linkTLS(t, authority)
	la := listen(t)
	a := startNode(t, 1, la, "", func(c *Config) { c.TLS = always(cfg) })
	hello := clientHello(t, cfg)
	bomb := append([]byte{0x16, 3, 1, 0x40, 0, 1, 0, 0xff, 0xff}, make([]byte, 16<<10)...) // claims 64 KiB
	starts := [][]byte{nil, hello[:len(hello)/2], hello, bomb}
	runtime.GC()
	runtime.GC()
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	conns := make([]net.Conn, 0, 1000)
	var most uint64
	for i := range cap(conns) {
		conns = append(conns, stranger(t, a, starts[i%len(starts)]))
		if i%50 == 0 {
			runtime.ReadMemStats(&after)
			most = max(most, after.StackInuse+after.HeapAlloc)
		}
	}
	eventually(t, "nearly all sent away", func() bool {
		var sum uint64
		for _, n := range a.l.Stats().Refused {
			sum += n
		}
		return sum >= 1000-maxStrangers
	})
	for _, c := range conns[:len(conns)-maxStrangers] {
		_ = c.Close()
	}
	conns = append([]net.Conn(nil), conns[len(conns)-maxStrangers:]...)
	runtime.GC()
	runtime.GC()
	runtime.ReadMemStats(&after)
	grown := int64(after.HeapAlloc+after.StackInuse) - int64(before.HeapAlloc+before.StackInuse)
	t.Logf("%d KiB more after it, %d KiB at the most with garbage", grown>>10, int64(most-before.StackInuse-before.HeapAlloc)>>10)
	if grown > 4<<20 {
		t.Errorf("half-open handshakes cost %d bytes", grown)
	}
	b := startNode(t, 2, nil, la.Addr().String(), func(c *Config) { c.TLS = always(cfg) })
	waitLinked(t, a, b)
	for _, c := range conns {
		_ = c.Close()
	}
}

// TestLink_EndlessTLSHandshakeIsCutOff: each record is right, and the message that
// they carry never ends.
func TestLink_EndlessTLSHandshakeIsCutOff(t *testing.T) {
	cfg := linkTLS(t, newAuthority(t))
	a := startNode(t, 1, listen(t), "", func(c *Config) { c.TLS = always(cfg) })
	record := append([]byte{0x16, 3, 1, 0x20, 0}, make([]byte, 8<<10)...)
	first := bytes.Clone(record)
	copy(first[5:], []byte{1, 0, 0xff, 0xff}) // a ClientHello of 64 KiB
	c := stranger(t, a, first)
	for range 3 {
		_, _ = c.Write(record)
	}
	eventually(t, "cut off", func() bool { return a.refused("TLS") == 1 })
	eventually(t, "the log says why", func() bool { return a.log.has("the other side is no node") }) // it is counted before
	_ = c.Close()
}

// TestBoundedConn_EndsAHandshakeThatIsTooLong.
func TestBoundedConn_EndsAHandshakeThatIsTooLong(t *testing.T) {
	near, far := net.Pipe()
	defer near.Close()
	go func() {
		_, _ = far.Write(make([]byte, 100))
		_ = far.Close()
	}()
	b := &boundedConn{Conn: near, left: 64}
	got, err := io.ReadAll(b)
	if len(got) != 64 || !errors.Is(err, errTLSTooLong) {
		t.Fatalf("%d bytes, %v", len(got), err)
	}
}

// TestExplain_ErrorsOfTheNetworkStay, and those of a link that had been up; else it is TLS
// that has failed.
func TestExplain_ErrorsOfTheNetworkStay(t *testing.T) {
	l := &Link{cfg: Config{TLS: always(&tls.Config{})}}
	odd := errors.New("odd")
	var failed *tlsError
	if err := (&conn{l: l}).explain(odd); !errors.As(err, &failed) || !errors.Is(err, odd) {
		t.Errorf("during the handshake: %v", err)
	}
	if err := (&conn{l: l, established: 1}).explain(odd); err != odd {
		t.Errorf("of a link that had been up: %v", err)
	}
	for _, err := range []error{io.EOF, io.ErrUnexpectedEOF, net.ErrClosed, os.ErrDeadlineExceeded, syscall.ECONNRESET, errGivenUp} {
		if got := (&conn{l: l}).explain(err); got != err {
			t.Errorf("%v became %v", err, got)
		}
	}
}

// TestSayBye_AnAlertArrives: what the other side has sent and nobody reads does not cut it
// off.
func TestSayBye_AnAlertArrives(t *testing.T) {
	ln := listen(t)
	defer ln.Close()
	far, err := net.Dial("tcp", ln.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer far.Close()
	_, _ = far.Write(make([]byte, 8<<10))
	_ = far.(*net.TCPConn).CloseWrite()
	near, err := ln.Accept()
	if err != nil {
		t.Fatal(err)
	}
	_, _ = near.Read(make([]byte, 1)) // all of it has come by now
	_, _ = near.Write([]byte("alert"))
	(&conn{raw: near, nc: near}).sendBye(&tlsError{})
	_ = near.Close()
	if got, err := io.ReadAll(far); string(got) != "alert" || err != nil {
		t.Errorf("%q, %v", got, err)
	}
}

// TestSpeaksTLS_OnlyAtTheBeginning: behind a HELLO it is a frame that is wrong.
func TestSpeaksTLS_OnlyAtTheBeginning(t *testing.T) {
	a := startNode(t, 1, listen(t), "", nil)
	hello := wire.NewWriter()
	hello.Hello(&wire.Hello{ProtoMin: 1, ProtoMax: 1, Cluster: "test", NodeID: store.ID{9}, Inc: store.ID{9}, Partitions: store.Partitions})
	c := stranger(t, a, append(hello.Bytes(), 0x16, 3, 1, 2, 0, 1, 0, 1, 0xfc))
	defer c.Close()
	eventually(t, "sent away", func() bool { return a.refused("BADFRAME")+a.refused("TLS") == 1 })
	if a.refused("TLS") != 0 {
		t.Error("it counts as TLS")
	}
}
