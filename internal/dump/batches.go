package dump

import (
	"errors"
	"io"
	"sync/atomic"
)

// batch is some items of a file, with memory of its own.
type batch struct {
	items []item
	data  []byte // their keys and values
	read  int64  // bytes of the file up to them, about
}

// batches are the items of a file as they are read, ahead of what is done with them.
type batches struct {
	full chan *batch // closed at the end of the file, and after an error
	free chan *batch
	err  error // of the file; valid once full is closed
	quit chan struct{}
}

// counter counts what is read.
type counter struct {
	r io.Reader
	n atomic.Int64
}

func (c *counter) Read(b []byte) (int, error) {
	n, err := c.r.Read(b)
	c.n.Add(int64(n))
	return n, err
}

// load reads a file in a goroutine of its own. The caller gives each batch back, and calls stop.
func load(file reader, counted *counter) *batches {
	const ahead = 3
	b := &batches{full: make(chan *batch, ahead), free: make(chan *batch, ahead), quit: make(chan struct{})}
	for range ahead {
		b.free <- new(batch)
	}
	go func() {
		defer close(b.full)
		for {
			var next *batch
			select {
			case next = <-b.free:
			case <-b.quit:
				return
			}
			err := next.fill(file)
			next.read = counted.n.Load()
			if len(next.items) > 0 {
				b.full <- next // it has room for all there are
			}
			if err != nil {
				if !errors.Is(err, io.EOF) {
					b.err = err
				}
				return
			}
		}
	}()
	return b
}

// stop ends the reading. It does not wait for a read that is under way: a pipe may never give
// anything again.
func (b *batches) stop() { close(b.quit) }

// fill reads the next items. io.EOF: these are the last ones.
func (b *batch) fill(file reader) error {
	const spare = 4 * batchBytes // what one large value has taken is given back
	b.items = b.items[:0]
	if b.data = b.data[:0]; cap(b.data) > spare {
		b.data = nil
	}
	var it item
	var ends []int // of key and value in data, which may move
	var err error
	for len(b.items) < batchItems && len(b.data) < batchBytes {
		if cap(it.value) > spare {
			it.value = nil
		}
		if err = file.next(&it); err != nil {
			break
		}
		b.data = append(b.data, it.key...)
		ends = append(ends, len(b.data))
		b.data = append(b.data, it.value...)
		ends = append(ends, len(b.data))
		b.items = append(b.items, it)
	}
	at := 0
	for i := range b.items {
		key, value := ends[2*i], ends[2*i+1]
		b.items[i].key, b.items[i].value = b.data[at:key:key], b.data[key:value:value]
		at = value
	}
	return err
}
