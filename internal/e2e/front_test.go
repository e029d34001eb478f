package e2e

import (
	"errors"
	"io"
	"net"
	"os"
	"sync/atomic"
	"testing"

	"twincached/internal/testkit/rig"
)

// bridge passes on what comes from either of two connections, until one of them ends, and closes
// both. What c sends is written to see first; an error of see ends it.
func bridge(c, d net.Conn, see io.Writer) {
	defer c.Close()
	defer d.Close()
	go func() {
		defer d.Close()
		_, _ = io.Copy(d, io.TeeReader(c, see))
	}()
	_, _ = io.Copy(c, d)
}

// killer kills a process when more than so many bytes have been written to it.
type killer struct {
	process *os.Process
	left    atomic.Int64
}

func (k *killer) Write(p []byte) (int, error) {
	if k.left.Add(-int64(len(p))) >= 0 {
		return len(p), nil
	}
	return 0, errors.Join(io.ErrShortWrite, k.process.Kill())
}

// killedBehind stands in front of a node for its clients, and kills it instead of passing on more than
// so many bytes of requests: in the middle of what a client does, however fast the machine is.
func killedBehind(t testing.TB, n *rig.Node, most int64) (front *rig.Node) {
	t.Helper()
	front = &rig.Node{T: t, Name: n.Name, Host: rig.NewNet(t) + ".1"}
	ln, err := net.Listen("tcp", front.Host+rig.ClientPort)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { ln.Close() })
	k := &killer{process: n.Process()}
	k.left.Store(most)
	go func() {
		for {
			c, err := ln.Accept()
			if err != nil {
				return
			}
			d, err := net.Dial("tcp", n.Host+rig.ClientPort)
			if err != nil {
				c.Close()
				continue
			}
			go bridge(c, d, k)
		}
	}()
	return front
}
