package serve

import (
	"errors"
	"io"
	"net"
	"strings"
	"syscall"
	"testing"

	"twincached/internal/testkit"
)

func TestLimit_AtMaxConnsNewcomersGetAnError(t *testing.T) {
	engines(t, func(c *Config) { c.MaxConns = 3 }, func(t *testing.T, w *world) {
		var in []*client
		for range 3 {
			c := w.dial()
			c.send("get\r\n")
			c.want("END")
			in = append(in, c)
		}
		late := dial(t, w.s.Addrs()[0]) // told in plain words, before any handshake
		late.want("ERROR Too many open connections")
		late.wantEnd()
		if st := w.s.Stats(); st.RejectedConns != 1 || st.CurrConns != 3 || st.TotalConns != 3 || st.ListenDisabled != 0 || !st.Accepting {
			t.Errorf("%+v", st)
		}
		in[0].Close()
		testkit.Eventually(t, "there is room", func() bool { return w.s.Stats().CurrConns == 2 })
		c := w.dial()
		c.send("get\r\n")
		c.want("END")
	})
}

func TestLimit_WithoutDropNewcomersWait(t *testing.T) {
	engines(t, func(c *Config) { c.MaxConns = 2; c.DropAtLimit = false }, func(t *testing.T, w *world) {
		w.plainOnly() // TestTLS_WithoutDropNewcomersWaitForRoomElsewhere
		a, b := w.dial(), w.dial()
		for _, c := range []*client{a, b} {
			c.send("get\r\n")
			c.want("END")
		}
		late := w.dial()
		late.send("get\r\n")
		testkit.Eventually(t, "accepting is suspended", func() bool { return !w.s.Stats().Accepting && w.s.Stats().ListenDisabled == 1 })
		testkit.Eventually(t, "the suspension is counted while it lasts", func() bool { return w.s.Stats().DisabledFor > 0 })
		if infos := w.s.Listening(); len(infos) != 1 || infos[0].State != "conn_listening" || infos[0].Addr != "tcp:"+w.s.Addrs()[0].String() {
			t.Errorf("listeners: %+v", infos)
		}
		a.send("get\r\n")
		a.want("END")
		a.Close()
		late.want("END")
		if st := w.s.Stats(); st.RejectedConns != 0 || st.CurrConns != 2 {
			t.Errorf("%+v", st)
		}
	})
}

func TestLimit_DrainWhileAcceptingIsSuspended(t *testing.T) {
	engines(t, func(c *Config) { c.MaxConns = 1; c.DropAtLimit = false }, func(t *testing.T, w *world) {
		a := w.dial()
		a.send("get\r\n")
		a.want("END")
		_ = dial(t, w.s.Addrs()[0])
		testkit.Eventually(t, "accepting is suspended", func() bool { return !w.s.Stats().Accepting })
		w.s.Drain(patience)
		a.wantEnd()
	})
}

func TestBind_HoldsThePortAndRefusesClients(t *testing.T) {
	w := &world{t: t}
	cfg := w.config()
	l, err := Bind(cfg)
	if err != nil {
		t.Fatal(err)
	}
	addr := l.Addrs()[0].String()
	if nc, err := net.Dial("tcp", addr); !errors.Is(err, syscall.ECONNREFUSED) {
		t.Fatal("before Listen a client got", nc, err)
	}
	if holdsPort {
		// net.Listen uses SO_REUSEADDR, as every server does: it must not get the port all the same.
		if thief, err := net.Listen("tcp", addr); err == nil {
			thief.Close()
			t.Error("another program could listen")
		}
		busy := cfg
		busy.Addresses = []string{addr}
		if err := Probe(&busy); !errors.Is(err, syscall.EADDRINUSE) {
			t.Error(err)
		}
	}
	s, err := l.Listen()
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	if s.Addrs()[0].String() != addr {
		t.Error(s.Addrs(), addr)
	}
	c := dial(t, s.Addrs()[0])
	c.send("get\r\n")
	c.want("END")
	if _, err := l.Listen(); err == nil {
		t.Error("the same listeners listened twice")
	}
	l.Close()
	c.send("get\r\n")
	c.want("END")
}

func TestBind_CloseLetsGo(t *testing.T) {
	w := &world{t: t}
	cfg := w.config()
	cfg.Addresses = []string{"127.0.0.1:" + testkit.FreePorts(t, 1)[0]} // that nobody else takes meanwhile
	if err := Probe(&cfg); err != nil {
		t.Fatal(err)
	}
	l, err := Bind(cfg)
	if err != nil {
		t.Fatal(err)
	}
	l.Close()
	nl, err := net.Listen("tcp", l.Addrs()[0].String())
	if err != nil {
		t.Fatal(err)
	}
	nl.Close()
}

func TestBind_PortIsFreeAgainAfterServing(t *testing.T) {
	own := func(c *Config) { c.Addresses = []string{"127.0.0.1:" + testkit.FreePorts(t, 1)[0]} } // that nobody else takes meanwhile
	engines(t, own, func(t *testing.T, w *world) {
		c := w.dial()
		c.send("get\r\n")
		c.want("END")
		w.s.Drain(patience) // the server closes first: its side goes through TIME_WAIT
		c.wantEnd()
		cfg := w.config()
		cfg.Addresses = []string{w.s.Addrs()[0].String()}
		again, err := Listen(cfg)
		if err != nil {
			t.Fatal(err)
		}
		again.Close()
	})
}

func TestBind_ClearErrors(t *testing.T) {
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	w := &world{t: t}
	for address, want := range map[string]string{
		taken.Addr().String(): "serve: cannot listen on " + taken.Addr().String() + ": bind: address already in use; another program has this port",
		"192.0.2.1:0":         "no interface of this machine has this address",
		"127.0.0.1":           "want HOST:PORT",
		"127.0.0.1:memcache":  "port must be a number",
		"127.0.0.1:70000":     "port must be a number",
		"nowhere.invalid:0":   `"nowhere.invalid:0": no address for that name`,
	} {
		cfg := w.config()
		cfg.Addresses = []string{"127.0.0.1:0", address} // the first is fine and must be let go of
		before := openFiles()
		if _, err := Bind(cfg); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", address, err)
		}
		if after := openFiles(); after > before+1 { // the resolver or poller may open one of its own
			t.Errorf("%s: %d descriptors, before %d", address, after, before)
		}
	}
	for name, cfg := range map[string]Config{"no address": {}, "no handler": {Addresses: []string{":0"}}} {
		if _, err := Bind(cfg); err == nil {
			t.Error(name)
		}
	}
	cfg := w.config()
	cfg.Threads = -1
	if _, err := Bind(cfg); err == nil {
		t.Error("negative threads")
	}
}

func TestServe_AddressNamedByName(t *testing.T) {
	engines(t, func(c *Config) { c.Addresses = []string{"localhost:0"} }, func(t *testing.T, w *world) {
		for _, addr := range w.s.Addrs() {
			c := dialAs(t, addr, w.secure)
			c.send("get\r\nquit\r\n")
			c.want("END", "BYE")
			if _, err := io.Copy(io.Discard, c.r); err != nil {
				t.Error(err)
			}
		}
	})
}
