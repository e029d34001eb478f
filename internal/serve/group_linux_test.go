package serve

import (
	"fmt"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"twincached/internal/testkit"
)

// grouped is a loop that does not run, with conns whose clients are descriptors of the test.
func grouped(t *testing.T, n int) (l *loop, clients []int) {
	t.Helper()
	return groupedOver(t, n, func() (fds [2]int) {
		fds, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_NONBLOCK, 0)
		if err != nil {
			t.Fatal(err)
		}
		_ = unix.SetsockoptInt(fds[0], unix.SOL_SOCKET, unix.SO_SNDBUF, 1) // as little as there may be
		return fds
	})
}

// groupedOver is grouped where pair makes the descriptors of a conn, and of its client.
func groupedOver(t *testing.T, n int, pair func() [2]int) (l *loop, clients []int) {
	t.Helper()
	needUring(t)
	w := &world{t: t}
	cfg, err := w.config().withDefaults()
	if err != nil {
		t.Fatal(err)
	}
	s := &Server{cfg: cfg, share: 128 << 20}
	s.eng = &loops{s: s}
	l, err = newLoop(s, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(l.group.close)
	t.Cleanup(l.pol.close)
	if l.ring, err = newRing(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(l.ring.close)
	l.s.count.accepting.Store(true)
	for range n {
		fds := pair()
		t.Cleanup(func() { _ = unix.Close(fds[1]) })
		clients = append(clients, fds[1])
		l.incoming = append(l.incoming, accepted{fd: int32(fds[0])})
	}
	l.adopt()
	t.Cleanup(l.end)
	return l, clients
}

// turn is one turn of all conns, each with input.
func turn(l *loop) {
	for _, c := range l.slots {
		if c.fd >= 0 {
			c.readable = true
			l.again(c)
		}
	}
	l.takeTurns()
}

// all reads what has come at fd.
func all(fd int) string {
	var b strings.Builder
	buf := make([]byte, 64<<10)
	for {
		n, errno := recvNow(int32(fd), buf)
		if n <= 0 || errno != 0 {
			return b.String()
		}
		b.Write(buf[:n])
	}
}

// TestGroup_EachHasItsReplies: of more conns than a group takes, with replies that a socket takes in part, that are more than
// the room for all, or that close the conn, each client gets its own, once and in order.
func TestGroup_EachHasItsReplies(t *testing.T) {
	l, clients := grouped(t, 2*groupConns+3)
	for round := range 3 {
		want := make([]string, len(clients))
		for i, fd := range clients {
			say := fmt.Sprintf("echo %d of %d\r\n", i, round)
			want[i] = fmt.Sprintf("%d of %d\r\n", i, round)
			switch {
			case i%5 == 1:
				say += "get\r\n"
				want[i] += "END\r\n"
			case i%5 == 2:
				say += fmt.Sprintf("big %d\r\necho x\r\n", 20_000)
				want[i] += string(make([]byte, 20_000)) + "x\r\n"
			case i%16 == 3 && round == 1:
				say += fmt.Sprintf("big %d\r\necho x\r\n", 600_000)
				want[i] += string(make([]byte, 600_000)) + "x\r\n"
			case i%16 == 4 && round == 2:
				say += "quit\r\n"
				want[i] += "BYE\r\n"
			}
			if _, errno := sendNow(int32(fd), []byte(say)); errno != 0 {
				t.Fatal(errno)
			}
		}
		got := make([]string, len(clients))
		for range 400 { // each turn sends what the socket has room for
			turn(l)
			for i, fd := range clients {
				got[i] += all(fd)
			}
		}
		for i := range want {
			if got[i] != want[i] {
				t.Fatalf("round %d, conn %d: %d bytes, %.40q; want %d, %.40q", round, i, len(got[i]), got[i], len(want[i]), want[i])
			}
		}
	}
	if n := len(l.group.sends) + l.group.used + len(l.group.reads) + l.held; n != 0 {
		t.Errorf("%d is left over", n)
	}
}

// TestGroup_WhoIsClosedHasHadItsReply: a conn that is closed in the middle of a turn, to make room for another one of it, has got
// the reply that waited to be sent with the others, and is not served any more.
func TestGroup_WhoIsClosedHasHadItsReply(t *testing.T) {
	l, clients := grouped(t, 3)
	l.share = 4 << 10
	for i, say := range []string{"echo 0\r\n" + "echo " + strings.Repeat("a", 2000), "echo 1\r\necho " + strings.Repeat("b", 3000), "echo 2\r\n"} {
		if _, errno := sendNow(int32(clients[i]), []byte(say)); errno != 0 {
			t.Fatal(errno)
		}
	}
	turn(l)
	for i, fd := range clients {
		if got, want := all(fd), fmt.Sprintf("%d\r\n", i); got != want {
			t.Errorf("client %d got %q, want %q", i, got, want)
		}
	}
	if l.slots[0].fd >= 0 || l.open != 2 {
		t.Errorf("%d conns are open; want all but the first", l.open)
	}
}

// tcpPair is both ends of a TCP conn of which each has room for much that is not read.
func tcpPair(t *testing.T) (fds [2]int) {
	t.Helper()
	check := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	socket := func() int {
		fd, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
		check(err)
		check(unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_RCVBUF, 200_000))
		check(unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_SNDBUF, 200_000))
		return fd
	}
	ln := socket()
	defer func() { _ = unix.Close(ln) }()
	check(unix.Bind(ln, &unix.SockaddrInet4{Addr: [4]byte{127, 0, 0, 1}}))
	check(unix.Listen(ln, 1))
	at, err := unix.Getsockname(ln)
	check(err)
	fds[1] = socket()
	check(unix.Connect(fds[1], at))
	fds[0], _, err = unix.Accept4(ln, unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC)
	check(err)
	check(unix.SetNonblock(fds[1], true))
	return fds
}

// TestGroup_WhoIsClosedIsNotReset: what a client has sent and nobody has read is no reason to lose the reply.
func TestGroup_WhoIsClosedIsNotReset(t *testing.T) {
	l, clients := groupedOver(t, 2, func() [2]int { return tcpPair(t) })
	l.share = 4 << 10
	first := "echo 0\r\necho " + strings.Repeat("a", 100_000) // more than one read takes
	for i, say := range []string{first, "echo 1\r\necho " + strings.Repeat("b", 3000)} {
		if n, errno := sendNow(int32(clients[i]), []byte(say)); errno != 0 || n != len(say) {
			t.Fatal(n, errno)
		}
		fd := int(l.slots[i].fd)
		testkit.Eventually(t, "it has come", func() bool { n, _ := unix.IoctlGetInt(fd, unix.TIOCINQ); return n == len(say) })
	}
	turn(l)
	if l.slots[0].fd >= 0 {
		t.Fatal("the first conn is still open")
	}
	arrives := func(what string) {
		t.Helper()
		testkit.Eventually(t, what, func() bool {
			n, _ := unix.Poll([]unix.PollFd{{Fd: int32(clients[0]), Events: unix.POLLIN}}, 0)
			return n == 1
		})
	}
	buf := make([]byte, 3)
	arrives("the reply")
	if n, errno := recvNow(int32(clients[0]), buf); errno != 0 || string(buf[:max(n, 0)]) != "0\r\n" {
		t.Errorf("the client got %q, %v", buf, errno)
	}
	arrives("the end")
	if n, errno := recvNow(int32(clients[0]), buf); n != 0 || errno != 0 {
		t.Errorf("the end is %d, %v, and not FIN", n, errno)
	}
}
