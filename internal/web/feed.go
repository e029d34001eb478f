package web

import (
	"bytes"
	"encoding/json"
	"net/http"
	"sync"
	"time"
)

// viewTime is how long a page is kept up to date. Then it has to come again, with its login.
const viewTime = 15 * time.Minute

// feed gives all viewers of the page what has changed, once a second. It renders once for
// all of them, and not at all while there are none.
type feed struct {
	frame    func() *frame
	changed  func() <-chan struct{}
	most     int
	sendTime time.Duration // a viewer that joins, and takes nothing for so long, is dropped
	quit     chan struct{}
	wg       sync.WaitGroup

	mu      sync.Mutex
	viewers map[*viewer]struct{}
	running bool
	closed  bool
	last    *frame
}

// viewer is one page that is kept up to date.
type viewer struct {
	next     chan []byte // room for one message; turn replaces one that was not taken by all of what is new
	sendTime time.Duration
}

func newFeed(frame func() *frame, changed func() <-chan struct{}, most int) *feed {
	return &feed{frame: frame, changed: changed, most: most, sendTime: 5 * time.Second, quit: make(chan struct{}), viewers: map[*viewer]struct{}{}}
}

// join adds a viewer; nil: there are too many, or the server ends.
func (f *feed) join() *viewer {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.closed || len(f.viewers) >= f.most {
		return nil
	}
	v := &viewer{make(chan []byte, 1), f.sendTime}
	f.viewers[v] = struct{}{}
	if !f.running {
		changed := f.changed() // asked before the frame is made: what comes meanwhile is a change
		f.running, f.last = true, f.frame()
		f.wg.Go(func() { f.run(changed) })
	}
	v.next <- f.last.message(nil)
	return v
}

func (f *feed) leave(v *viewer) {
	f.mu.Lock()
	defer f.mu.Unlock()
	delete(f.viewers, v)
}

// close ends the feed; viewers end with their connections.
func (f *feed) close() {
	f.mu.Lock()
	if !f.closed {
		f.closed = true
		close(f.quit)
	}
	f.mu.Unlock()
	f.wg.Wait()
}

// run goes on as long as somebody looks. The first change is the one that closes changed.
func (f *feed) run(changed <-chan struct{}) {
	for {
		select {
		case <-f.quit:
			return
		case <-changed:
		}
		changed = f.changed() // before the turn, or what comes while it draws would wait for the next change
		if !f.turn() {
			return
		}
	}
}

// turn hands out what is new; false: nobody looks.
func (f *feed) turn() bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	if len(f.viewers) == 0 {
		f.running, f.last = false, nil
		return false
	}
	now := f.frame()
	some, all := now.message(f.last), []byte(nil)
	f.last = now
	for v := range f.viewers {
		text := some
		select {
		case <-v.next: // not taken: the viewer is slow, and gets the latest of everything instead
			if all == nil {
				all = now.message(nil)
			}
			text = all
		default:
		}
		v.next <- text // there is room: nobody else puts any in
	}
	return true
}

// message is what of a frame is not in before, as an event; nil: all of it.
func (n *frame) message(before *frame) []byte {
	m := struct {
		Assets string            `json:"assets"`
		Title  string            `json:"title"`
		Parts  map[string]string `json:"parts"`
	}{assetsVersion, n.title, map[string]string{}}
	for id, text := range n.parts {
		if before != nil {
			if old, there := before.parts[id]; there && old == text {
				continue
			}
		}
		m.Parts[id] = text
	}
	b := bytes.NewBufferString("data: ")
	e := json.NewEncoder(b)
	e.SetEscapeHTML(false)
	if e.Encode(&m) != nil {
		return []byte(": nothing\n\n") // there is no such frame
	}
	b.WriteByte('\n')
	return b.Bytes()
}

// events keeps one page up to date.
func (s *Server) events(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Content-Type", "text/event-stream")
	if r.Method == http.MethodHead {
		return
	}
	v := s.feed.join()
	if v == nil {
		say(w, http.StatusServiceUnavailable, "Too many pages are open: this one is not kept up to date. Close others, or reload it by hand.")
		return
	}
	defer s.feed.leave(v)
	s.conns.views(r, true)
	defer s.conns.views(r, false)
	c := http.NewResponseController(w)
	_ = c.SetReadDeadline(time.Time{}) // nothing more is read; whoever hangs up is noticed all the same
	over := time.NewTimer(viewTime)
	defer over.Stop()
	for {
		select {
		case <-r.Context().Done():
			return
		case <-s.feed.quit:
			return
		case <-over.C:
			return
		case text := <-v.next:
			_ = c.SetWriteDeadline(time.Now().Add(v.sendTime))
			if _, err := w.Write(text); err != nil {
				return
			}
			if err := c.Flush(); err != nil {
				return
			}
		}
	}
}
