package main

import (
	"bytes"
	"fmt"
	"net"
	"time"
)

// lagConn is a client that sets and gets one key.
type lagConn struct {
	net.Conn
	resp bool
	buf  [4096]byte
}

func dialLag(s *server) (*lagConn, error) {
	c, err := net.Dial("tcp", s.address)
	if err != nil {
		return nil, err
	}
	return &lagConn{Conn: c, resp: s.resp}, nil
}

// exchange sends a request and returns the reply, which ends with one of ends.
func (c *lagConn) exchange(request string, ends ...string) ([]byte, error) {
	if err := c.SetDeadline(time.Now().Add(startTimeout)); err != nil {
		return nil, err
	}
	if _, err := c.Write([]byte(request)); err != nil {
		return nil, err
	}
	for n := 0; ; {
		k, err := c.Read(c.buf[n:])
		if n += k; err != nil {
			return nil, err
		}
		for _, end := range ends {
			if bytes.HasSuffix(c.buf[:n], []byte(end)) {
				return c.buf[:n], nil
			}
		}
		if n == len(c.buf) {
			return nil, fmt.Errorf("%s answered with too much", c.RemoteAddr())
		}
	}
}

const lagValue = "seen"

// lagOf sets a key on one and returns after how long the other has it.
func lagOf(to, from *lagConn, key string) (time.Duration, error) {
	set, stored := fmt.Sprintf("set %s 0 0 %d\r\n%s\r\n", key, len(lagValue), lagValue), "STORED\r\n"
	get, ends := "get "+key+"\r\n", []string{"END\r\n"}
	if to.resp {
		set, stored = fmt.Sprintf("*3\r\n$3\r\nSET\r\n$%d\r\n%s\r\n$%d\r\n%s\r\n", len(key), key, len(lagValue), lagValue), "+OK\r\n"
		get, ends = fmt.Sprintf("*2\r\n$3\r\nGET\r\n$%d\r\n%s\r\n", len(key), key), []string{"$-1\r\n", lagValue + "\r\n"}
	}
	if _, err := to.exchange(set, stored); err != nil {
		return 0, err
	}
	for since := time.Now(); time.Since(since) < startTimeout; {
		reply, err := from.exchange(get, ends...)
		if err != nil {
			return 0, err
		}
		if bytes.Contains(reply, []byte(lagValue)) {
			return time.Since(since), nil
		}
	}
	return 0, fmt.Errorf("%s was not seen within %v", key, startTimeout)
}
