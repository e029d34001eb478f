package torture

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net"
	"strconv"
	"strings"
	"time"
)

// raw is a client connection that speaks the text and the meta protocol.
type raw struct {
	nc      net.Conn
	r       *bufio.Reader
	timeout time.Duration
}

// dialRaw connects; each request and each line of a reply may take timeout.
func dialRaw(addr string, timeout time.Duration) (*raw, error) {
	nc, err := dial(addr, timeout)
	if err != nil {
		return nil, err
	}
	return &raw{nc: nc, r: bufio.NewReaderSize(nc, 64<<10), timeout: timeout}, nil
}

// dial connects so that close throws away what the network has not taken: a
// request of a client that gave up shall not arrive later.
func dial(addr string, timeout time.Duration) (net.Conn, error) {
	nc, err := net.DialTimeout("tcp", addr, timeout)
	if err != nil {
		return nil, err
	}
	_ = nc.(*net.TCPConn).SetLinger(0) // an error here shows at the next use
	return nc, nil
}

func (c *raw) close() { c.nc.Close() }

func (c *raw) send(text string) error {
	_ = c.nc.SetDeadline(time.Now().Add(c.timeout)) // a closed conn fails at the next line
	_, err := io.WriteString(c.nc, text)
	return err
}

// line reads one line without its end.
func (c *raw) line() (string, error) {
	s, err := c.r.ReadString('\n')
	return strings.TrimRight(s, "\r\n"), err
}

// errReply is a reply that no request of ours should get.
var errReply = errors.New("torture: unexpected reply")

// version reads the reply to an ms with the flag c.
func (c *raw) version() (uint64, error) {
	line, err := c.line()
	if err != nil {
		return 0, err
	}
	v, err := strconv.ParseUint(strings.TrimPrefix(line, "HD c"), 10, 64)
	if err != nil {
		return 0, fmt.Errorf("%w to ms: %q", errReply, line)
	}
	return v, nil
}

// held reads the reply to an mg with the flags v and c.
func (c *raw) held() (held, error) {
	line, err := c.line()
	if err != nil || line == "EN" {
		return held{}, err
	}
	size, version := 0, uint64(0)
	if _, err := fmt.Sscanf(line, "VA %d c%d", &size, &version); err != nil {
		return held{}, fmt.Errorf("%w to mg: %q", errReply, line)
	}
	value := make([]byte, size+2)
	if _, err := io.ReadFull(c.r, value); err != nil {
		return held{}, err
	}
	return held{version, valueID(value[:size])}, nil
}

// valueID is what makes a value unique: all before its padding.
func valueID(value []byte) string {
	id, _, _ := strings.Cut(string(value), " ")
	return id
}

// contents reads what a node holds of some keys.
func contents(addr string, rs []*record) ([]held, error) {
	const burst = 500
	c, err := dialRaw(addr, 10*time.Second)
	if err != nil {
		return nil, err
	}
	defer c.close()
	all := make([]held, 0, len(rs))
	for len(all) < len(rs) {
		part := rs[len(all):min(len(all)+burst, len(rs))]
		var request strings.Builder
		for _, r := range part {
			fmt.Fprintf(&request, "mg %s v c\r\n", r.key)
		}
		if err := c.send(request.String()); err != nil {
			return nil, err
		}
		for range part {
			h, err := c.held()
			if err != nil {
				return nil, err
			}
			all = append(all, h)
		}
	}
	return all, nil
}
