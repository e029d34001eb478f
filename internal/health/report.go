package health

import (
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"net"
	"os"
	"time"
)

// Report is what a node tells of itself.
type Report struct {
	PID       int      `json:"pid"`
	Version   string   `json:"version"`
	State     string   `json:"state"`     // as repl_state
	Qualifier string   `json:"qualifier"` // as repl_qualifier, "" for none
	Full      bool     `json:"full"`      // as many clients as it takes are connected
	Clients   []string `json:"clients"`   // where it serves: HOST:PORT, or a path; those without TLS first

	Status json.RawMessage `json:"status,omitempty"` // as "stats status"
}

// DefaultName begins the names of the sockets.
const DefaultName = "@twincached"

const (
	maxReportBytes = 256 << 10       // a node with thousands of addresses, and what two nodes say of themselves
	answerTime     = 1 * time.Second // for one report: nearly all fit the socket's buffer
	acceptPause    = 50 * time.Millisecond
)

// Socket is where a node tells its Report. nil does nothing.
type Socket struct {
	l    net.Listener
	done chan struct{}
}

// Open begins to answer with what report returns, from a goroutine of its own. name
// is DefaultName but in tests. Where there are no such sockets it returns nil, and
// says so to log, as a node does without.
func Open(name string, log *slog.Logger, report func() Report) *Socket {
	l, err := listen(name)
	if err != nil {
		log.Debug("no socket for health checks: they need the node's address", "error", err.Error())
		return nil
	}
	s := &Socket{l: l, done: make(chan struct{})}
	go s.run(report)
	return s
}

// Close ends the answers. It returns when the goroutine has ended.
func (s *Socket) Close() {
	if s != nil {
		s.l.Close()
		<-s.done
	}
}

// run answers one after the other: nobody who asks can keep it for long.
func (s *Socket) run(report func() Report) {
	defer close(s.done)
	for {
		c, err := s.l.Accept()
		if errors.Is(err, net.ErrClosed) {
			return
		}
		if err != nil {
			time.Sleep(acceptPause) // no descriptor is left for now
			continue
		}
		if uid, _, err := credentials(c); err == nil && (uid == 0 || uid == os.Geteuid()) {
			_ = c.SetDeadline(time.Now().Add(answerTime))
			if b, err := json.Marshal(report()); err == nil {
				_, _ = c.Write(b)
			}
		}
		c.Close()
	}
}

// Local is the nodes of this container, or of this machine outside of one, that the
// caller may believe. silent are the processes that had a socket and gave no answer.
func Local(name string) (nodes []Report, silent []int) {
	type answer struct {
		pid    int
		report Report
		ok     bool
	}
	names := listed(name)
	answers := make(chan answer, len(names))
	for _, n := range names {
		go func() {
			r, pid, ok := ask(n)
			answers <- answer{pid, r, ok}
		}()
	}
	for range names {
		switch a := <-answers; {
		case a.ok:
			nodes = append(nodes, a.report)
		case a.pid != 0:
			silent = append(silent, a.pid)
		}
	}
	return nodes, silent
}

// ask reads one report. pid is 0 where the socket is gone, or not to be believed.
func ask(name string) (r Report, pid int, ok bool) {
	c, err := net.DialTimeout("unix", name, answerTime)
	if err != nil {
		return r, 0, false
	}
	defer c.Close()
	uid, pid, err := credentials(c)
	if err != nil || uid != 0 && uid != os.Geteuid() && pid != 1 {
		return r, 0, false
	}
	_ = c.SetDeadline(time.Now().Add(answerTime))
	b, err := io.ReadAll(io.LimitReader(c, maxReportBytes))
	if err != nil || json.Unmarshal(b, &r) != nil {
		return r, pid, false
	}
	r.PID = pid
	return r, pid, true
}
