package serve

import (
	"bytes"
	"testing"

	"golang.org/x/sys/unix"

	"twincached/memproto"
	"twincached/store"
)

// TestTurn_SendsSoMuchAndNoMore: also where the kernel takes more, and the rest follows in the next turns, each byte once.
func TestTurn_SendsSoMuchAndNoMore(t *testing.T) {
	fds, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_NONBLOCK, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(fds[0])
	defer unix.Close(fds[1])
	st, err := store.New(store.Config{MemoryBytes: 16 << 20}, 1)
	if err != nil {
		t.Fatal(err)
	}
	defer st.Close()
	value := make([]byte, 200_000)
	for i := range value {
		value[i] = byte(i * 7 >> 3)
	}
	engine := memproto.NewConn(&memproto.Server{Store: st})
	st.Do(1, &store.Request{Op: store.OpSet, Key: []byte("k"), Value: value})
	want := append(append([]byte("VALUE k 0 200000\r\n"), value...), "\r\nEND\r\n"...)
	for _, turn := range []int{1, 5, 18, 19, 1000, 60_000} {
		r := engine.Process(1, []byte("get k\r\n"), nil)
		if r.Pin == nil {
			t.Fatal("the value is copied")
		}
		l, c := &loop{}, &conn{fd: int32(fds[0])}
		var got []byte
		buf := make([]byte, 64<<10)
		read := func() (n int) {
			for {
				m, err := unix.Read(fds[1], buf)
				if err != nil {
					return n
				}
				got, n = append(got, buf[:m]...), n+m
			}
		}
		for sent, turns := 0, 0; sent < len(want); turns++ {
			step := turn
			if turns > 200 {
				step = 60_000 // so that it ends
			}
			l.left = step
			now, again, ok := l.sendParts(c, r.Out, r.Pin, sent)
			if n := read(); !ok || n != now-sent || n > step || !again && now < len(want) {
				t.Fatalf("turns of %d: %d bytes, to be %d, again %v", step, n, now-sent, again)
			}
			sent = now
		}
		r.Pin.Release()
		if !bytes.Equal(got, want) {
			t.Fatalf("turns of %d: another reply", turn)
		}
	}
}
