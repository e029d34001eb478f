package hits

import (
	"math"
	"math/rand/v2"
)

// zipf draws ranks 1..n, rank k with a probability in proportion to 1/k^s, for any s
// above 0. It needs no table: rejection-inversion (Hörmann and Derflinger, 1996).
type zipf struct {
	n, s        float64
	low, high   float64 // ends of the integral that a draw is inverted from
	closeEnough float64 // a draw that is nearer to its rank is accepted at once
}

func newZipf(n int, s float64) *zipf {
	z := &zipf{n: float64(n), s: s}
	z.low, z.high = z.integral(1.5)-1, z.integral(z.n+0.5)
	z.closeEnough = 2 - z.inverse(z.integral(2.5)-math.Pow(2, -s))
	return z
}

// integral is that of x^-s.
func (z *zipf) integral(x float64) float64 {
	if z.s == 1 {
		return math.Log(x)
	}
	return (math.Pow(x, 1-z.s) - 1) / (1 - z.s)
}

func (z *zipf) inverse(u float64) float64 {
	if z.s == 1 {
		return math.Exp(u)
	}
	return math.Pow(1+u*(1-z.s), 1/(1-z.s))
}

func (z *zipf) draw(r *rand.Rand) uint64 {
	for {
		u := z.high + r.Float64()*(z.low-z.high)
		x := z.inverse(u)
		k := min(max(math.Round(x), 1), z.n)
		if k-x <= z.closeEnough || u >= z.integral(k+0.5)-math.Pow(k, -z.s) {
			return uint64(k)
		}
	}
}
