package serve

import (
	"os"
	"os/exec"
	"runtime"
	"strings"
	"testing"
	"unsafe"

	"golang.org/x/sys/unix"
)

// TestIO_WithoutUringEpollServes: in a process that may have no io_uring, as under Docker's seccomp profile, auto serves
// without it and says why, and uring is an error at start.
func TestIO_WithoutUringEpollServes(t *testing.T) {
	const child = "TWINCACHED_TEST_WITHOUT_URING"
	if os.Getenv(child) == "" {
		cmd := exec.Command(os.Args[0], "-test.run=^TestIO_WithoutUringEpollServes$", "-test.v")
		cmd.Env = append(os.Environ(), child+"=1")
		out, err := cmd.CombinedOutput()
		if err != nil || !strings.Contains(string(out), "--- PASS") {
			t.Fatalf("%v\n%s", err, out)
		}
		return
	}
	refuse(t, unix.SYS_IO_URING_SETUP)
	w := &world{t: t}
	s, err := Listen(w.config())
	if err != nil {
		t.Fatal(err)
	}
	w.s = s
	defer s.Close()
	c := w.dial()
	c.send("get\r\n")
	c.want("END")
	if st := s.Stats(); st.Engine != EngineEpoll || !strings.Contains(st.WhyEpoll, "not permitted") {
		t.Errorf("%q, as %q", st.Engine, st.WhyEpoll)
	}
	cfg := w.config()
	cfg.IO = IOUring
	if _, err := Bind(cfg); err == nil || !strings.Contains(err.Error(), "--io=uring: io_uring: not permitted") {
		t.Errorf("Bind: %v", err)
	}
}

// refuse makes a system call fail with EPERM in this process, for ever.
func refuse(t *testing.T, call uint32) {
	const setModeFilter, allThreads, errno, allow = 1, 1, 0x00050000, 0x7fff0000
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	if err := unix.Prctl(unix.PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0); err != nil {
		t.Skipf("no seccomp: %v", err)
	}
	filter := []unix.SockFilter{
		{Code: unix.BPF_LD | unix.BPF_W | unix.BPF_ABS, K: 0}, // the call's number
		{Code: unix.BPF_JMP | unix.BPF_JEQ | unix.BPF_K, K: call, Jf: 1},
		{Code: unix.BPF_RET | unix.BPF_K, K: errno | uint32(unix.EPERM)},
		{Code: unix.BPF_RET | unix.BPF_K, K: allow},
	}
	prog := unix.SockFprog{Len: uint16(len(filter)), Filter: &filter[0]}
	if _, _, err := unix.Syscall(unix.SYS_SECCOMP, setModeFilter, allThreads, uintptr(unsafe.Pointer(&prog))); err != 0 {
		t.Skipf("no seccomp: %v", err)
	}
}

// TestIO_TheEngineIsSaid: Stats name what serves.
func TestIO_TheEngineIsSaid(t *testing.T) {
	engines(t, nil, func(t *testing.T, w *world) {
		want := EngineGoroutines
		if !w.s.cfg.Portable && !w.secure {
			want = w.s.cfg.IO
		}
		if st := w.s.Stats(); st.Engine != want || st.WhyEpoll != "" {
			t.Errorf("%q, as %q; want %q", st.Engine, st.WhyEpoll, want)
		}
	})
}

// TestRing_WhatTheKernelDoesNotTakeIsDoneAllTheSame: the rest of a run is done by plain system calls, and the ring goes on.
func TestRing_WhatTheKernelDoesNotTakeIsDoneAllTheSame(t *testing.T) {
	needUring(t)
	r, err := newRing()
	if err != nil {
		t.Fatal(err)
	}
	defer r.close()
	fds, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_NONBLOCK, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _, _ = unix.Close(fds[0]), unix.Close(fds[1]) }()
	for range 3 * ringOps { // round the queues
		got := make([]byte, 3)
		for i := range got {
			r.send(int32(fds[0]), []byte{byte(i)})
			r.recv(int32(fds[1]), got[i:i+1])
		}
		if n := r.instead(0, r.queued); n != 6 {
			t.Fatalf("%d done", n)
		}
		r.queued = 0
		if string(got) != "\x00\x01\x02" {
			t.Fatalf("%q", got)
		}
		for i := range got {
			got[i] = 9
			r.send(int32(fds[0]), []byte{byte(i)})
			r.recv(int32(fds[1]), got[i:i+1])
		}
		r.recv(int32(fds[1]), make([]byte, 1))
		r.send(-1, []byte{1})
		res := r.run()
		if string(got) != "\x00\x01\x02" || res[5] != 1 || res[6] != -int32(unix.EAGAIN) || res[7] != -int32(unix.EBADF) {
			t.Fatalf("%q %d", got, res)
		}
	}
}

// TestIO_AtStartEachLoopsUringIsTried: the first may be had where the third is too many.
func TestIO_AtStartEachLoopsUringIsTried(t *testing.T) {
	needUring(t)
	before := openFiles()
	if err := tryIO(&Config{IO: IOUring, Threads: 3}); err != nil {
		t.Fatal(err)
	}
	if after := openFiles(); after != before {
		t.Errorf("%d descriptors, before %d", after, before)
	}
	fewFiles(t, 4)
	if err := tryIO(&Config{IO: IOUring, Threads: 1}); err != nil {
		t.Errorf("one: %v", err)
	}
	if err := tryIO(&Config{IO: IOUring, Threads: 3}); err == nil {
		t.Error("there were descriptors for three: the port would not have opened")
	}
}

// TestIO_TooFewFilesAreAnError: whatever there are too few for, what was made is closed, and nothing panics.
func TestIO_TooFewFilesAreAnError(t *testing.T) {
	needUring(t)
	before := openFiles()
	for n := range 3 { // a ring tries itself with two more, a poller has three
		more := fewFiles(t, n)
		r, err := newRing()
		if err == nil {
			t.Errorf("%d: a ring", n)
			r.close()
		}
		p, err := newPoller(0)
		if err == nil {
			t.Errorf("%d: a poller", n)
			p.close()
		}
		more()
	}
	if after := openFiles(); after != before {
		t.Errorf("%d descriptors, before %d", after, before)
	}
}

// fewFiles lets this process open n descriptors more, until the test ends or more is called.
func fewFiles(t *testing.T, n int) (more func()) {
	t.Helper()
	var was unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &was); err != nil {
		t.Fatal(err)
	}
	limit := 0 // below it n numbers are free
	for range n + 1 {
		fd, err := unix.Dup(0)
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = unix.Close(fd) }()
		limit = fd
	}
	more = func() { _ = unix.Setrlimit(unix.RLIMIT_NOFILE, &was) }
	t.Cleanup(more)
	if err := unix.Setrlimit(unix.RLIMIT_NOFILE, &unix.Rlimit{Cur: uint64(limit), Max: was.Max}); err != nil {
		t.Fatal(err)
	}
	return more
}
