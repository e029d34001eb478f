package serve

import (
	"errors"
	"io"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"twincached/internal/testkit"
)

// socketPath is short enough for a socket's address, as t.TempDir may not be.
func socketPath(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "tcs")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	return filepath.Join(dir, "s")
}

func (w *world) unixConfig(path string) Config {
	cfg := w.config()
	cfg.Addresses, cfg.UnixSocket, cfg.UnixMode = nil, path, defaultSocketMode
	return cfg
}

func mustBind(t *testing.T, cfg Config) *Listeners {
	t.Helper()
	l, err := Bind(cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(l.Close)
	return l
}

func exists(path string) bool {
	_, err := os.Lstat(path)
	return err == nil
}

func TestUnix_ServesOnTheFileAndNowhereElse(t *testing.T) {
	path := socketPath(t)
	engines(t, func(c *Config) { c.UnixSocket, c.UnixMode = path, defaultSocketMode }, func(t *testing.T, w *world) {
		if addrs := w.s.Addrs(); len(addrs) != 1 || addrs[0].Network() != "unix" || addrs[0].String() != path {
			t.Fatal(addrs) // Addresses has an entry too
		}
		c := w.dial()
		pipeline := "echo one\r\nset 10\r\n0123456789\r\nget\r\n"
		for i := range len(pipeline) {
			c.send(pipeline[i : i+1])
		}
		c.want("one", "STORED 10 "+hexSum("0123456789"), "END")
		const size = 5 << 20 // beyond the socket's buffers
		c.send("big 5242880\r\nset 5242880\r\n")
		if n, err := io.CopyN(io.Discard, c.r, size); err != nil {
			t.Fatal(n, err)
		}
		value := strings.Repeat("0123456789abcdef", size/16)
		c.send(value + "\r\nquit\r\n")
		c.want("STORED 5242880 "+hexSum(value), "BYE")
		c.wantEnd()
		other := w.dial()
		other.send("get\r\n")
		other.want("END")
		testkit.Eventually(t, "the first conn is gone", func() bool { return w.s.Stats().CurrConns == 1 })
		if infos := w.s.Conns(); len(infos) != 1 || infos[0].ListenAddr != "unix:"+path || infos[0].Addr != "unix:" {
			t.Errorf("%+v", infos)
		}
		if cut := w.s.Drain(patience); cut != 0 {
			t.Errorf("%d conns were cut", cut)
		}
		other.wantEnd()
		if exists(path) {
			t.Error("the file is still there")
		}
	})
}

func TestUnix_DrainAnswersWhatHasArrived(t *testing.T) {
	path := socketPath(t)
	engines(t, func(c *Config) { c.UnixSocket, c.UnixMode = path, defaultSocketMode }, func(t *testing.T, w *world) {
		c := w.dial()
		c.send("get\r\n")
		c.want("END")
		c.send("echo whole\r\necho ha")
		w.s.Drain(patience)
		c.want("whole")
		c.wantEnd()
	})
}

func TestUnix_RefusesBeforeListen(t *testing.T) {
	for _, portable := range []bool{false, true} {
		path := socketPath(t)
		w := &world{t: t}
		cfg := w.unixConfig(path)
		cfg.Portable = portable
		l := mustBind(t, cfg)
		if nc, err := net.Dial("unix", path); !errors.Is(err, syscall.ECONNREFUSED) && !errors.Is(err, syscall.ENOENT) {
			t.Fatal("before Listen a client got", nc, err)
		}
		s, err := l.Listen()
		if err != nil {
			t.Fatal(err)
		}
		c := dial(t, s.Addrs()[0])
		c.send("get\r\n")
		c.want("END")
		s.Close()
		if exists(path) {
			t.Error("the file is still there")
		}
	}
}

func TestUnix_PermissionsAreTheMasks(t *testing.T) {
	old := syscall.Umask(0o077)
	defer syscall.Umask(old)
	for _, mode := range []fs.FileMode{0o700, 0o770, 0o777, 0o766, 0} {
		path := socketPath(t)
		w := &world{t: t}
		cfg := w.unixConfig(path)
		cfg.UnixMode = mode
		l := mustBind(t, cfg)
		info, err := os.Lstat(path)
		if err != nil || info.Mode() != fs.ModeSocket|mode {
			t.Errorf("%v, %v; want %v", info.Mode(), err, mode)
		}
		l.Close()
		if exists(path) {
			t.Error("the file is still there")
		}
	}
}

func TestUnix_StaleFileIsReplaced(t *testing.T) {
	path := socketPath(t)
	left, err := net.ListenUnix("unix", &net.UnixAddr{Name: path, Net: "unix"})
	if err != nil {
		t.Fatal(err)
	}
	left.SetUnlinkOnClose(false)
	left.Close()
	if !exists(path) {
		t.Fatal("no file is left over")
	}
	w := &world{t: t}
	s, err := Listen(w.unixConfig(path))
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	c := dial(t, s.Addrs()[0])
	c.send("get\r\n")
	c.want("END")
}

func TestUnix_LiveSocketIsAnError(t *testing.T) {
	path := socketPath(t)
	w := &world{t: t}
	const want = "another process has this socket: stop it, or choose another path with -s"
	first, err := Listen(w.unixConfig(path))
	if err != nil {
		t.Fatal(err)
	}
	defer first.Close()
	if _, err := Bind(w.unixConfig(path)); err == nil || !strings.Contains(err.Error(), want) {
		t.Error(err)
	}
	if st := first.Stats(); st.TotalConns != 0 {
		t.Errorf("finding out cost the other process a conn: %+v", st)
	}
	c := dial(t, first.Addrs()[0]) // it has lost nothing
	c.send("get\r\n")
	c.want("END")
	if !holdsPort {
		return
	}
	path = socketPath(t)
	mustBind(t, w.unixConfig(path)) // and it need not even listen yet
	if _, err := Bind(w.unixConfig(path)); err == nil || !strings.Contains(err.Error(), want) {
		t.Error(err)
	}
}

func TestUnix_AnotherProcessesFileStays(t *testing.T) {
	path := socketPath(t)
	w := &world{t: t}
	l := mustBind(t, w.unixConfig(path))
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	second, err := Listen(w.unixConfig(path))
	if err != nil {
		t.Fatal(err)
	}
	defer second.Close()
	l.Close()
	c := dial(t, second.Addrs()[0])
	c.send("get\r\n")
	c.want("END")
}

func TestUnix_ClearErrors(t *testing.T) {
	w := &world{t: t}
	path := socketPath(t)
	plain := path + ".txt"
	if err := os.WriteFile(plain, []byte("mine"), 0o600); err != nil {
		t.Fatal(err)
	}
	long := filepath.Join(filepath.Dir(path), strings.Repeat("x", MaxSocketPathBytes))
	for at, want := range map[string]string{
		long:             "at most",
		path + "/no/s":   "the directory must be there",
		plain + "/s":     "the directory must be there",
		plain:            "a file that is no socket is there",
		path + "\x00bad": "invalid argument",
	} {
		before := openFiles()
		if l, err := Bind(w.unixConfig(at)); err == nil || !strings.Contains(err.Error(), want) || !strings.Contains(err.Error(), "serve: cannot listen on the unix socket ") {
			t.Errorf("%q: %v, %v", at, l, err)
		}
		if after := openFiles(); after > before+1 {
			t.Errorf("%q: %d descriptors, before %d", at, after, before)
		}
	}
	if b, err := os.ReadFile(plain); string(b) != "mine" {
		t.Error(b, err)
	}
	if os.Geteuid() != 0 { // root may write everywhere
		if err := os.Chmod(filepath.Dir(path), 0o500); err != nil {
			t.Fatal(err)
		}
		if _, err := Bind(w.unixConfig(path)); err == nil || !strings.Contains(err.Error(), "must be allowed to write in the directory") {
			t.Error(err)
		}
	}
}

func TestUnix_LongestPathAndAtSign(t *testing.T) {
	w := &world{t: t}
	path := socketPath(t)
	longest := filepath.Join(filepath.Dir(path), strings.Repeat("x", MaxSocketPathBytes))[:MaxSocketPathBytes]
	mustBind(t, w.unixConfig(longest))
	t.Chdir(filepath.Dir(path))
	mustBind(t, w.unixConfig("@at"))
	if !exists(longest) || !exists("@at") {
		t.Error("a file is missing")
	}
}
