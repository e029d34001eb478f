package hits

import (
	"context"
	"errors"
	"net"
	"os"
	"strings"
	"testing"
	"time"

	"twincached/memproto"
)

// serve answers one connection with the store of l.
func serve(t *testing.T, l *local) (addr string) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	t.Cleanup(func() { ln.Close(); <-done })
	go func() {
		defer close(done)
		conn, err := ln.Accept()
		if err != nil {
			return
		}
		defer conn.Close()
		c := memproto.NewConn(&memproto.Server{Store: l.s, Version: "1.6.45"})
		c.Opened(l.now, memproto.Client{FD: -1})
		defer c.Closed(l.now, memproto.CloseNormal)
		var in, out []byte
		buf := make([]byte, 64<<10)
		for {
			n, err := conn.Read(buf)
			if err != nil {
				return
			}
			in = append(in, buf[:n]...)
			for more := true; more; {
				res := c.Process(l.now, in, out[:0])
				in, out, more = in[res.N:], res.Out, res.More
				if _, err := conn.Write(out); err != nil {
					return
				}
			}
		}
	}()
	return ln.Addr().String()
}

// TestClient_FindsWhatTheStoreHas plays one stream over a socket and without one.
func TestClient_FindsWhatTheStoreHas(t *testing.T) {
	const memory = 2 << 20
	for _, w := range Workloads(memory) {
		if w.Name != "zipf-0.99" && w.Name != "moving" {
			continue
		}
		w.Requests /= 4
		want, err := Play(t.Context(), w.Stream(1), newLocal(t, memory))
		if err != nil {
			t.Fatal(err)
		}
		c, err := Dial(serve(t, newLocal(t, memory)))
		if err != nil {
			t.Fatal(err)
		}
		got, err := Play(t.Context(), w.Stream(1), c)
		c.Close()
		if err != nil || got != want || want.Hits == 0 || want.Hits == want.Requests {
			t.Errorf("%s: over a socket %+v (%v), without %+v", w.Name, got, err, want)
		}
	}
}

func TestClient_SaysWhatIsWrong(t *testing.T) {
	for answer, want := range map[string]string{
		"ERROR\r\n":                        `the server said "ERROR\r\n"`,
		"VALUE other 0 1\r\nx\r\nEND\r\n":  `the server said "VALUE other 0 1\r\n"`,
		"VALUE key 0 many\r\nx\r\nEND\r\n": `the server said "VALUE key 0 many\r\n"`,
		"VALUE key 0 1000\r\nnot so long":  "reading a value",
		"VALUE key 0":                      "reading an answer",
	} {
		near, far := net.Pipe()
		go func() {
			defer far.Close()
			if _, err := far.Read(make([]byte, 100)); err == nil {
				far.Write([]byte(answer))
			}
		}()
		c := newClient(near)
		err := c.Get([][]byte{[]byte("key")}, make([]bool, 1))
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, not %q", answer, err, want)
		}
		c.Close()
	}
	if _, err := Dial(t.TempDir() + "/none"); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("a socket that is not there: %v", err)
	}
}

func TestClient_WaitsUntilItIsTime(t *testing.T) {
	near, far := net.Pipe()
	defer far.Close()
	c := newClient(near)
	defer c.Close()
	if late, err := c.Wait(t.Context(), 0); late != 0 || err != nil {
		t.Errorf("at the start: %v, %v", late, err)
	}
	c.begun = c.begun.Add(-time.Hour)
	if late, err := c.Wait(t.Context(), time.Minute); late < 58*time.Minute || err != nil {
		t.Errorf("an hour later it is %v late for the first minute (%v)", late, err)
	}
	ctx, stop := context.WithCancel(t.Context())
	stop()
	if _, err := c.Wait(ctx, 2*time.Hour); !errors.Is(err, context.Canceled) {
		t.Errorf("nobody waits any more: %v", err)
	}
}
