package bench

import (
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"strings"
	"sync"
	"time"
)

const (
	dialTimeout = 5 * time.Second
	dialAtOnce  = 64 // a server's backlog is longer
)

// network is how an address is dialled: with a slash in it, it is a unix socket.
func network(address string) string {
	if strings.Contains(address, "/") {
		return "unix"
	}
	return "tcp"
}

// connect opens n connections, and logs in on each where the options say so.
func connect(address string, n int, o *Options) ([]net.Conn, error) {
	conns, errs := make([]net.Conn, n), make([]error, n)
	var all sync.WaitGroup
	places := make(chan bool, dialAtOnce)
	for i := range conns {
		places <- true
		all.Go(func() {
			defer func() { <-places }()
			conns[i], errs[i] = dial(address, o)
		})
	}
	all.Wait()
	for _, err := range errs {
		if err != nil {
			closeAll(conns)
			return nil, err
		}
	}
	return conns, nil
}

func closeAll(conns []net.Conn) {
	for _, c := range conns {
		if c != nil {
			c.Close()
		}
	}
}

func dial(address string, o *Options) (net.Conn, error) {
	c, err := (&net.Dialer{Timeout: dialTimeout, KeepAlive: -1}).Dial(network(address), address)
	if err != nil {
		return nil, err
	}
	if o.TLS != nil {
		cfg := o.TLS.Clone()
		if cfg.ServerName, _, err = net.SplitHostPort(address); err != nil {
			cfg.ServerName = address
		}
		c = tls.Client(c, cfg)
	}
	if err := errors.Join(c.SetDeadline(time.Now().Add(dialTimeout)), greet(c, o), c.SetDeadline(time.Time{})); err != nil {
		c.Close()
		if errors.Is(err, os.ErrDeadlineExceeded) {
			err = fmt.Errorf("it gave no answer within %v: is it stopped, or does it speak TLS?", dialTimeout)
		}
		return nil, err
	}
	return c, nil
}

// greet ends the handshake of TLS, and logs in.
func greet(c net.Conn, o *Options) error {
	if t, ok := c.(*tls.Conn); ok {
		if err := t.Handshake(); err != nil {
			return fmt.Errorf("over TLS: %w", err)
		}
	}
	if o.Name == "" {
		return nil
	}
	words := o.Name + " " + o.Password
	if _, err := fmt.Fprintf(c, "set login 0 0 %d\r\n%s\r\n", len(words), words); err != nil {
		return err
	}
	answer := make([]byte, len("STORED\r\n"))
	if _, err := io.ReadFull(c, answer); err != nil {
		return fmt.Errorf("logging in: %w", err)
	}
	if string(answer) != "STORED\r\n" {
		return errors.New("it refused the login of --auth-file")
	}
	return nil
}
