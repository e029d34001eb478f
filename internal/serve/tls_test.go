package serve

import (
	"bufio"
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"strings"
	"testing"
	"time"

	"twincached/internal/testkit"
)

func TestTLS_BesidePlainConnsUnderOneLimit(t *testing.T) {
	w := &world{t: t}
	cfg := w.config()
	server, _ := testTLS()
	cfg.TLS = []TLSAddress{{"127.0.0.1:0", server}}
	cfg.MaxConns = 4
	s, err := Listen(cfg)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	w.s = s
	var conns []*client
	for range 2 {
		for i, addr := range s.Addrs() {
			c := dialAs(t, addr, i == 1)
			c.send("count\r\n")
			c.want(fmt.Sprint(len(conns) + 1))
			conns = append(conns, c)
		}
	}
	for _, addr := range s.Addrs() {
		late := dialAs(t, addr, false) // told in plain words, before any handshake, as memcached does
		late.want("ERROR Too many open connections")
		late.wantEnd()
	}
	if infos := s.Conns(); len(infos) != 4 {
		t.Errorf("%+v", infos)
	} else {
		for _, info := range infos {
			if info.FD < 0 || !strings.HasPrefix(info.Addr, "tcp:127.0.0.1:") {
				t.Errorf("%+v", info)
			}
		}
	}
	if st := s.Stats(); st.CurrConns != 4 || st.TotalConns != 4 || st.RejectedConns != 2 || st.TLSSessions != 2 || st.HandshakeErrors != 0 || st.Threads != 2 {
		t.Errorf("%+v", st)
	}
	conns[0].Close()
	testkit.Eventually(t, "there is room", func() bool { return s.Stats().CurrConns == 3 })
	c := dialAs(t, s.Addrs()[1], true)
	c.send("count\r\n")
	c.want("5")
	if cut := s.Drain(patience); cut != 0 {
		t.Errorf("%d cut", cut)
	}
	for _, c := range append(conns[1:], c) {
		c.wantEnd()
	}
}

func TestTLS_WithoutDropNewcomersWaitForRoomElsewhere(t *testing.T) {
	w := &world{t: t}
	cfg := w.config()
	server, _ := testTLS()
	cfg.TLS = []TLSAddress{{"127.0.0.1:0", server}}
	cfg.MaxConns, cfg.DropAtLimit = 1, false
	s, err := Listen(cfg)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	for i := range 4 { // a conn of one kind, and one of the other that waits for it
		c := dialAs(t, s.Addrs()[i%2], i%2 == 1)
		c.send("get\r\n")
		c.want("END")
		late := dialAs(t, s.Addrs()[1-i%2], false)
		if i%2 == 0 {
			late = &client{t, tlsClient(t, late.halfConn), nil}
		}
		answered := make(chan string)
		go func() {
			_, _ = io.WriteString(late, "get\r\n")
			line, _ := bufio.NewReader(late).ReadString('\n')
			answered <- line
		}()
		testkit.Eventually(t, "accepting is suspended", func() bool { return s.Stats().ListenDisabled >= uint64(i+1) })
		c.Close()
		if line := <-answered; line != "END\r\n" {
			t.Fatalf("got %q", line)
		}
		late.Close()
		testkit.Eventually(t, "all are gone", func() bool { return s.Stats().CurrConns == 0 })
	}
	if st := s.Stats(); st.DisabledFor == 0 || st.RejectedConns != 0 {
		t.Errorf("%+v", st)
	}
}

func TestTLS_HandshakesHoldNobodyUp(t *testing.T) {
	w := &world{t: t}
	cfg := w.config()
	overTLS(&cfg)
	cfg.HandshakeTimeout = time.Hour // the silent ones stay
	s, err := Listen(cfg)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	var silent []*client
	for range 50 {
		silent = append(silent, dialAs(t, s.Addrs()[0], false))
	}
	c := dialAs(t, s.Addrs()[0], true)
	c.send("echo served\r\n")
	c.want("served")
	noise := dialAs(t, s.Addrs()[0], false)
	noise.send("get key and more bytes than a record's head\r\n")
	if _, err := io.Copy(io.Discard, noise.r); err != nil && !strings.Contains(err.Error(), "reset") {
		t.Error(err)
	}
	testkit.Eventually(t, "the failure is counted", func() bool { return s.Stats().HandshakeErrors == 1 })
	if cut := s.Drain(patience); cut != 0 {
		t.Errorf("%d cut", cut)
	}
	for _, c := range silent {
		_, _ = io.Copy(io.Discard, c.r) // it ends
	}
	if st := s.Stats(); st.CurrConns != 0 || st.HandshakeErrors != 1 {
		t.Errorf("%+v", st)
	}
}

func TestTLS_SilentClientIsClosedInTime(t *testing.T) {
	w := &world{t: t}
	cfg := w.config()
	overTLS(&cfg)
	cfg.HandshakeTimeout = time.Millisecond
	s, err := Listen(cfg)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	silent := dialAs(t, s.Addrs()[0], false)
	if _, err := io.Copy(io.Discard, silent.r); err != nil {
		t.Error(err)
	}
	testkit.Eventually(t, "it is counted", func() bool { return s.Stats().HandshakeErrors == 1 && s.Stats().CurrConns == 0 })
}

func TestTLS_ConfigurationIsAskedForEachConn(t *testing.T) {
	w := &world{t: t}
	cfg := w.config()
	server, _ := testTLS()
	refuse := true
	cfg.Addresses, cfg.TLS = nil, []TLSAddress{{"127.0.0.1:0", &tls.Config{GetConfigForClient: func(*tls.ClientHelloInfo) (*tls.Config, error) {
		if refuse {
			return nil, net.ErrClosed
		}
		return server, nil
	}}}}
	s, err := Listen(cfg)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	if err := tlsClient(t, dialAs(t, s.Addrs()[0], false).halfConn).Handshake(); err == nil {
		t.Fatal("shook hands")
	}
	testkit.Eventually(t, "it is gone", func() bool { return s.Stats().CurrConns == 0 })
	refuse = false
	c := dialAs(t, s.Addrs()[0], true)
	c.send("get\r\n")
	c.want("END")
	if _, err := Bind(Config{TLS: []TLSAddress{{"127.0.0.1:0", nil}}, Now: cfg.Now, NewConn: cfg.NewConn}); err == nil {
		t.Error("no configuration")
	}
}
