package web

import (
	"bytes"
	"net/http"
	"strconv"

	"twincached/internal/status"
)

// sharedMillis is how old an answer may be that is given to one more. Whoever asks without
// a pause would else take the processor's time from clients.
const sharedMillis = 1000

// basis is what an answer was made of, and when.
type basis struct {
	millis int64 // by the node's clock
	node   int64 // when the node's snapshot was taken
	peer   *status.Snapshot
}

func (s *Server) basis() basis {
	now := s.cfg.Now()
	pair, _ := s.cfg.Board.Pair(now)
	return basis{now, pair.Node.AtMillis, pair.Peer}
}

// answer is all that a handler says.
type answer struct {
	of     basis
	header http.Header
	code   int
	body   bytes.Buffer
}

// Header implements http.ResponseWriter.
func (a *answer) Header() http.Header { return a.header }

// WriteHeader implements http.ResponseWriter.
func (a *answer) WriteHeader(code int) { a.code = code }

// Write implements http.ResponseWriter.
func (a *answer) Write(p []byte) (int, error) { return a.body.Write(p) }

// good tells whether the answer may be given at a moment: nothing newer is known, and it is
// not too old.
func (a *answer) good(now basis) bool {
	age := now.millis - a.of.millis
	return a.of.node == now.node && a.of.peer == now.peer && age >= 0 && age < sharedMillis
}

// shared gives all who ask within a second the same answer of h, until there is a new
// snapshot. h sees nothing of a request but its path. It runs once at a time; its answer is
// sent afterwards, so that one that nobody reads holds up nobody.
func (s *Server) shared(h http.HandlerFunc) http.HandlerFunc {
	turn, last := make(chan struct{}, 1), (*answer)(nil)
	latest := func(path string) *answer {
		defer func() { <-turn }()
		if now := s.basis(); last == nil || !last.good(now) {
			r, err := http.NewRequest(http.MethodGet, path, nil)
			if err != nil {
				panic(err) // it is a path of this server
			}
			a := &answer{of: now, header: http.Header{}, code: http.StatusOK}
			h(a, r)
			last = a
		}
		return last
	}
	return func(w http.ResponseWriter, r *http.Request) {
		select {
		case turn <- struct{}{}:
		case <-r.Context().Done(): // it has gone: it must not pile up behind one that hangs
			return
		}
		a := latest(r.URL.Path)
		w.Header().Set("Content-Type", a.header.Get("Content-Type"))
		w.Header().Set("Content-Length", strconv.Itoa(a.body.Len()))
		w.WriteHeader(a.code)
		_, _ = w.Write(a.body.Bytes()) // whoever has gone does not read it
	}
}
