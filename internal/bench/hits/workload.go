package hits

import (
	"fmt"
	"math"
	"math/rand/v2"
	"time"
)

// Workload is one kind of stream. Take one of Workloads.
type Workload struct {
	Name  string // a short word, for tables
	About string // one line for people

	// Requests is the length of the stream. The first third of it fills the server, and is
	// not counted.
	Requests int

	// Duration is how long the stream has to take, because expiries are part of it. 0: time
	// does not matter.
	Duration time.Duration

	keyBytes int
	value    func(hash uint64) int // bytes, of the hash of a key
	ttl      func(hash uint64) int // seconds; nil: never
	picker   func() pick
}

// pick chooses the key of request i.
type pick func(r *rand.Rand, i int) uint64

const (
	itemBytes = 56  // what a server needs for an item beside key and value, about
	mostReads = 6e6 // requests of one workload: some tens of seconds against a server
	perSecond = 60_000
	hours     = 12 // that a workload with expiries stands for
	someKeys  = 1 << 40
)

// Workloads returns all of them, for a server with this much memory. They are larger than
// it, by as much for any amount.
func Workloads(memoryBytes int64) []Workload {
	w := []Workload{
		zipfOf(memoryBytes, "zipf-0.8", 0.8),
		zipfOf(memoryBytes, "zipf-0.99", 0.99),
		zipfOf(memoryBytes, "zipf-1.2", 1.2),
		scan(memoryBytes),
		moving(memoryBytes),
		mixed(memoryBytes),
		expiring(memoryBytes),
	}
	for i := range clusters {
		w = append(w, clusters[i].workload(memoryBytes))
	}
	return w
}

// medium are values of 100 to 400 B.
func medium(hash uint64) int { return 100 + int(hash%301) }

const mediumBytes = itemBytes + 20 + 250

func zipfOf(memory int64, name string, s float64) Workload {
	n := int(8 * memory / mediumBytes)
	return Workload{
		Name: name, About: fmt.Sprintf("Zipf %v over %d keys, values of 100 to 400 B", s, n),
		Requests: min(2*n, mostReads), keyBytes: 20, value: medium,
		picker: func() pick {
			z := newZipf(n, s)
			return func(r *rand.Rand, _ int) uint64 { return z.draw(r) }
		},
	}
}

// scan has one request in four for keys that nobody asks for again, in long rows.
func scan(memory int64) Workload {
	w := zipfOf(memory, "scan", 0.99)
	w.About += "; a quarter of the requests are long scans of other keys"
	zipfs := w.picker
	row := int(memory / mediumBytes / 2)
	w.picker = func() pick {
		p := zipfs()
		return func(r *rand.Rand, i int) uint64 {
			if i/row%4 == 3 {
				return someKeys + uint64(i)
			}
			return p(r, i)
		}
	}
	return w
}

// moving has nine requests in ten for a window that fits in the memory, and moves: a key
// is read nine times on average while the window is over it.
func moving(memory int64) Workload {
	const step = 10 // requests until the next key comes in
	window := int(memory / mediumBytes / 2)
	return Workload{
		Name: "moving", About: fmt.Sprintf("nine of ten requests for a hot set of %d keys, one of which is replaced each %d requests", window, step),
		Requests: 4 * step * window, keyBytes: 20, value: medium,
		picker: func() pick {
			z := newZipf(16*window, 0.9)
			return func(r *rand.Rand, i int) uint64 {
				if r.IntN(10) == 0 {
					return someKeys + z.draw(r)
				}
				return uint64(i/step + r.IntN(window))
			}
		},
	}
}

// mixed has values of 10 B to 100 KiB, each size as likely as its double.
func mixed(memory int64) Workload {
	const least, most = 10, 100 << 10
	n := int(8 * memory / 11_200)
	return Workload{
		Name: "mixed", About: fmt.Sprintf("Zipf 0.99 over %d keys, values of 10 B to 100 KiB", n),
		Requests: 12 * n, keyBytes: 20,
		value: func(hash uint64) int {
			return int(least * math.Pow(float64(most)/least, part(hash)))
		},
		picker: func() pick {
			z := newZipf(n, 0.99)
			return func(r *rand.Rand, _ int) uint64 { return z.draw(r) }
		},
	}
}

// expiring has values that expire soon, later and never.
func expiring(memory int64) Workload {
	w := zipfOf(memory, "ttl", 0.99)
	w.Requests /= 2
	w.About += "; a third expires after 2 s, a third after 8, a third never"
	w.Duration = pace(w.Requests)
	w.ttl = func(hash uint64) int { return [...]int{2, 8, 0}[hash>>32%3] }
	return w
}

// pace is how long a stream may take without haste.
func pace(requests int) time.Duration {
	return max(12*time.Second, time.Duration(requests)*time.Second/perSecond)
}

// workload makes a stream with the facts of a cluster. Keys that are asked for more than
// once are drawn by Zipf 1, at most some times each on average: a stream cannot be as long
// as a week. So of these too some come only once. A length of value is between a fifth and
// four times the mean.
func (c *cluster) workload(memory int64) Workload {
	size := int64(itemBytes + c.keyBytes + c.valueBytes)
	reads := min(c.reads, 6)
	keys := int(4 * memory / size)
	if c.reads < 4 {
		keys *= 2
	}
	requests := min(int(float64(keys)*reads), mostReads)
	keys = int(float64(requests) / reads)
	warm := int(float64(keys) * (1 - c.once))
	once := c.once / reads // part of the requests
	w := Workload{
		Name: fmt.Sprintf("cluster-%d", c.number), Requests: requests, Duration: pace(requests), keyBytes: c.keyBytes,
		About: fmt.Sprintf("Twitter's cluster %d: %d keys of %d B, values of about %d B, %.3g requests of a key, %.3g %% of the keys never asked for again, and its expiries",
			c.number, keys, c.keyBytes, c.valueBytes, reads, 100*c.once),
		value: spread(c.valueBytes),
	}
	scale := float64(w.Duration/time.Second) / (hours * hour)
	w.ttl = func(hash uint64) int {
		u := part(hash >> 7)
		for _, t := range c.ttls {
			if u -= t.part; u < 0 {
				return expiry(t.seconds, scale)
			}
		}
		return expiry(c.ttls[0].seconds, scale)
	}
	w.picker = func() pick {
		z := newZipf(max(warm, 1), 1)
		return func(r *rand.Rand, i int) uint64 {
			if r.Float64() < once {
				return someKeys + uint64(i)
			}
			return z.draw(r)
		}
	}
	return w
}

// expiry brings an expiry to the pace of the stream. Two seconds are the least that all
// servers count alike, or nearly; a day is longer than the stream.
func expiry(seconds int, scale float64) int {
	if seconds >= day {
		return 0
	}
	return max(2, int(math.Round(float64(seconds)*scale)))
}

// spread makes lengths with this mean: log-normal, cut off.
func spread(mean int) func(uint64) int {
	const sigma = 0.6
	return func(hash uint64) int {
		g := math.Sqrt2 * math.Erfinv(2*part(hash)-1)
		g = min(max(g, -2.5), 2.5)
		return max(1, int(float64(mean)*math.Exp(sigma*g-sigma*sigma/2)))
	}
}

// part is the hash as a number from 0 to 1, without both.
func part(hash uint64) float64 { return (float64(hash<<8>>12) + 0.5) / (1 << 52) }
