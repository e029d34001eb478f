package serve

import "math/bits"

// buffers hands out byte buffers of a power of two and keeps a few that come back, so that a stream of values larger than the
// shared read buffer does not feed the garbage collector. Owned by one loop; the zero value is ready.
type buffers struct {
	free [bufferClasses][][]byte
	kept int // bytes of all in free
}

const (
	minBufferShift = 10 // 1 KiB
	bufferClasses  = 12 // up to 2 MiB: the default largest item with its head
	// keepBufferBytes bounds what is kept of each class.
	keepBufferBytes = 2 << 20
)

// get returns an empty buffer with room for at least size bytes.
func (b *buffers) get(size int) []byte {
	class := bufferClass(size)
	if class >= bufferClasses {
		return make([]byte, 0, size)
	}
	if n := len(b.free[class]); n > 0 {
		buf := b.free[class][n-1]
		b.free[class][n-1] = nil
		b.free[class] = b.free[class][:n-1]
		b.kept -= cap(buf)
		return buf
	}
	return make([]byte, 0, 1<<(class+minBufferShift))
}

// put takes a buffer back; nil and buffers of other sizes are left to the garbage collector.
func (b *buffers) put(buf []byte) {
	if buf == nil {
		return
	}
	class := bufferClass(cap(buf))
	if class >= bufferClasses || cap(buf) != 1<<(class+minBufferShift) {
		return
	}
	if (len(b.free[class])+1)*cap(buf) <= keepBufferBytes {
		b.free[class] = append(b.free[class], buf[:0])
		b.kept += cap(buf)
	}
}

func bufferClass(size int) int {
	if size <= 1<<minBufferShift {
		return 0
	}
	return bits.Len(uint(size-1)) - minBufferShift
}
