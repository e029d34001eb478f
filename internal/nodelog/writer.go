package nodelog

import (
	"bytes"
	"errors"
	"io"
	"os"
	"sync"
	"sync/atomic"
	"syscall"
	"time"
)

const (
	roomBytes  = 1 << 20   // of lines that wait; as many again may be on their way out
	spareBytes = 128 << 10 // of these, for lines from INFO on: a flood of -vvv leaves room for an error
	keepBytes  = 64 << 10  // a buffer that grew larger is given back when little is in it

	retryAfter = 10 * time.Millisecond // where a terminal that others use says "try again"
)

// ExitGrace is how long a process that ends may wait for its last lines to be
// written. A reader that is there takes them in less; one that is not costs this.
const ExitGrace = 500 * time.Millisecond

// Writer hands lines on to another writer and never waits for it. Lines come out
// in the order in which they came in. Any goroutine may write.
type Writer struct {
	note func(lines uint64) []byte

	mu      sync.Mutex // a leaf: nothing is waited for under it
	to      io.Writer
	waiting []byte
	missing uint64 // lines dropped that the log has not been told of
	closed  bool

	skipping atomic.Bool // there was no room for a line, and there is none yet
	dropped  atomic.Uint64
	wake     chan struct{} // room for one
	done     chan struct{}
}

// NewWriter returns a Writer to to. note makes the line, with its line end, that
// says how many lines are missing where it stands. The Writer has a goroutine,
// which Close ends.
func NewWriter(to io.Writer, note func(lines uint64) []byte) *Writer {
	w := &Writer{to: to, note: note, wake: make(chan struct{}, 1), done: make(chan struct{})}
	go w.run()
	return w
}

// Write takes p, which is one or more whole lines, or drops it. It keeps nothing
// of p, and never fails.
func (w *Writer) Write(p []byte) (int, error) {
	w.add("", p, roomBytes)
	return len(p), nil
}

// add takes p, with a prefix, if no more than limit bytes wait then.
func (w *Writer) add(prefix string, p []byte, limit int) {
	w.mu.Lock()
	if w.closed || len(w.waiting)+len(prefix)+len(p) > limit {
		w.dropLocked(linesOf(p))
	} else {
		w.waiting = append(append(w.waiting, prefix...), p...)
	}
	w.mu.Unlock()
	w.rouse()
}

func (w *Writer) rouse() {
	select {
	case w.wake <- struct{}{}:
	default:
	}
}

func linesOf(p []byte) uint64 { return uint64(bytes.Count(p, []byte{'\n'})) }

func (w *Writer) dropLocked(lines uint64) {
	w.missing += lines
	w.dropped.Add(lines)
	w.skipping.Store(true)
}

// Swap makes lines go to another file from now on, those that wait already too, and closes
// the one before. What is being written goes there whole, unless that hangs: then it ends
// there, and goes on in the new one.
func (w *Writer) Swap(to io.WriteCloser) error {
	w.mu.Lock()
	before := w.to
	w.to = to
	w.mu.Unlock()
	if c, ok := before.(io.Closer); ok {
		return c.Close()
	}
	return nil
}

// target is where lines go.
func (w *Writer) target() io.Writer {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.to
}

// Dropped is how many lines were dropped since the start.
func (w *Writer) Dropped() uint64 { return w.dropped.Load() }

// Close writes what waits, for grace at most, and takes no more lines. Afterwards
// the goroutine has ended, or still hangs in a write: the process should end then.
func (w *Writer) Close(grace time.Duration) {
	w.mu.Lock()
	w.closed = true
	w.mu.Unlock()
	w.rouse()
	timeout := time.NewTimer(grace)
	defer timeout.Stop()
	select {
	case <-w.done:
	case <-timeout.C:
	}
}

// run writes until Close.
func (w *Writer) run() {
	defer close(w.done)
	var batch []byte
	for {
		var missing uint64
		var open bool
		if batch, missing, open = w.take(batch); !open {
			return
		}
		w.put(batch, missing)
	}
}

// take waits for lines and returns them all; missing is how many are to follow
// them and were dropped. spare becomes the buffer for those that come now.
func (w *Writer) take(spare []byte) (batch []byte, missing uint64, open bool) {
	if cap(spare) > keepBytes && len(spare) < cap(spare)/4 {
		spare = nil
	}
	for {
		w.mu.Lock()
		if len(w.waiting) > 0 {
			batch, w.waiting = w.waiting, spare[:0]
			missing, w.missing = w.missing, 0
			w.skipping.Store(false)
			w.mu.Unlock()
			return batch, missing, true
		}
		closed := w.closed
		w.mu.Unlock()
		if closed {
			return nil, 0, false
		}
		<-w.wake
	}
}

// put writes a batch, and that lines are missing behind it.
func (w *Writer) put(batch []byte, missing uint64) {
	lost := w.write(batch)
	if missing > 0 && lost == 0 && w.write(w.note(missing)) == 0 {
		missing = 0
	}
	if lost+missing == 0 {
		return
	}
	w.dropped.Add(lost)
	w.mu.Lock()
	w.missing += lost + missing // said behind the next lines: trying again at once would go on for ever
	w.mu.Unlock()
}

// write returns how many lines did not go out.
func (w *Writer) write(p []byte) (lost uint64) {
	for len(p) > 0 {
		to := w.target()
		n, err := to.Write(p)
		p = p[n:]
		switch {
		case err == nil:
		case errors.Is(err, os.ErrClosed) && to != w.target(): // Swap came in between
		case errors.Is(err, syscall.EAGAIN):
			time.Sleep(retryAfter)
		default:
			return linesOf(p)
		}
	}
	return 0
}

// drop counts a line that was not even made. The goroutine has been woken by the
// one before it.
func (w *Writer) drop() {
	w.mu.Lock()
	w.dropLocked(1)
	w.mu.Unlock()
}
