package bench

import (
	"math"
	"math/rand/v2"
)

const (
	keyPrefix = "bench:"
	// valueStarts is how many places there are at which a value may begin in the text that
	// all values are cut from: a wrong key's value passes as the right one once in as many.
	valueStarts = 4093
	zipfDraws   = 1 << 20 // drawn once, then gone through in a circle
)

// dataset is which keys there are, and what their values are. It does not change.
type dataset struct {
	opt   *Options
	text  []byte
	draws []uint32 // of a Zipf distribution; nil: all keys alike
}

func newDataset(o *Options) *dataset {
	d := &dataset{opt: o, text: make([]byte, o.MaxValue+valueStarts)}
	for i := range d.text {
		d.text[i] = 'a' + byte(mix(uint64(i))%26)
	}
	if o.Zipf > 0 {
		z := newZipf(o.Zipf, o.Keys)
		r := rand.New(rand.NewPCG(1, 2))
		d.draws = make([]uint32, zipfDraws)
		for i := range d.draws {
			// A prime that no number of keys is a multiple of spreads the ranks over the keys.
			d.draws[i] = uint32(uint64(z.rank(r)-1) * 2654435761 % uint64(o.Keys))
		}
	}
	return d
}

// mix makes of a number one that looks like chance.
func mix(x uint64) uint64 {
	x = (x ^ x>>33) * 0xff51afd7ed558ccd
	x = (x ^ x>>33) * 0xc4ceb9fe1a85ec53
	return x ^ x>>33
}

// appendKey appends the name of key k, KeyBytes long.
func (d *dataset) appendKey(b []byte, k uint32) []byte {
	b = append(b, keyPrefix...)
	at := len(b)
	b = append(b, zeros[:d.opt.KeyBytes-len(keyPrefix)]...)
	for i := len(b) - 1; i >= at && k > 0; i-- {
		b[i] = '0' + byte(k%10)
		k /= 10
	}
	return b
}

var zeros = func() (z [MaxKeyBytes]byte) {
	for i := range z {
		z[i] = '0'
	}
	return z
}()

// value is what key k holds. It belongs to the dataset.
func (d *dataset) value(k uint32) []byte {
	h := mix(uint64(k) + 1)
	size := d.opt.MinValue
	if span := d.opt.MaxValue - size; span > 0 {
		size += int(h >> 32 % uint64(span+1))
	}
	at := int(h & math.MaxUint32 % valueStarts)
	return d.text[at : at+size]
}

// zipf draws ranks from 1 to n, rank i with a probability in proportion to i^-s. Rejection
// of an inverted integral (Hoermann and Derflinger, 1996): it needs no table.
type zipf struct {
	s, first, last, accept float64
	n                      int
}

func newZipf(s float64, n int) *zipf {
	z := &zipf{s: s, n: n}
	z.first, z.last = z.integral(1.5)-1, z.integral(float64(n)+0.5)
	z.accept = 2 - z.inverse(z.integral(2.5)-math.Pow(2, -s))
	return z
}

func (z *zipf) integral(x float64) float64 {
	if z.s == 1 {
		return math.Log(x)
	}
	return (math.Pow(x, 1-z.s) - 1) / (1 - z.s)
}

func (z *zipf) inverse(y float64) float64 {
	if z.s == 1 {
		return math.Exp(y)
	}
	return math.Pow(max(1+y*(1-z.s), 0), 1/(1-z.s))
}

func (z *zipf) rank(r *rand.Rand) int {
	for {
		u := z.last + r.Float64()*(z.first-z.last)
		x := z.inverse(u)
		k := min(max(int(x+0.5), 1), z.n)
		if float64(k)-x <= z.accept || u >= z.integral(float64(k)+0.5)-math.Pow(float64(k), -z.s) {
			return k
		}
	}
}
