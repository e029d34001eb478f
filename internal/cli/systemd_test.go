package cli

import (
	"net"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"twincached/internal/status"
)

func TestNotifier_SaysWhatHasChanged(t *testing.T) {
	var told notifier
	at := func(s status.Snapshot) string { return told.words(&s) }
	loading := status.Snapshot{State: status.State{Word: "loading"}, Image: status.Image{Work: status.ImageLoading, Total: 200, StartedMillis: 1}}
	further := loading
	further.Image.Items = 50
	copying := status.Snapshot{State: status.State{Word: "copying"}, CopyIn: status.Copy{Items: 1, Total: 4, StartedMillis: 1}}
	ready := status.Snapshot{State: status.State{Word: "ready", Serves: true}, Link: status.Link{State: "stream"}}
	writing := further
	writing.State.Word, writing.Image.Work = "draining", status.ImageWriting
	for i, c := range []struct {
		s    status.Snapshot
		want string
	}{
		{loading, "STATUS=loading: loading the image, 0 of about 200 items, 0 %|EXTEND_TIMEOUT_USEC=120000000"},
		{loading, ""}, // a disk that hangs gets no more time
		{further, "STATUS=loading: loading the image, 50 of about 200 items, 25 %|EXTEND_TIMEOUT_USEC=120000000"},
		{status.Snapshot{State: status.State{Word: "joining"}}, "STATUS=joining|READY=1"},
		{copying, "STATUS=copying: 1 of about 4 items, 25 %"},
		{ready, "STATUS=ready, linked"},
		{ready, ""},
		{status.Snapshot{State: status.State{Word: "ready", Qualifier: "alone", Serves: true}}, "STATUS=ready, alone"},
		{writing, "STATUS=draining: writing the image, 50 of about 200 items, 25 %|EXTEND_TIMEOUT_USEC=120000000"},
	} {
		if got := strings.ReplaceAll(at(c.s), "\n", "|"); got != c.want {
			t.Errorf("%d: %q, want %q", i, got, c.want)
		}
	}
}

// listenAsSystemd opens the socket that a notifier talks to.
func listenAsSystemd(t *testing.T) (c *net.UnixConn, path string) {
	path = filepath.Join(t.TempDir(), "notify")
	c, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: path, Net: "unixgram"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return c, path
}

// A systemd that does not read stops nothing, and hears it when it reads again.
func TestNotifier_NobodyReads(t *testing.T) {
	c, path := listenAsSystemd(t)
	conn, err := net.Dial("unixgram", path)
	if err != nil {
		t.Fatal(err)
	}
	for err == nil {
		_ = conn.SetWriteDeadline(time.Now().Add(10 * time.Millisecond))
		_, err = conn.Write([]byte("STATUS=full"))
	}
	asked := make(chan struct{}, 100)
	told := &notifier{conn: conn, stop: make(chan struct{})}
	told.wg.Go(func() {
		told.run(func() status.Snapshot {
			asked <- struct{}{}
			return status.Snapshot{State: status.State{Word: "joining"}}
		})
	})
	<-asked
	<-asked // it has given up the first time
	for b := make([]byte, 100); ; {
		_ = c.SetReadDeadline(time.Now().Add(patience))
		n, err := c.Read(b)
		if err != nil {
			t.Fatal(err)
		}
		if got := string(b[:n]); got != "STATUS=full" {
			if got != "STATUS=joining\nREADY=1" {
				t.Errorf("it hears %q", got)
			}
			break
		}
	}
	close(told.stop)
	told.wg.Wait()
	conn.Close()
}

// The real process: systemd hears that it has started, and how it is.
func TestNotifier_TellsSystemd(t *testing.T) {
	c, path := listenAsSystemd(t)
	t.Setenv(notifyVariable, path)
	run(t, asRoot("-l127.0.0.1", "-p-1", "-m8")...)
	said, b := "", make([]byte, 4096)
	for !strings.Contains(said, "READY=1") || !strings.Contains(said, "STATUS=ready, alone") {
		_ = c.SetReadDeadline(time.Now().Add(patience))
		n, err := c.Read(b)
		if err != nil {
			t.Fatalf("%v; it has said %q", err, said)
		}
		said += string(b[:n]) + "\n"
	}
}
