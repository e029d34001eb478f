package e2e

import (
	"bufio"
	"fmt"
	"math/rand/v2"
	"net"
	"time"

	"twincached/internal/testkit"
	"twincached/internal/testkit/rig"
)

// writer is a client of one node. Its writes are numbered over its whole life;
// each value is its name and the number.
type writer struct {
	node *rig.Node
	own  string // its name, and the prefix of its own keys
	r    *rand.Rand
	half int // of its own keys, in use: another one with each connection, so that
	// what is lost with a node is not written over when it is back
	sent    uint64
	acked   map[string][]uint64 // writes of its own keys that were acknowledged in this round
	settled map[string]uint64   // what its own keys held when both nodes last agreed
	err     string
}

// write writes until end is closed. While the node is down it tries to reach it.
func (w *writer) write(end chan struct{}) {
	for {
		c, err := net.DialTimeout("tcp", w.node.Host+rig.ClientPort, time.Second)
		if err == nil {
			_ = c.SetDeadline(time.Now().Add(testkit.Patience))
			w.bursts(c, end)
			c.Close()
		}
		select {
		case <-end:
			return
		case <-time.After(2 * time.Millisecond): // a client's pause before it tries again
		}
	}
}

// bursts sends some writes at once and reads the replies, again and again, until
// end is closed or the node is gone.
func (w *writer) bursts(c net.Conn, end chan struct{}) {
	r, out := bufio.NewReader(c), bufio.NewWriter(c)
	w.half = 1 - w.half
	for {
		select {
		case <-end:
			return
		default:
		}
		type write struct {
			key string
			n   uint64
		}
		var burst []write
		for range 1 + w.r.IntN(16) {
			w.sent++
			value := fmt.Sprint(w.own, w.sent)
			shared := fmt.Sprint("shared", w.r.IntN(killShared))
			switch w.r.IntN(8) {
			case 0:
				fmt.Fprintf(out, "delete %s\r\n", shared)
				burst = append(burst, write{})
			case 1, 2, 3:
				fmt.Fprintf(out, "set %s 0 0 %d\r\n%s\r\n", shared, len(value), value)
				burst = append(burst, write{})
			default:
				key := fmt.Sprint(w.own, 2*w.r.IntN(killOwn/2)+w.half)
				fmt.Fprintf(out, "set %s 0 0 %d\r\n%s\r\n", key, len(value), value)
				burst = append(burst, write{key, w.sent})
			}
		}
		if out.Flush() != nil {
			return
		}
		for _, b := range burst {
			line, err := r.ReadString('\n')
			switch {
			case err != nil:
				return
			case line == "STORED\r\n":
				if b.key != "" {
					w.acked[b.key] = append(w.acked[b.key], b.n)
				}
			case b.key != "" || line != "DELETED\r\n" && line != "NOT_FOUND\r\n":
				w.err = fmt.Sprintf("reply %q", line)
				return
			}
		}
	}
}

// settle notes what both nodes hold.
func (w *writer) settle(key string, n uint64) {
	if w.settled == nil {
		w.settled = map[string]uint64{}
	}
	w.settled[key] = n
}
