package memproto_test

import (
	"fmt"

	"twincached/memproto"
	"twincached/store"
)

// The engine knows no socket: the caller keeps two buffers, and calls Process whenever
// bytes have arrived.
func Example() {
	const now = 1_700_000_000_000 // the caller's clock, in Unix milliseconds
	s, err := store.New(store.Config{MemoryBytes: 16 << 20}, now)
	if err != nil {
		fmt.Println(err)
		return
	}
	defer s.Close()
	c := memproto.NewConn(&memproto.Server{Store: s, Version: "1.6.45", FlushEnabled: true})
	c.Opened(now, memproto.Client{FD: -1})
	defer c.Closed(now, memproto.CloseNormal)

	in := []byte("set user:1 0 60 3\r\nann\r\nget user:1\r\nget us") // the last request is not complete
	for len(in) > 0 {
		res := c.Process(now, in, nil)
		fmt.Printf("%q\n", res.Out)
		in = in[res.N:]
		if !res.More {
			break // nothing can happen before more bytes arrive
		}
	}
	fmt.Printf("left: %q\n", in)

	// Output:
	// "STORED\r\nVALUE user:1 0 3\r\nann\r\nEND\r\n"
	// left: "get us"
}
