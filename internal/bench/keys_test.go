package bench

import (
	"math"
	"math/rand/v2"
	"strings"
	"testing"
)

func TestKey_HasItsLengthAndNumber(t *testing.T) {
	for _, size := range []int{MinKeyBytes, 20, MaxKeyBytes} {
		o := Default()
		o.KeyBytes = size
		d := newDataset(&o)
		for k, want := range map[uint32]string{0: "0000", 7: "0007", 1234567890: "1234567890"} {
			key := string(d.appendKey([]byte("x"), k))[1:]
			if len(key) != size || !strings.HasPrefix(key, keyPrefix) || !strings.HasSuffix(key, want) {
				t.Errorf("%d bytes, key %d: %q", size, k, key)
			}
		}
	}
}

func TestValue_SizesFillTheRange(t *testing.T) {
	o := Default()
	o.MinValue, o.MaxValue = 10, 13
	d := newDataset(&o)
	seen := map[int]int{}
	for k := range uint32(4000) {
		seen[len(d.value(k))]++
	}
	for size := 10; size <= 13; size++ {
		if seen[size] < 800 || len(seen) != 4 {
			t.Errorf("sizes %v", seen)
		}
	}
}

// The share of the first ranks is that of the formula.
func TestZipf_SharesAreThoseOfTheFormula(t *testing.T) {
	const n, draws = 1000, 200_000
	for _, s := range []float64{0.5, 0.99, 1, 1.2, 3} {
		z, r := newZipf(s, n), rand.New(rand.NewPCG(7, 7))
		count := make([]int, n+1)
		for range draws {
			count[z.rank(r)]++
		}
		sum := 0.0
		for i := 1; i <= n; i++ {
			sum += math.Pow(float64(i), -s)
		}
		for _, i := range []int{1, 2, 10, 500} {
			want := draws * math.Pow(float64(i), -s) / sum
			if got := float64(count[i]); math.Abs(got-want) > 5*math.Sqrt(want)+1 {
				t.Errorf("s %v, rank %d: %v draws, want about %.0f", s, i, got, want)
			}
		}
	}
}

func TestZipf_RanksAreSpreadOverTheKeys(t *testing.T) {
	o := Default()
	o.Zipf, o.Keys = 1.2, 1000
	d := newDataset(&o)
	seen := map[uint32]int{}
	for _, k := range d.draws {
		seen[k]++
	}
	if most := seen[0]; most < 100_000 || len(seen) < 900 || seen[1] > most/10 {
		t.Errorf("%d of key 0, %d of key 1, %d keys", most, seen[1], len(seen))
	}
}
