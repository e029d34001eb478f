package session

import "twincached/internal/wire"

// After denseTries frames in a row that did not get smaller, denseSkips go out as they are,
// then the next one is tried. So data that cannot be compressed, as images, cost a sixteenth
// of the CPU time, and data that can be go out as they are for 1 MiB at most.
const (
	denseTries = 4
	denseSkips = 15
)

// dense remembers that a lane's frames do not get smaller. The zero value tries each frame.
type dense struct {
	failed int // frames in a row that did not get smaller
	skip   int // frames that are not tried
}

// pack packs the last frame of w, if that is worth trying. bytes is its size, least the
// smallest that is packed. It returns the size of the frame before and after.
func (d *dense) pack(w *wire.Writer, bytes, least int) (before, after int) {
	switch {
	case bytes < least+wire.HeadBytes: // that says nothing about those that are packed
		return bytes, bytes
	case d.skip > 0:
		d.skip--
		return bytes, bytes
	}
	if before, after = w.Pack(least); after < before {
		d.failed = 0
	} else if d.failed++; d.failed >= denseTries {
		d.skip = denseSkips
	}
	return before, after
}
