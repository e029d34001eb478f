package wire

import (
	"bytes"
	"fmt"
)

// pack writes msgpack for bodies that the Writer would never make: an int, a
// uint64, a float64, a string, a []byte, a bool, nil, or an array of them.
func pack(v any) []byte {
	w := NewWriter()
	w.pack(v)
	return bytes.Clone(w.Bytes())
}

func (w *Writer) pack(v any) {
	switch v := v.(type) {
	case nil:
		_ = w.enc.EncodeNil()
	case bool:
		_ = w.enc.EncodeBool(v)
	case int:
		w.int(int64(v))
	case Type:
		w.uint(uint64(v))
	case uint64:
		w.uint(v)
	case float64:
		_ = w.enc.EncodeFloat64(v)
	case string:
		w.string(v)
	case []byte:
		w.bytes(v)
	case []any:
		_ = w.enc.EncodeArrayLen(len(v))
		for _, e := range v {
			w.pack(e)
		}
	default:
		panic(fmt.Sprintf("pack: %T", v))
	}
}

// list is an array for pack.
func list(v ...any) []any { return v }

// with is a copy of l whose element i is v.
func with(l []any, i int, v any) []any {
	l = append([]any{}, l...)
	l[i] = v
	return l
}

// repeat is an array of n times v.
func repeat(n int, v any) []any {
	l := make([]any, n)
	for i := range l {
		l[i] = v
	}
	return l
}
