package torture

import (
	"net"
	"sync"
	"time"
)

// relay stands in the hub under the second address of the name "peer". Nobody
// reaches it until open; then it leads to the other node and does to what passes
// what this kernel has no netem for.
type relay struct {
	mu        sync.Mutex
	listeners []net.Listener
	conns     map[net.Conn]bool
	delay     time.Duration
	stalled   [2]bool       // nothing passes towards this node
	moved     chan struct{} // closed when a stall ends
	passed    [2]int64      // bytes towards each node
	wg        sync.WaitGroup
}

// open listens for both nodes.
func (r *relay) open() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.conns, r.moved, r.delay, r.stalled = map[net.Conn]bool{}, make(chan struct{}), 0, [2]bool{}
	for from := range hubAddrs {
		ln, err := net.Listen("tcp", hubAddrs[from]+":11212")
		if err != nil {
			return err
		}
		r.listeners = append(r.listeners, ln)
		r.wg.Go(func() { r.accept(ln, 1-from) })
	}
	return nil
}

// close ends everything and waits for it.
func (r *relay) close() {
	r.mu.Lock()
	for _, ln := range r.listeners {
		ln.Close()
	}
	r.listeners = nil
	r.mu.Unlock()
	r.stall([2]bool{})
	r.cut()
	r.wg.Wait()
}

func (r *relay) accept(ln net.Listener, to int) {
	for {
		c, err := ln.Accept()
		if err != nil {
			return
		}
		r.wg.Go(func() {
			d, err := net.DialTimeout("tcp", clientAddrs[to]+":11212", time.Second)
			if err != nil {
				c.Close()
				return
			}
			r.mu.Lock()
			if r.listeners == nil {
				c.Close()
				d.Close()
			}
			r.conns[c], r.conns[d] = true, true
			r.mu.Unlock()
			r.wg.Go(func() { r.pass(c, d, 1-to) })
			r.pass(d, c, to)
		})
	}
}

// pass copies one direction, towards a node; when it ends, so does the whole.
func (r *relay) pass(dst, src net.Conn, to int) {
	defer dst.Close()
	defer src.Close()
	type chunk struct {
		data []byte
		due  time.Time
	}
	chunks := make(chan chunk, 1<<12) // what a long wire holds
	r.wg.Go(func() {
		defer close(chunks)
		for {
			buf := make([]byte, 16<<10)
			n, err := src.Read(buf)
			if err != nil {
				return
			}
			r.mu.Lock()
			due := time.Now().Add(r.delay)
			r.mu.Unlock()
			chunks <- chunk{buf[:n], due}
		}
	})
	for c := range chunks {
		<-time.After(time.Until(c.due)) // the wire's length
		r.hold(to)
		if _, err := dst.Write(c.data); err != nil {
			break
		}
		r.mu.Lock()
		r.passed[to] += int64(len(c.data))
		r.mu.Unlock()
	}
	dst.Close()
	src.Close()
	for range chunks { // let the reader end
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	delete(r.conns, src)
}

// hold waits while nothing may pass towards a node.
func (r *relay) hold(to int) {
	for {
		r.mu.Lock()
		stalled, moved := r.stalled[to], r.moved
		r.mu.Unlock()
		if !stalled {
			return
		}
		<-moved
	}
}

// stall says towards which nodes nothing passes. The sender sees no error.
func (r *relay) stall(towards [2]bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.stalled = towards
	close(r.moved)
	r.moved = make(chan struct{})
}

func (r *relay) setDelay(d time.Duration) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.delay = d
}

// cut ends all connections; new ones are let in.
func (r *relay) cut() {
	r.mu.Lock()
	defer r.mu.Unlock()
	for c := range r.conns {
		c.Close()
	}
}

// carried is how many bytes have passed.
func (r *relay) carried() int64 {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.passed[0] + r.passed[1]
}
