package ask

import (
	"bufio"
	"crypto/tls"
	"crypto/x509"
	"io"
	"net"
	"sync"
	"testing"
	"time"

	"twincached/internal/ca"
)

// fake is a server that answers each line with what a test's function makes of it.
type fake struct {
	net.Listener
	mu    sync.Mutex
	lines []string // all that came
	conns int
}

// nothing is the answer to a line that gets none.
const nothing = "nothing"

// serve answers on l until the test ends. answer returns "" to end the conn.
func serve(t *testing.T, l net.Listener, answer func(line string) string) *fake {
	t.Helper()
	f := &fake{Listener: l}
	var conns sync.WaitGroup
	conns.Go(func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			f.mu.Lock()
			f.conns++
			f.mu.Unlock()
			conns.Go(func() { f.talk(c, answer) })
		}
	})
	t.Cleanup(func() { l.Close(); conns.Wait() })
	return f
}

func (f *fake) talk(c net.Conn, answer func(string) string) {
	defer c.Close()
	for r := bufio.NewReader(c); ; {
		line, err := r.ReadString('\n')
		if err != nil {
			return
		}
		f.mu.Lock()
		f.lines = append(f.lines, line)
		f.mu.Unlock()
		said := answer(line)
		if said == nothing {
			continue
		}
		if _, err := io.WriteString(c, said); err != nil || said == "" {
			return
		}
	}
}

func (f *fake) heard() []string {
	f.mu.Lock()
	defer f.mu.Unlock()
	return append([]string(nil), f.lines...)
}

func (f *fake) address() string { return f.Addr().String() }

func listen(t *testing.T) net.Listener {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	return l
}

// authority signs for 127.0.0.1, and is what roots believes.
func authority(t *testing.T) (cert tls.Certificate, roots *x509.CertPool) {
	t.Helper()
	a, err := ca.New(time.Now())
	if err != nil {
		t.Fatal(err)
	}
	p, err := a.Issue("127.0.0.1", time.Now(), time.Hour)
	if err != nil {
		t.Fatal(err)
	}
	if cert, err = tls.X509KeyPair(p.Cert, p.Key); err != nil {
		t.Fatal(err)
	}
	pem, err := a.PEM()
	if err != nil {
		t.Fatal(err)
	}
	roots = x509.NewCertPool()
	roots.AppendCertsFromPEM(pem.Cert)
	return cert, roots
}

const statusLine = `STAT status {"this":{"at_ms":5,"node":{"id":"ab"},"state":{"word":"ready"}},"peer":null}` + "\r\nEND\r\n"

// node answers as a twincached does.
func node(line string) string {
	switch line {
	case versionLine:
		return "VERSION 1.6.45\r\n"
	case "stats status\r\n":
		return statusLine
	case "stats hotkeys\r\n":
		return "STAT sample_every 16\r\nSTAT hotkeys:1:key user%3A1%0A\r\nSTAT hotkeys:1:share 12.50\r\nSTAT hotkeys:2:key b\r\nSTAT bigkeys:1:key c\r\nEND\r\n"
	}
	return "ERROR\r\n"
}
