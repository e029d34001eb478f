package dump

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"testing"

	"twincached/internal/testkit"
	"twincached/store"
)

// A node that ends, or falls silent, after any number of bytes is an error, never a hang; and
// what it has by then is not lost by another restore.
func TestRestoreAndTake_NodeThatIsLostOnTheWay(t *testing.T) {
	for _, silent := range []bool{false, true} {
		for n := 100; n < 20_000; n += 611 * testkit.Step {
			bubble(t, func(t *testing.T, f *fake) {
				var items []item
				for i := range 3000 {
					items = append(items, item{key: fmt.Append(nil, "key", i), value: []byte("v"), version: version(-1)})
				}
				f.wrap = func(c net.Conn) net.Conn { return &testkit.Cut{Conn: c, Left: n, Silent: silent} }
				want := "was it stopped?"
				if silent {
					want = "it has said nothing for 30s"
				}
				_, err := Restore(bytes.NewReader(writeAll(t, false, items...)), 0, "a:1", "", f.options())
				if err == nil || !strings.Contains(err.Error(), want) && !strings.Contains(err.Error(), "with TLS and without") {
					t.Errorf("restore: %v, want %q", err, want)
				}
				f.wrap = nil
				if r := f.restored(writeAll(t, false, items...)); r.Restored+r.Kept != 3000 {
					t.Errorf("%v", &r)
				}
				f.wrap = func(c net.Conn) net.Conn { return &testkit.Cut{Conn: c, Left: n, Silent: silent} }
				if _, err := Take("a:1", io.Discard, f.options()); err == nil || !strings.Contains(err.Error(), want) && !strings.Contains(err.Error(), "with TLS and without") {
					t.Errorf("dump: %v, want %q", err, want)
				}
			})
		}
	}
}

// A file that cannot be written ends the dump with its own error.
func TestTake_DiskFull(t *testing.T) {
	bubble(t, func(t *testing.T, f *fake) {
		for i := range 3000 {
			f.put(store.Record{Key: fmt.Append(nil, "key", i), Value: bytes.Repeat([]byte("v"), 2000), Version: version(0)})
		}
		full := errors.New("no space left")
		for _, asJSON := range []bool{false, true} {
			for _, room := range []int{0, 10, 2 << 20} {
				o := f.options()
				o.JSON = asJSON
				if _, err := Take("a:1", &limited{left: room, err: full}, o); !errors.Is(err, full) || !strings.HasPrefix(err.Error(), "dump: no space") {
					t.Errorf("JSON %v: %v", asJSON, err)
				}
			}
		}
	})
}

// limited takes some bytes.
type limited struct {
	left int
	err  error
}

func (l *limited) Write(b []byte) (int, error) {
	if len(b) > l.left {
		return 0, l.err
	}
	l.left -= len(b)
	return len(b), nil
}
