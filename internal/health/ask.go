package health

import (
	"bufio"
	"crypto/tls"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"syscall"
	"time"
)

// Answer is what a client port said.
type Answer struct {
	Version   string // "" where it cannot be asked for
	Note      string // what is in the way of more: "clients log in", ...; "" = nothing
	State     string // repl_state, "" where it cannot be asked for
	Qualifier string // repl_qualifier
}

// Full is the Note of a node that has as many clients as it takes: it serves them.
const Full = "it has as many clients as it takes"

const (
	maxBodyBytes = 64 << 10
	headerBytes  = 24   // of the binary protocol, request and response
	authRequired = 0x20 // a status of the binary protocol

	// textRequest is longer than headerBytes: a node that speaks the binary protocol only
	// looks at nothing shorter, and would be waited for.
	textRequest = "version\r\nstats replication\r\n"
)

// Ask finds out whether clients are served at address, HOST:PORT or, with a slash in
// it, a unix socket: in the text protocol, else in the binary one, else the same over
// TLS. A sign of life is enough: a node that wants a login, a certificate or fewer
// clients serves those it has. Nothing that it says over TLS is believed beyond that.
// state: its state is asked for too.
func Ask(address string, state bool, deadline time.Time) (Answer, error) {
	first := error(nil)
	for _, way := range []struct{ secure, binary bool }{{false, false}, {false, true}, {true, false}, {true, true}} {
		if way.secure && strings.Contains(address, "/") {
			break
		}
		a, err := askAs(address, deadline, state, way.secure, way.binary)
		if err == nil {
			a.Version, a.State, a.Qualifier = word(a.Version), word(a.State), word(a.Qualifier)
			return a, nil
		}
		if first == nil {
			first = err
		}
		// Who does not speak this ends the conn; over TLS, not in plain words.
		if !errors.Is(err, io.EOF) && !errors.Is(err, syscall.ECONNRESET) && !errors.Is(err, syscall.EPIPE) && !errors.As(err, new(tls.RecordHeaderError)) {
			return Answer{}, err
		}
	}
	return Answer{}, first
}

func askAs(address string, deadline time.Time, state, secure, inBinary bool) (a Answer, err error) {
	network := "tcp"
	if strings.Contains(address, "/") {
		network = "unix"
	}
	conn, err := (&net.Dialer{Deadline: deadline}).Dial(network, address)
	if err != nil {
		return a, Why(err)
	}
	defer conn.Close()
	if err := conn.SetDeadline(deadline); err != nil {
		return a, err
	}
	if secure {
		conn = tls.Client(conn, &tls.Config{InsecureSkipVerify: true})
	}
	if inBinary {
		a, err = askBinary(conn)
	} else {
		a, err = askText(conn, state)
	}
	if remote := (*net.OpError)(nil); secure && errors.As(err, &remote) && remote.Op == "remote error" {
		// An alert: it speaks TLS, and lets in those who have what it wants.
		return Answer{Note: fmt.Sprintf("over TLS it says: %v", remote.Err)}, nil
	}
	return a, err
}

func askText(conn net.Conn, state bool) (a Answer, err error) {
	// A node at its limit writes one line and closes: the line is there although the
	// request has failed.
	_, sent := io.WriteString(conn, textRequest)
	r := bufio.NewReaderSize(conn, 4096)
	line, err := readLine(r)
	if err != nil {
		return a, errors.Join(sent, err)
	}
	switch version, ok := strings.CutPrefix(line, "VERSION "); {
	case ok:
		a.Version = version
	case line == "CLIENT_ERROR unauthenticated":
		return Answer{Note: "clients log in"}, nil
	case line == "ERROR Too many open connections":
		return Answer{Note: Full}, nil
	default:
		return a, fmt.Errorf("it answered %.100q", line)
	}
	for state { // it serves, whatever becomes of this conn
		line, err := readLine(r)
		f := strings.SplitN(line, " ", 3)
		if err != nil || len(f) != 3 || f[0] != "STAT" {
			return a, nil
		}
		switch f[1] {
		case "repl_state":
			a.State = f[2]
		case "repl_qualifier":
			if f[2] != "none" {
				a.Qualifier = f[2]
			}
		}
	}
	return a, nil
}

// readLine reads a line without its end. One without an end is none.
func readLine(r *bufio.Reader) (string, error) {
	if head, _ := r.Peek(2); IsFrame(head) {
		return "", ErrReplication
	}
	line, err := r.ReadSlice('\n')
	if errors.Is(err, bufio.ErrBufferFull) {
		return "", fmt.Errorf("it answered %.100q and no end of the line", line)
	}
	if err != nil {
		return "", err
	}
	return strings.TrimRight(string(line), "\r\n"), nil
}

func askBinary(conn net.Conn) (a Answer, err error) {
	request := make([]byte, headerBytes)
	request[0], request[1] = 0x80, 0x0b // a request, version
	if _, err := conn.Write(request); err != nil {
		return a, err
	}
	head := make([]byte, headerBytes)
	if _, err := io.ReadFull(conn, head); err != nil {
		if errors.Is(err, io.ErrUnexpectedEOF) {
			err = io.EOF
		}
		return a, err
	}
	bodyBytes := binary.BigEndian.Uint32(head[8:])
	if head[0] != 0x81 || head[1] != request[1] || bodyBytes > maxBodyBytes {
		return a, fmt.Errorf("it answered %.24q", head)
	}
	body := make([]byte, bodyBytes)
	if _, err := io.ReadFull(conn, body); err != nil {
		return a, err
	}
	switch status := binary.BigEndian.Uint16(head[6:]); status {
	case 0:
		return Answer{Version: string(body)}, nil
	case authRequired:
		return Answer{Note: "clients log in"}, nil
	default:
		return a, fmt.Errorf("it answered the status %#x, %.100q", status, body)
	}
}
