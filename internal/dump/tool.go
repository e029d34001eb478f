package dump

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"

	"twincached/store"
)

// toolReader reads what "memcached-tool HOST dump" prints: "add KEY FLAGS EXPTIME BYTES",
// the value, and line ends behind both. EXPTIME is a Unix time in seconds, 0 never. It has
// no versions and no end: where it is cut between two items, nobody can tell.
type toolReader struct {
	r     *bufio.Reader
	items int64 // that have begun
	bad   int64
}

// maxToolLine is longer than any line that is none of a value: a key, and three numbers.
const maxToolLine = store.MaxKeyBytes + 100

func (r *toolReader) failed() int64 { return r.bad }

func (r *toolReader) next(it *item) error {
	for {
		if _, err := r.r.Peek(1); err != nil {
			return err // io.EOF too
		}
		r.items++
		size, err := r.head(it)
		if err == nil {
			it.value, err = readValue(r.r, it.value[:0], size)
		}
		if err == nil {
			err = r.lineEnd()
		}
		switch {
		case err != nil:
			return fmt.Errorf("item %d: %w", r.items, err)
		case nameable(it.key):
			return nil
		}
		r.bad++ // memcached-tool asked for another key than it printed: whose value this is, nobody knows
	}
}

// head reads the line in front of a value, and returns how long that is.
func (r *toolReader) head(it *item) (size int, err error) {
	line, err := r.r.ReadSlice('\n')
	switch {
	case err != nil && !errors.Is(err, bufio.ErrBufferFull):
		return 0, cut(err)
	case err != nil || len(line) > maxToolLine:
		return 0, errors.New("its line is longer than that of any item")
	}
	text := strings.TrimSuffix(strings.TrimSuffix(string(line), "\n"), "\r")
	rest, ok := strings.CutPrefix(text, "add ")
	var numbers [3]int64 // from the last to the first: whatever the key is, they are behind it
	for i, most := range [3]int64{maxValueBytes, 1<<63 - 1, 1<<32 - 1} {
		at := strings.LastIndexByte(rest, ' ')
		if !ok || at < 0 {
			return 0, r.noItem(text)
		}
		n, err := strconv.ParseInt(rest[at+1:], 10, 64)
		if err != nil || n > most || n < 0 && i != 1 {
			return 0, r.noItem(text)
		}
		numbers[i], rest = n, rest[:at]
	}
	if rest == "" || len(rest) > store.MaxKeyBytes {
		return 0, r.noItem(text)
	}
	*it = item{key: append(it.key[:0], rest...), value: it.value, flags: uint32(numbers[2]), expireAt: millis(numbers[1])}
	return int(numbers[0]), nil
}

func (r *toolReader) noItem(text string) error {
	return fmt.Errorf("%.60q is not add KEY FLAGS EXPTIME BYTES", text)
}

func (r *toolReader) lineEnd() error {
	end := make([]byte, 2)
	if _, err := io.ReadFull(r.r, end[:1]); err != nil {
		return cut(err)
	}
	if end[0] == '\n' {
		return nil
	}
	if _, err := io.ReadFull(r.r, end[1:]); err != nil {
		return cut(err)
	}
	if string(end) != "\r\n" {
		return errors.New("its value does not end where it says: was the file changed, or written as text?")
	}
	return nil
}

// nameable tells whether a key can stand in a line of the text protocol.
func nameable(key []byte) bool {
	return !slices.ContainsFunc(key, func(b byte) bool { return b <= ' ' || b == 0x7f })
}

// readValue appends n bytes to dst. Its memory grows with what has come, whatever n claims.
func readValue(r io.Reader, dst []byte, n int) ([]byte, error) {
	for n > 0 {
		some := min(n, readBytes)
		dst = slices.Grow(dst, some)
		got, err := io.ReadFull(r, dst[len(dst):len(dst)+some])
		dst = dst[:len(dst)+got]
		if err != nil {
			return dst, cut(err)
		}
		n -= some
	}
	return dst, nil
}
