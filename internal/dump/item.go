package dump

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"

	"twincached/store"
)

// item is one item of a dump.
type item struct {
	key, value []byte // 1..store.MaxKeyBytes of any bytes, and 0..maxValueBytes
	flags      uint32
	expireAt   int64  // Unix ms; 0 never
	version    uint64 // 0: nobody knows
	stale      bool   // a client called the value outdated
	won        bool   // a reader was told to renew the value
}

// maxValueBytes bounds what a file may claim.
const maxValueBytes = store.MaxItemLimitBytes

// writer writes a dump. An item is written, or copied, when the call returns.
type writer interface {
	item(it *item) error
	end() error // writes what says that the dump is whole
}

// reader reads a dump.
type reader interface {
	// next reads the next item into it, and reuses its memory. io.EOF: the dump is whole,
	// and there are no more. Any other error: it is cut, broken or no dump.
	next(it *item) error
	// failed is how many items the file has that no node could take; next passes over them.
	failed() int64
}

// errCut is a dump that ends before its end.
var errCut = errors.New("it is cut: it ends before the dump does")

// cut makes the end of the file within something an errCut.
func cut(err error) error {
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return errCut
	}
	return err
}

// readBytes is what is read from a file at once, and written to one.
const readBytes = 256 << 10

// newReader finds out by its first bytes what a file is.
func newReader(from io.Reader) (reader, error) {
	r := bufio.NewReaderSize(from, readBytes)
	head, err := r.Peek(4)
	switch {
	case len(head) == 0 && errors.Is(err, io.EOF):
		return nil, errors.New("it is empty")
	case len(head) == 0:
		return nil, err
	case head[0] == '{':
		return &jsonReader{r: r}, nil
	case string(head) == "add ":
		return &toolReader{r: r}, nil
	case isRecord(head):
		return newRecordReader(r)
	case bytes.HasPrefix(head, []byte{0x1f, 0x8b}), bytes.HasPrefix(head, []byte{0x28, 0xb5, 0x2f, 0xfd}), bytes.HasPrefix(head, []byte("\xfd7zX")):
		return nil, errors.New("it is compressed: unpack it first, and give restore the output (-)")
	}
	return nil, fmt.Errorf("it is no dump: it begins with %q. A dump is what twincached dump writes, with --json or without, or memcached-tool HOST dump", head)
}
