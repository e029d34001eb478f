package serve

import "testing"

func TestBuffers(t *testing.T) {
	var b buffers
	for _, size := range []int{0, 1, 1024, 1025, 4096, 64 << 10, 1 << 20, 2 << 20, 2<<20 + 1, 10 << 20} {
		buf := b.get(size)
		if len(buf) != 0 || cap(buf) < size {
			t.Fatalf("get(%d) has length %d and capacity %d", size, len(buf), cap(buf))
		}
		buf = append(buf, make([]byte, size)...)
		b.put(buf)
		again := b.get(size)
		if size > 0 && size <= 2<<20 && &again[:1][0] != &buf[0] {
			t.Errorf("a buffer of %d bytes was not used again", size)
		}
	}
	b.put(nil)
	b.put(make([]byte, 0, 5000)) // of no class
	for range 10_000 {
		b.put(make([]byte, 0, 64<<10))
		b.put(make([]byte, 0, 1<<10))
	}
	kept := 0
	for _, class := range b.free {
		for _, buf := range class {
			if cap(buf) == 5000 {
				t.Error("kept a buffer of no class")
			}
			kept += cap(buf)
		}
	}
	if kept > bufferClasses*keepBufferBytes {
		t.Errorf("keeps %d bytes", kept)
	}
}
