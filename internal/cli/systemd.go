package cli

import (
	"fmt"
	"net"
	"os"
	"strings"
	"sync"
	"time"

	"twincached/internal/node"
	"twincached/internal/status"
)

// notifyVariable names the socket on which systemd hears how a service is (Type=notify).
const notifyVariable = "NOTIFY_SOCKET"

// extendBy is how much longer systemd is asked to wait each time that an image has come
// further. A disk may take that long to write what is in the page cache.
const extendBy = 2 * time.Minute

// tellWait is how long systemd may take to make room for a word.
const tellWait = time.Second

// notifier tells systemd once a second what has changed.
type notifier struct {
	conn net.Conn
	told told
	stop chan struct{} // closed in the end
	wg   sync.WaitGroup
}

// told is what systemd knows.
type told struct {
	ready  bool
	status string
	image  status.Image
}

// notify tells systemd how the node is, until end is called. Where nobody listens it does
// nothing.
func notify(n *node.Node) (end func()) {
	path := os.Getenv(notifyVariable)
	os.Unsetenv(notifyVariable) // for this process alone
	if path == "" {
		return func() {}
	}
	conn, err := net.Dial("unixgram", path)
	if err != nil {
		return func() {} // systemd says itself that it has heard nothing
	}
	t := &notifier{conn: conn, stop: make(chan struct{})}
	t.wg.Go(func() { t.run(n.Latest) })
	return func() {
		close(t.stop)
		t.wg.Wait()
		conn.Close()
	}
}

func (t *notifier) run(latest func() status.Snapshot) {
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	for {
		s := latest()
		before := t.told
		if words := t.words(&s); words != "" && !t.tell(words) {
			t.told = before // the next time, then
		}
		select {
		case <-tick.C:
		case <-t.stop:
			return
		}
	}
}

// tell says it to systemd. false: nobody has taken it.
func (t *notifier) tell(words string) bool {
	_ = t.conn.SetWriteDeadline(time.Now().Add(tellWait))
	_, err := t.conn.Write([]byte(words))
	return err == nil
}

// words are what there is to tell, "" for nothing. The service counts as started when its image
// is loaded: from then on it is as any node that has just been started.
func (t *notifier) words(s *status.Snapshot) string {
	var lines []string
	add := func(format string, args ...any) { lines = append(lines, fmt.Sprintf(format, args...)) }
	if text := serviceText(s); text != t.told.status {
		t.told.status = text
		add("STATUS=%s", text)
	}
	if !t.told.ready && s.State.Word != "loading" {
		t.told.ready = true
		add("READY=1")
	}
	if i := s.Image; i.Progress().Active() && i != t.told.image {
		t.told.image = i
		add("EXTEND_TIMEOUT_USEC=%d", extendBy.Microseconds())
	}
	return strings.Join(lines, "\n")
}

// serviceText is a node on one line.
func serviceText(s *status.Snapshot) string {
	text := s.State.Word
	if s.State.Qualifier != "" {
		text += ", " + s.State.Qualifier
	}
	switch i, in := s.Image.Progress(), &s.CopyIn; {
	case i.Active():
		return text + ": " + s.Image.Work + " the image, " + progressText(i)
	case in.Active() && !s.State.Serves:
		return text + ": " + progressText(in)
	case s.Link.State == "stream":
		text += ", linked"
	}
	return text
}

func progressText(c *status.Copy) string {
	if c.Total == 0 {
		return fmt.Sprintf("%d items", c.Items)
	}
	return fmt.Sprintf("%d of about %d items, %d %%", c.Items, c.Total, min(c.Items, c.Total)*100/c.Total)
}
