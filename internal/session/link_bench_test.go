package session

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"testing"

	"twincached/internal/wire"
	"twincached/store"
)

// BenchmarkLink is a set of a random key on one node, until the other one has it and its ACK has
// come back. The sets come in bursts, as many as a pipelined client brings while a Pump waits.
func BenchmarkLink(b *testing.B) {
	const keys = 1 << 18
	for _, burst := range []int{1, 16, 128} {
		b.Run(fmt.Sprint("burst ", burst), func(b *testing.B) {
			d := newDuo(b, store.Config{MemoryBytes: 256 << 20})
			d.heal()
			key, value := []byte("user:000000000000000"), bytes.Repeat([]byte("v"), 100)
			r := rand.New(rand.NewPCG(1, 1))
			pass := func(from, to *duoNode) {
				from.w.Reset()
				from.s.Pump(d.now, from.w)
				for p := from.w.Bytes(); len(p) > 0; {
					body, n, err := wire.Split(p, to.s.FrameLimit())
					if err == nil {
						err = to.s.OnFrame(d.now, body)
					}
					if err != nil || n == 0 {
						b.Fatal(n, err)
					}
					p = p[n:]
				}
				to.s.OnIdle(d.now)
			}
			set := func(i int) {
				for j := len(key) - 1; i > 0; j, i = j-1, i/10 {
					key[j] = byte('0' + i%10)
				}
				d.n[0].st.Do(d.now, &store.Request{Op: store.OpSet, Key: key, Value: value})
			}
			for i := range keys {
				copy(key, "user:000000000000000")
				set(i)
				if i%64 == 0 {
					pass(d.n[0], d.n[1])
					pass(d.n[1], d.n[0])
				}
			}
			d.rest()
			b.ReportAllocs()
			for i := 0; b.Loop(); i++ {
				copy(key, "user:000000000000000")
				set(r.IntN(keys))
				if i%burst == burst-1 {
					pass(d.n[0], d.n[1])
					pass(d.n[1], d.n[0])
				}
			}
		})
	}
}
