package e2e

import (
	"io"
	"net"
	"sync/atomic"
	"testing"

	"twincached/internal/testkit/rig"
)

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
	process, passed := n.Process(), &atomic.Int64{}
	go func() {
		for {
			c, err := ln.Accept()
			if err != nil {
				return
			}
			go func() {
				defer c.Close()
				d, err := net.Dial("tcp", n.Host+rig.ClientPort)
				if err != nil {
					return
				}
				go func() {
					defer d.Close()
					buf := make([]byte, 16<<10)
					for {
						got, err := c.Read(buf)
						if passed.Add(int64(got)) > most {
							_ = process.Kill()
							return
						}
						if _, failed := d.Write(buf[:got]); failed != nil || err != nil {
							return
						}
					}
				}()
				_, _ = io.Copy(c, d)
			}()
		}
	}()
	return front
}
