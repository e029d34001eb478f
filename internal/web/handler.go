package web

import (
	"encoding/json"
	"io"
	"net/http"
)

// policy lets the page take nothing from elsewhere, and run nothing that stands in it.
const policy = "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self' data:; connect-src 'self'; " +
	"base-uri 'none'; form-action 'none'; frame-ancestors 'none'"

// endpoint is what a path answers, and to whom.
type endpoint struct {
	serve http.HandlerFunc
	open  bool // without a login: it says one word
}

// handler is all of the server: whoever is refused is refused before anything else is done.
func (s *Server) handler() http.Handler {
	paths := map[string]endpoint{
		"/":            {serve: s.page},
		"/events":      {serve: s.events},
		"/status.json": {serve: s.shared(s.statusJSON)},
		"/livez":       {serve: s.live, open: true},
		"/readyz":      {serve: s.ready, open: true},
		"/startupz":    {serve: s.started, open: true},
	}
	for _, a := range assets {
		paths[a.path] = endpoint{serve: a.serve}
	}
	if s.cfg.Metrics != nil {
		paths["/metrics"] = endpoint{serve: s.shared(s.cfg.Metrics.ServeHTTP)}
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		defer s.faults()
		secure(w.Header())
		e, known := paths[r.URL.Path]
		switch {
		case !s.calledRight(r):
			say(w, http.StatusMisdirectedRequest, "This server does not answer to that name. Use its address, or give it a login (--status-auth).")
		case r.Method != http.MethodGet && r.Method != http.MethodHead:
			w.Header().Set("Allow", "GET, HEAD")
			say(w, http.StatusMethodNotAllowed, "Only GET and HEAD: nothing can be changed here.")
		case !e.open && !s.loggedIn(w, r):
		case !known:
			say(w, http.StatusNotFound, "There is no such page. The status page is at /.")
		default:
			e.serve(w, r)
		}
	})
}

// secure is what each answer says to a browser.
func secure(h http.Header) {
	h.Set("Content-Security-Policy", policy)
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Referrer-Policy", "no-referrer")
	h.Set("Cross-Origin-Resource-Policy", "same-origin")
	h.Set("Cache-Control", "no-store")
}

// say answers with a sentence or a word.
func say(w http.ResponseWriter, code int, text string) {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.WriteHeader(code)
	_, _ = io.WriteString(w, text+"\n") // whoever has gone does not read it
}

// statusJSON is both nodes' numbers.
func (s *Server) statusJSON(w http.ResponseWriter, _ *http.Request) {
	pair, ok := s.cfg.Board.Pair(s.cfg.Now())
	if !ok {
		say(w, http.StatusServiceUnavailable, "The node has just started: ask again in a second.")
		return
	}
	text, err := json.Marshal(pair)
	if err != nil {
		say(w, http.StatusInternalServerError, "The numbers cannot be written as JSON: "+err.Error())
		return
	}
	w.Header().Set("Content-Type", "application/json")
	_, _ = w.Write(append(text, '\n'))
}

func (s *Server) live(w http.ResponseWriter, _ *http.Request) {
	if !s.cfg.Health().Alive {
		say(w, http.StatusServiceUnavailable, "stuck")
		return
	}
	say(w, http.StatusOK, "alive")
}

func (s *Server) ready(w http.ResponseWriter, _ *http.Request) {
	h := s.cfg.Health()
	say(w, codeFor(h.Ready), h.State)
}

func (s *Server) started(w http.ResponseWriter, _ *http.Request) {
	h := s.cfg.Health()
	say(w, codeFor(h.Started), h.State)
}

func codeFor(ok bool) int {
	if ok {
		return http.StatusOK
	}
	return http.StatusServiceUnavailable
}
