package memproto

import (
	"encoding/binary"
	"fmt"
	"io"
	"net"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
)

// request makes one packet by other means than the engine reads it.
func request(op byte, key, extras, value string, cas ...uint64) []byte {
	b := []byte{0x80, op}
	b = binary.BigEndian.AppendUint16(b, uint16(len(key)))
	b = append(b, byte(len(extras)), 0, 0, 0)
	b = binary.BigEndian.AppendUint32(b, uint32(len(extras)+len(key)+len(value)))
	b = append(b, "\xde\xad\xbe\xef"...)
	b = binary.BigEndian.AppendUint64(b, append(cas, 0)[0])
	return slices.Concat(b, []byte(extras), []byte(key), []byte(value))
}

// The extras of requests.
func u32(v uint32) string                  { return string(binary.BigEndian.AppendUint32(nil, v)) }
func u64(v uint64) string                  { return string(binary.BigEndian.AppendUint64(nil, v)) }
func storeExtras(flags, exp uint32) string { return u32(flags) + u32(exp) }
func deltaExtras(delta, initial uint64, exp uint32) string {
	return u64(delta) + u64(initial) + u32(exp)
}

// frame is one reply.
type frame struct {
	op                 byte
	status             uint16
	extras, key, value string
	opaque             uint32
	cas                uint64
}

func (f frame) String() string {
	return fmt.Sprintf("{op %#x status %#x extras %q key %q value %.200q opaque %#x cas %d}", f.op, f.status, f.extras, f.key, f.value, f.opaque, f.cas)
}

// readFrame reads one reply and checks what every reply has.
func readFrame(r io.Reader) (f frame, err error) {
	var h [24]byte
	if _, err := io.ReadFull(r, h[:]); err != nil {
		return f, err
	}
	key, extras, body := int(binary.BigEndian.Uint16(h[2:])), int(h[4]), int(binary.BigEndian.Uint32(h[8:]))
	if h[0] != 0x81 || h[5] != 0 || body < key+extras {
		return f, fmt.Errorf("bad reply header % x", h)
	}
	b := make([]byte, body)
	if _, err := io.ReadFull(r, b); err != nil {
		return f, fmt.Errorf("reply % x is cut off: %v", h, err)
	}
	return frame{
		op: h[1], status: binary.BigEndian.Uint16(h[6:]), opaque: binary.BigEndian.Uint32(h[12:]), cas: binary.BigEndian.Uint64(h[16:]),
		extras: string(b[:extras]), key: string(b[extras : extras+key]), value: string(b[extras+key:]),
	}, nil
}

// readFrames reads all of b.
func readFrames(t testing.TB, b []byte) (all []frame) {
	t.Helper()
	for r := strings.NewReader(string(b)); r.Len() > 0; {
		f, err := readFrame(r)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, f)
	}
	return all
}

// binaryServer answers packets: the engine, or stock memcached. It returns the
// replies to what is sent, and whether the conn was closed then.
type binaryServer interface {
	exchange(t testing.TB, sent []byte) (replies []frame, closed bool)
}

func (e *engine) exchange(t testing.TB, sent []byte) ([]frame, bool) {
	t.Helper()
	return readFrames(t, e.feed(sent)), e.closed
}

// sentinel is a noop whose reply ends an exchange with stock memcached.
var sentinel = func() []byte {
	b := request(opNoop, "", "", "")
	copy(b[12:], "\xff\xee\xdd\xcc")
	return b
}()

const sentinelOpaque = 0xffeeddcc

func (c *stockConn) exchange(t testing.TB, sent []byte) (all []frame, closed bool) {
	t.Helper()
	if _, err := c.Write(slices.Concat(sent, sentinel)); err != nil {
		t.Fatal(err)
	}
	c.SetReadDeadline(time.Now().Add(20 * time.Second))
	for {
		f, err := readFrame(c.r)
		if err == io.EOF {
			return all, true
		}
		if err != nil {
			t.Fatalf("stock memcached: %v after %v", err, all)
		}
		if f.opaque == sentinelOpaque {
			return all, false
		}
		all = append(all, f)
	}
}

// unpadded cuts the spaces of a value that increment or decrement may have padded: whether
// memcached keeps the old length depends on who else reads the item.
func unpadded(value string) string {
	if s := strings.TrimRight(value, " "); s != value {
		if _, err := strconv.ParseUint(s, 10, 64); err == nil {
			return s
		}
	}
	return value
}

// halfClose says that nothing more will be sent.
func (c *stockConn) halfClose() error { return c.Conn.(*net.TCPConn).CloseWrite() }
