package prefetch

import (
	"testing"
	"unsafe"
)

// TestLine_AnyAddressWillDo: also one where nothing is, and where nothing can be.
func TestLine_AnyAddressWillDo(t *testing.T) {
	mine := make([]byte, 64)
	for _, a := range []uintptr{0, 1, 4095, uintptr(unsafe.Pointer(&mine[0])), 1 << 47, ^uintptr(0)} {
		Line(a)
		Lines(a)
	}
}
