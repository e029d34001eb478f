package snapshot

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"twincached/store"
)

var imageItems = flag.Int("image.items", 200_000, "items of 100 bytes that the benchmarks of an image have")

// residentKiB is what /proc says of this process: VmRSS, or VmHWM for the highest so far.
func residentKiB(field string) (n int) {
	text, _ := os.ReadFile("/proc/self/status")
	for line := range strings.Lines(string(text)) {
		if strings.HasPrefix(line, field) {
			fmt.Sscan(line[len(field)+1:], &n)
		}
	}
	return n
}

// BenchmarkImage writes an image of a store to a file, and loads it.
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
	var u0, u1 syscall.Rusage
	report := func(b *testing.B) {
		_ = syscall.Getrusage(syscall.RUSAGE_SELF, &u1)
		b.ReportMetric(float64(u1.Utime.Nano()-u0.Utime.Nano())/1e9, "user-s")
		b.ReportMetric(float64(u1.Stime.Nano()-u0.Stime.Nano())/1e9, "sys-s")
		b.ReportMetric(b.Elapsed().Seconds(), "wall-s")
		perSecond := float64(*imageItems) * float64(b.N) / b.Elapsed().Seconds()
		b.ReportMetric(perSecond/1e6, "Mitems/s")
		b.ReportMetric(0, "ns/op")
	}
	for _, threads := range []int{1, 2} {
		b.Run(fmt.Sprint("write/", threads), func(b *testing.B) {
			before := residentKiB("VmRSS")
			_ = syscall.Getrusage(syscall.RUSAGE_SELF, &u0)
			for b.Loop() {
				f, err := os.Create(path)
				if err != nil {
					b.Fatal(err)
				}
				if err := WriteImage(f, st, sampleHead(), Options{Threads: threads}); err != nil {
					b.Fatal(err)
				}
				f.Close()
			}
			report(b)
			b.ReportMetric(float64(residentKiB("VmRSS")-before)/1024, "MiB-more")
		})
	}
	for _, threads := range []int{1, 2} {
		b.Run(fmt.Sprint("load/", threads), func(b *testing.B) {
			for b.Loop() {
				b.StopTimer()
				to, err := store.New(cfg, now)
				if err != nil {
					b.Fatal(err)
				}
				f, err := os.Open(path)
				if err != nil {
					b.Fatal(err)
				}
				before := residentKiB("VmRSS")
				_ = syscall.Getrusage(syscall.RUSAGE_SELF, &u0)
				b.StartTimer()
				if _, err := LoadImage(f, to, sampleWant, now, Options{Threads: threads}); err != nil {
					b.Fatal(err)
				}
				b.StopTimer()
				_ = syscall.Getrusage(syscall.RUSAGE_SELF, &u1)
				b.ReportMetric(float64(u1.Utime.Nano()-u0.Utime.Nano())/1e9, "user1-s")
				b.ReportMetric(float64(u1.Stime.Nano()-u0.Stime.Nano())/1e9, "sys1-s")
				b.ReportMetric(float64(residentKiB("VmRSS")-before)/1024-float64(to.Stats().CommittedBytes)/(1<<20), "MiB-more")
				f.Close()
				to.Close()
				b.StartTimer()
			}
			report(b)
		})
	}
}
