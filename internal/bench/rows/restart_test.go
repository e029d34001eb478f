package main

import (
	"errors"
	"net"
	"os"
	"runtime"
	"runtime/debug"
	"strings"
	"syscall"
	"testing"

	"twincached/internal/bench"
	"twincached/internal/testkit"
)

func TestFileSystem_TheInnermostAndLastMountCounts(t *testing.T) {
	const mounts = "/dev/vda / ext4 rw 0 0\ntmpfs /mem tmpfs rw 0 0\n/dev/vdb /mem/disk xfs rw 0 0\n/dev/vdc /home xfs rw 0 0\n/dev/vdd /home btrfs rw 0 0\nodd\n"
	for dir, want := range map[string]string{"/": "ext4", "/work": "ext4", "/mem": "tmpfs", "/mem/a": "tmpfs", "/memory": "ext4", "/mem/disk/a": "xfs", "/home/a": "btrfs"} {
		if got, err := fileSystem(mounts, dir); got != want || err != nil {
			t.Errorf("%s: %q, %v, want %s", dir, got, err, want)
		}
	}
	if got, err := fileSystem("/dev/vda /boot ext4 rw 0 0\n", "/"); err == nil {
		t.Errorf("none: %q", got)
	}
}

func TestOnDisk_MemoryIsNone(t *testing.T) {
	const memory = "/dev/shm"
	if text, _ := os.ReadFile("/proc/self/mounts"); !strings.Contains(string(text), " "+memory+" tmpfs ") {
		t.Skip("SKIPPED: no " + memory + " in memory")
	}
	x := &sitting{settings: &settings{disk: memory}}
	if dir, _, err := x.onDisk(); err == nil || !strings.Contains(err.Error(), "-disk") {
		os.RemoveAll(dir)
		t.Errorf("%q, %v", dir, err)
	}
	x.disk = t.TempDir()
	x.quick = true
	if dir, system, err := x.onDisk(); err != nil || system == "" || !strings.HasPrefix(dir, x.disk) {
		t.Errorf("%q, %q, %v", dir, system, err)
	}
}

func TestParts_AreOfMediansAndOfRounds(t *testing.T) {
	if got, want := parts([]float64{3, 1, 2}, []float64{4, 4, 2}), (bench.Span{Median: 0.5, Low: 0.25, High: 1}); got != want {
		t.Errorf("%+v, want %+v", got, want)
	}
}

func TestRestartRows_MoreIsLost(t *testing.T) {
	var tb table
	one, ten := []float64{1}, []float64{10}
	fast := restarts{write: one, load: one, file: one, before: one, writing: one, loading: one}
	slow := restarts{write: ten, load: ten, file: ten, before: ten, writing: ten, loading: ten}
	tb.restart(5, "another", &fast, &slow)
	tb.restart(5, "another", &slow, &fast)
	tb.upgrade(5, &upgraded{live: one, away: one, link: one}, &upgraded{live: ten, away: ten, link: ten})
	tb.upgrade(5, &upgraded{live: ten, away: ten, link: ten}, &upgraded{live: one, away: one, link: one})
	var verdicts []string
	for _, row := range tb.rows {
		verdicts = append(verdicts, row[len(row)-1])
	}
	got := strings.Join(verdicts, ",")
	if want := "goal,goal,,,goal,goal,**lost**,**lost**,,,**lost**,**lost**,goal,,must,**lost**,,**lost**"; got != want {
		t.Errorf("%s, want %s", got, want)
	}
}

func TestStat_IsFoundByItsWholeName(t *testing.T) {
	const text = "STAT repl_bytes_in_all 3\r\nSTAT repl_bytes_in 12\r\nEND\r\n"
	if got, err := stat(text, "repl_bytes_in"); got != 12 || err != nil {
		t.Errorf("%v, %v", got, err)
	}
	if got, err := stat(text, "repl_bytes_out"); err == nil {
		t.Errorf("missing: %v", got)
	}
}

// A server that is there again without its items, or with a part of them, is not measured.
func TestRestart_LostItemsAreNoticed(t *testing.T) {
	x := &sitting{settings: new(settings), dir: t.TempDir(), full: quick}
	if err := x.cores(); err != nil {
		t.Skip("SKIPPED: " + err.Error())
	}
	defer x.endAll()
	m, err := x.stock("memcached", testkit.NeedTool(t, "memcached", "it is restarted"), x.both)
	if err != nil {
		t.Fatal(err)
	}
	if err := m.knows(); err == nil || !strings.Contains(err.Error(), "memcached does not have what it had") {
		t.Errorf("empty: %v", err)
	}
	if err := known(m); err != nil {
		t.Fatal(err)
	}
	if err := m.knows(); err != nil {
		t.Error(err)
	}
	if err := m.holds(1); err != nil {
		t.Error(err)
	}
	if err := m.holds(2); err == nil || err.Error() != "memcached has 1 of 2 items" {
		t.Errorf("one of two: %v", err)
	}
	if took, _, err := m.stop(syscall.SIGTERM); err != nil || took <= 0 {
		t.Errorf("%v, %v", took, err)
	}
	if c, err := net.Dial("tcp", m.address); err == nil {
		c.Close()
		t.Error("it is still there")
	}
}

func TestPeak_OutlivesTheMemory(t *testing.T) {
	if err := new(sitting).cores(); err != nil {
		t.Skip("SKIPPED: " + err.Error())
	}
	b := make([]byte, 64<<20)
	for i := 0; i < len(b); i += os.Getpagesize() {
		b[i] = 1
	}
	runtime.KeepAlive(b)
	b = nil
	debug.FreeOSMemory()
	if most, now := peak(os.Getpid()), resident(os.Getpid()); most < now+32<<20 {
		t.Errorf("%d bytes at most, and %d without 64 MiB", most, now)
	}
}

// A server that an interrupted measurement leaves behind would hold gigabytes, and whatever its
// caller waits for.
func TestInterrupt_NoServerStaysOrIsStarted(t *testing.T) {
	x := &sitting{settings: new(settings), dir: t.TempDir(), full: quick}
	if err := x.cores(); err != nil {
		t.Skip("SKIPPED: " + err.Error())
	}
	memcached := testkit.NeedTool(t, "memcached", "it is ended")
	m, err := x.stock("memcached", memcached, x.both)
	if err != nil {
		t.Fatal(err)
	}
	x.interrupt()
	select {
	case <-m.ended:
	default:
		t.Error("one that was there stays")
	}
	if _, err := x.stock("memcached", memcached, x.both); !errors.Is(err, errInterrupted) {
		t.Errorf("one more: %v", err)
	}
	x.endAll()
}
