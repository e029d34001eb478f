package serve

import "testing"

// TestTake_KeptBuffersAreOfTheShareToo: those that are kept for later, of all sizes together, and those in use.
func TestTake_KeptBuffersAreOfTheShareToo(t *testing.T) {
	l, c := &loop{share: 1 << 20}, new(conn)
	check := func(size int) {
		t.Helper()
		kept := 0
		for _, class := range l.bufs.free {
			for _, buf := range class {
				kept += cap(buf)
			}
		}
		if kept != l.bufs.kept || kept+l.held > l.share {
			t.Fatalf("buffers of %d: %d bytes are kept (counted %d) and %d held, of %d", size, kept, l.bufs.kept, l.held, l.share)
		}
	}
	for size := 1 << minBufferShift; size <= l.share/2; size *= 2 {
		var all [][]byte
		for range l.share / size {
			all = append(all, l.take(c, size))
			check(size)
		}
		for _, buf := range all {
			l.drop(buf)
			check(size)
		}
		if l.held != 0 || l.bufs.kept == 0 {
			t.Fatalf("buffers of %d: %d bytes are held and %d kept after all came back", size, l.held, l.bufs.kept)
		}
	}
}
