package bench

import (
	"fmt"
	"net"
	"os"
	"testing"
)

// A request that is sent late counts from when it was due.
func TestSendDue_CountsFromTheSchedule(t *testing.T) {
	o := Default()
	s := newSource(newDataset(&o), 1, newRecorder())
	l := &loop{source: s, every: 1e6, start: now() - 10e6, epoll: -1}
	dev, err := os.OpenFile(os.DevNull, os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer dev.Close()
	for i := range 4 {
		l.conns = append(l.conns, pollConn{client: newClient(i, &o), fd: -1})
		l.idle = append(l.idle, int32(i))
	}
	due := []int64{l.start, l.start + 1e6, l.start + 2e6, l.start + 3e6}
	for i := range l.conns { // the last idle one goes first
		c := &l.conns[len(l.conns)-1-i]
		if _, err := l.sendDue(measuring); err == nil {
			t.Fatal("a socket that is none takes it") // only one is tried
		}
		if c.at != due[i] {
			t.Errorf("request %d counts from %d, and was due at %d", i, c.at, due[i])
		}
	}
	if s.sink.late != 0 {
		t.Errorf("%d late", s.sink.late)
	}
	if _, err := l.sendDue(measuring); err != nil || s.sink.late < 6 {
		t.Errorf("%v, %d late, want 6 or more", err, s.sink.late)
	}
}

func TestListener_FindsTheProcess(t *testing.T) {
	for _, l := range []net.Listener{listen(t), listenUnix(t)} {
		if pid := listener(l.Addr().String()); pid != os.Getpid() {
			t.Errorf("%v: pid %d, want %d", l.Addr(), pid, os.Getpid())
		}
		if name := processName(listener(l.Addr().String())); name == "" {
			t.Error("it has no name")
		}
		l.Close()
		if pid := listener(l.Addr().String()); pid != 0 {
			t.Errorf("%v is closed, and pid %d", l.Addr(), pid)
		}
	}
	if processCPU(os.Getpid()) <= 0 || processCPU(0) != 0 || ownCPU() <= 0 {
		t.Error("no CPU time")
	}
}

// TestListener_LooksAtTheAddress: servers may have the same port, each at an address of its own.
func TestListener_LooksAtTheAddress(t *testing.T) {
	a := listen(t)
	defer a.Close()
	port := a.Addr().(*net.TCPAddr).Port
	b, err := net.Listen("tcp", fmt.Sprintf("127.0.0.2:%d", port))
	if err != nil {
		t.Skipf("no second address: %v", err)
	}
	at := func(host string) string { return tcpListener(net.JoinHostPort(host, fmt.Sprint(port))) }
	first, second := at("127.0.0.1"), at("127.0.0.2")
	if first == "" || second == "" || first == second {
		t.Errorf("sockets %q and %q", first, second)
	}
	if got := at("127.0.0.3"); got != "" {
		t.Errorf("nobody listens at 127.0.0.3, and socket %q is found", got)
	}
	if got := at("localhost"); got != first {
		t.Errorf("localhost: %q, want %q", got, first)
	}
	a.Close()
	b.Close()
	for _, where := range []string{"0.0.0.0", "[::]", "[::1]"} {
		all, err := net.Listen("tcp", where+":0")
		if err != nil {
			t.Logf("%s: %v", where, err)
			continue
		}
		port = all.Addr().(*net.TCPAddr).Port
		host := "127.0.0.1"
		if where == "[::1]" {
			host = "::1"
		}
		if at(host) == "" {
			t.Errorf("%s is not found at %s", where, host)
		}
		all.Close()
	}
}
