package memproto

import (
	"bytes"
	"encoding/binary"
	"math/rand/v2"
	"strings"
	"testing"

	"twincached/store"
)

// coldItems is how many items BenchmarkCold has: with their 168 bytes each, far more than
// any cache of a processor holds.
const coldItems = 2_000_000

// BenchmarkCold is requests for random keys of a large store, which wait for memory. One
// operation is one key.
func BenchmarkCold(b *testing.B) {
	srv := coldServer(b)
	set := "set " + coldKey(0) + " 0 0 100\r\n" + strings.Repeat("v", 100) + "\r\n"
	for _, w := range []struct{ name, in string }{
		{"get depth 1", coldGet(1)},
		{"get depth 16", strings.Repeat(coldGet(1), 16)},
		{"set depth 1", set},
		{"set depth 16", strings.Repeat(set, 16)},
		{"16 keys", coldGet(16)},
		{"100 keys", coldGet(100)},
	} {
		b.Run(w.name, func(b *testing.B) {
			in, out := []byte(w.in), make([]byte, 0, 2*OutSoftLimitBytes)
			var at []int // of the keys
			for i := range in {
				if bytes.HasPrefix(in[i:], []byte("key:")) {
					at = append(at, i+len("key:"))
				}
			}
			c, r := NewConn(srv), rand.New(rand.NewPCG(1, 2))
			for n := 0; n < b.N; n += len(at) {
				for _, i := range at {
					binary.LittleEndian.PutUint64(in[i:], letters(r.Uint32N(coldItems)))
				}
				c.Process(testNow, in, out)
			}
		})
	}
}

func coldGet(keys int) string { return "get" + strings.Repeat(" "+coldKey(0), keys) + "\r\n" }

func coldKey(i uint32) string {
	return "key:" + string(binary.LittleEndian.AppendUint64(nil, letters(i))) + "12345678"
}

// letters are eight letters that name n.
func letters(n uint32) uint64 {
	v := uint64(n)
	v = (v | v<<16) & 0x0000ffff0000ffff
	v = (v | v<<8) & 0x00ff00ff00ff00ff
	v = (v | v<<4) & 0x0f0f0f0f0f0f0f0f
	return v + 0x4141414141414141
}

func coldServer(b *testing.B) *Server {
	b.Helper()
	s, err := store.New(store.Config{MemoryBytes: 1 << 30, Replicated: true}, testNow)
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(s.Close)
	r := store.Request{Op: store.OpSet, Value: make([]byte, 100)}
	for i := range uint32(coldItems) {
		r.Key = []byte(coldKey(i))
		s.Do(testNow, &r)
	}
	return &Server{Store: s}
}
