package hits

import (
	"bytes"
	"context"
	"math"
	"math/rand/v2"
	"testing"
	"time"

	"twincached/internal/testkit"
	"twincached/store"
)

// local is a Cache: a store of this process, whose clock the stream moves.
type local struct {
	s     *store.Store
	now   int64
	value []byte
	out   []byte
}

const startMillis = int64(1_750_000_000_000)

func newLocal(t testing.TB, memory int64) *local {
	s, err := store.New(store.Config{MemoryBytes: memory}, startMillis)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Close)
	return &local{s: s, now: startMillis, value: make([]byte, 1<<20)}
}

func (l *local) Get(keys [][]byte, found []bool) error {
	for i, k := range keys {
		l.out, found[i] = l.s.Get(l.now, k, l.out[:0], func(dst []byte, _ *store.View) []byte { return dst })
	}
	return nil
}

func (l *local) Set(key []byte, valueBytes, ttlSeconds int) error {
	r := store.Request{Op: store.OpSet, Key: key, Value: l.value[:valueBytes]}
	if ttlSeconds > 0 {
		r.Expires = l.now + int64(ttlSeconds)*1000
	}
	l.s.Do(l.now, &r)
	return nil
}

func (l *local) Wait(_ context.Context, at time.Duration) (late time.Duration, err error) {
	for now := startMillis + at.Milliseconds(); l.now < now; {
		l.now = min(now, l.now/100*100+100)
		if l.now%100 == 0 {
			l.s.Tick(l.now)
		}
	}
	return 0, nil
}

func TestStream_SameForTheSameSeed(t *testing.T) {
	for _, w := range Workloads(8 << 20) {
		a, b, other := w.Stream(1), w.Stream(1), w.Stream(2)
		same := 0
		for range 1000 {
			x, _ := a.Next()
			y, _ := b.Next()
			z, _ := other.Next()
			if !bytes.Equal(x.Key, y.Key) || x.ValueBytes != y.ValueBytes || x.TTLSeconds != y.TTLSeconds || x.At != y.At {
				t.Fatalf("%s: %+v and %+v", w.Name, x, y)
			}
			if bytes.Equal(x.Key, z.Key) {
				same++
			}
		}
		if same > 500 && w.Name != "scan" {
			t.Errorf("%s: another seed makes the same stream", w.Name)
		}
	}
}

// TestStream_IsWhatItSays reads whole streams and compares them with their facts.
func TestStream_IsWhatItSays(t *testing.T) {
	const memory = 4 << 20
	for _, w := range Workloads(memory) {
		s := w.Stream(1)
		reads, bytesOf, sum := map[string]int{}, map[string]int{}, 0
		n := 0
		for r, ok := s.Next(); ok; r, ok = s.Next() {
			n++
			if len(r.Key) != w.keyBytes || r.ValueBytes < 1 || r.At > w.Duration {
				t.Fatalf("%s: request %d: %+v", w.Name, n, r)
			}
			if was, ok := bytesOf[string(r.Key)]; ok && was != r.ValueBytes {
				t.Fatalf("%s: %q has %d B, and had %d", w.Name, r.Key, r.ValueBytes, was)
			}
			if r.Counted != (n > w.Requests/3) {
				t.Fatalf("%s: request %d of %d: counted %v", w.Name, n, w.Requests, r.Counted)
			}
			reads[string(r.Key)]++
			bytesOf[string(r.Key)] = r.ValueBytes
		}
		once := 0
		for k, n := range reads {
			sum += bytesOf[k] + itemBytes + w.keyBytes
			if n == 1 {
				once++
			}
		}
		t.Logf("%-10s %7d requests of %6d keys (%2d %% once), %.1f times the memory, %.0f s: %s", w.Name, n, len(reads), 100*once/len(reads),
			float64(sum)/memory, w.Duration.Seconds(), w.About)
		if n != w.Requests {
			t.Errorf("%s: %d requests, not %d", w.Name, n, w.Requests)
		}
		if sum < memory*4/3 {
			t.Errorf("%s: all keys take %d bytes: too few for %d", w.Name, sum, int64(memory))
		}
	}
}

func TestZipf_DrawsAsItShould(t *testing.T) {
	const n, draws = 1000, 200_000
	for _, s := range []float64{0.8, 0.99, 1, 1.2} {
		z, r := newZipf(n, s), rand.New(rand.NewPCG(1, 1))
		var got [n + 1]int
		for range draws {
			got[z.draw(r)]++
		}
		all := 0.0
		for k := 1; k <= n; k++ {
			all += math.Pow(float64(k), -s)
		}
		for _, k := range []int{1, 2, 3, 10, 100} {
			want := draws * math.Pow(float64(k), -s) / all
			if d := math.Abs(float64(got[k]) - want); d > 5*math.Sqrt(want) {
				t.Errorf("Zipf %v: rank %d came %d times, not %.0f", s, k, got[k], want)
			}
		}
	}
}

func TestSpread_HasItsMean(t *testing.T) {
	f, sum := spread(1000), 0
	for i := range uint64(20_000) {
		sum += f(mix(i + 1))
	}
	if mean := sum / 20_000; mean < 950 || mean > 1050 {
		t.Errorf("the mean is %d, not 1000", mean)
	}
}

// least is what a store of 8 MiB finds, in percent, with a little to spare.
var least = map[string]float64{
	"zipf-0.8":   54.6,
	"zipf-0.99":  77.4,
	"zipf-1.2":   92.9,
	"scan":       52.0,
	"moving":     83.9,
	"mixed":      85.2,
	"ttl":        71.1,
	"cluster-4":  72.9,
	"cluster-13": 38.3,
	"cluster-19": 81.1,
	"cluster-27": 80.4,
	"cluster-29": 74.6,
	"cluster-37": 60.4,
	"cluster-45": 68.2,
	"cluster-50": 64.8,
	"cluster-52": 82.7,
	"cluster-54": 76.7,
}

// TestRatio_StoreKeepsWhatIsRead plays each workload against the store. There is no
// chance in it, and no clock.
func TestRatio_StoreKeepsWhatIsRead(t *testing.T) {
	if testkit.Race {
		t.Skip("one goroutine, and much work")
	}
	const memory = 8 << 20
	for _, w := range Workloads(memory) {
		r, err := Play(t.Context(), w.Stream(1), newLocal(t, memory))
		if err != nil {
			t.Fatal(err)
		}
		t.Logf("%-10s %.2f", w.Name, 100*r.Ratio())
		if r.Late != 0 || r.Requests == 0 || 100*r.Ratio() < least[w.Name] || least[w.Name] == 0 {
			t.Errorf("%s: found %.2f %%, not %.1f", w.Name, 100*r.Ratio(), least[w.Name])
		}
	}
}
