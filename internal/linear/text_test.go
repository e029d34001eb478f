package linear

import (
	"bufio"
	"fmt"
	"io"
	"runtime"
	"strconv"
	"strings"
)

// speaker carries out operations in one protocol, one after the other.
type speaker interface {
	do(o op) (answer, error)
}

// wire is a conn, whole or in pieces.
type wire struct {
	w io.Writer
	r *bufio.Reader
	n int

	whole bool // requests are never cut
}

// send writes a request, now and then in two pieces with a pause between.
func (w *wire) send(request string) error {
	if w.n++; w.n%5 == 0 && !w.whole {
		at := w.n % len(request)
		if _, err := io.WriteString(w.w, request[:at]); err != nil {
			return err
		}
		runtime.Gosched()
		request = request[at:]
	}
	_, err := io.WriteString(w.w, request)
	return err
}

func (w *wire) line() (string, error) {
	s, err := w.r.ReadString('\n')
	return strings.TrimSuffix(s, "\r\n"), err
}

// block reads a value and the line end behind it.
func (w *wire) block(size int) (string, error) {
	b := make([]byte, size+2)
	_, err := io.ReadFull(w.r, b)
	if err == nil && string(b[size:]) != "\r\n" {
		err = fmt.Errorf("linear: a value of %d bytes ends with %q", size, b[size:])
	}
	return string(b[:size]), err
}

// text is the classic text protocol.
type text struct{ wire }

func (x *text) do(o op) (answer, error) {
	if err := x.send(textRequest(o)); err != nil {
		return answer{}, err
	}
	if o.kind == get || o.kind == gat {
		return x.found()
	}
	line, err := x.line()
	a := answer{ttl: unsaid}
	switch line {
	case "STORED", "TOUCHED", "DELETED", "OK":
		a.status = done
	case "NOT_STORED":
		a.status = notStored
	case "EXISTS":
		a.status = exists
	case "NOT_FOUND":
		a.status = miss
	case "CLIENT_ERROR cannot increment or decrement non-numeric value":
		a.status = nonNumeric
	default:
		a.status = done
		if err == nil {
			a.number, err = strconv.ParseUint(line, 10, 64)
		}
	}
	return a, err
}

func textRequest(o op) string {
	switch o.kind {
	case get:
		return fmt.Sprintf("gets %s\r\n", o.key)
	case gat:
		return fmt.Sprintf("gats %d %s\r\n", o.ttl, o.key)
	case touch:
		return fmt.Sprintf("touch %s %d\r\n", o.key, o.ttl)
	case incr, decr:
		return fmt.Sprintf("%v %s %d\r\n", o.kind, o.key, o.delta)
	case remove:
		return fmt.Sprintf("delete %s\r\n", o.key)
	case flush:
		return "flush_all\r\n"
	case cas:
		return fmt.Sprintf("cas %s %d %d %d %d\r\n%s\r\n", o.key, o.flags, o.ttl, len(o.value), o.cas, o.value)
	}
	return fmt.Sprintf("%v %s %d %d %d\r\n%s\r\n", o.kind, o.key, o.flags, o.ttl, len(o.value), o.value)
}

// found reads the reply to gets and gats of one key.
func (x *text) found() (a answer, err error) {
	a = answer{status: miss, ttl: unsaid}
	line, err := x.line()
	if err != nil || line == "END" {
		return a, err
	}
	var key string
	var size int
	if _, err = fmt.Sscanf(line, "VALUE %s %d %d %d", &key, &a.flags, &size, &a.cas); err != nil {
		return a, fmt.Errorf("linear: %q: %w", line, err)
	}
	a.status = done
	if a.value, err = x.block(size); err != nil {
		return a, err
	}
	if line, err = x.line(); err == nil && line != "END" {
		err = fmt.Errorf("linear: %q behind the value of %s", line, key)
	}
	return a, err
}
