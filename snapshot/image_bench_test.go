package snapshot

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"twincached/store"
)

var imageItems = flag.Int("image.items", 200_000, "items of 100 bytes that the benchmarks of an image have")

// residentKiB is the memory of this process.
func residentKiB() (n int) {
	text, _ := os.ReadFile("/proc/self/status")
	for line := range strings.Lines(string(text)) {
		if rest, ok := strings.CutPrefix(line, "VmRSS:"); ok {
			fmt.Sscan(rest, &n)
		}
	}
	return n
}

// BenchmarkImage writes an image of a store to a file, and loads it. What it takes is of the last
// round.
func BenchmarkImage(b *testing.B) {
	cfg := store.Config{MemoryBytes: max(64<<20, int64(*imageItems)*220), Replicated: true}
	st := newStore(b, cfg)
	r := store.Request{Op: store.OpSet, Value: make([]byte, 100)}
	for i := range *imageItems {
		r.Key = fmt.Appendf(r.Key[:0], "key:%012d", i)
		if got := st.Do(now, &r).Status; got != store.Stored {
			b.Fatal(got)
		}
	}
	path := filepath.Join(b.TempDir(), "image")
	for _, threads := range []int{1, 2} {
		b.Run(fmt.Sprint("write/", threads), func(b *testing.B) {
			for b.Loop() {
				f, err := os.Create(path)
				if err != nil {
					b.Fatal(err)
				}
				before, done := residentKiB(), timed(b)
				if err := WriteImage(f, st, sampleHead(), Options{Threads: threads}); err != nil {
					b.Fatal(err)
				}
				done()
				b.ReportMetric(float64(residentKiB()-before)/1024, "MiB-more")
				f.Close()
			}
		})
	}
	for _, threads := range []int{1, 2} {
		b.Run(fmt.Sprint("load/", threads), func(b *testing.B) {
			for b.Loop() {
				to, err := store.New(cfg, now)
				if err != nil {
					b.Fatal(err)
				}
				f, err := os.Open(path)
				if err != nil {
					b.Fatal(err)
				}
				before, done := residentKiB(), timed(b)
				if _, err := LoadImage(f, to, sampleWant, now, Options{Threads: threads}); err != nil {
					b.Fatal(err)
				}
				done()
				b.ReportMetric(float64(residentKiB()-before)/1024-float64(to.Stats().CommittedBytes)/(1<<20), "MiB-more")
				f.Close()
				to.Close()
			}
		})
	}
}

// timed reports how long it took until done was called, and the time of the processors.
func timed(b *testing.B) (done func()) {
	var before, after syscall.Rusage
	_ = syscall.Getrusage(syscall.RUSAGE_SELF, &before)
	began := time.Now()
	return func() {
		b.ReportMetric(time.Since(began).Seconds(), "wall-s")
		_ = syscall.Getrusage(syscall.RUSAGE_SELF, &after)
		b.ReportMetric(float64(after.Utime.Nano()-before.Utime.Nano())/1e9, "user-s")
		b.ReportMetric(float64(after.Stime.Nano()-before.Stime.Nano())/1e9, "sys-s")
		b.ReportMetric(0, "ns/op")
	}
}
