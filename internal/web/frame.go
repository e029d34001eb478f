package web

import (
	"bytes"
	"html/template"
	"net/http"
	"sync"
)

// frame is the page at one moment: the whole, and the parts of it that change.
type frame struct {
	at    int64 // of the snapshot that it shows
	title string
	parts map[string]string // by the id of their element
	whole []byte
}

// partNames are the parts that the template has; charts are not among them.
var partNames = []string{"asof", "sentence", "warnings", "copies", "lanes", "nodes", "latency", "log"}

// renderer makes frames, one for each snapshot, however many ask for it.
type renderer struct {
	view  func() *view
	at    func() int64
	fault func(what any) // hears of what was wrong with this program

	mu   sync.Mutex
	last *frame
}

// frame is the latest.
func (r *renderer) frame() *frame {
	r.mu.Lock()
	defer r.mu.Unlock()
	if at := r.at(); r.last == nil || r.last.at != at {
		r.last = r.draw(at)
	}
	return r.last
}

// draw makes the frame. Whatever is wrong with the page must not end the node, which also
// draws outside of a request: then the frame has nothing in it.
func (r *renderer) draw(at int64) (f *frame) {
	defer func() {
		if what := recover(); what != nil {
			r.fault(what)
			f = &frame{at: at}
		}
	}()
	return render(r.view())
}

// render makes a frame of a view.
func render(v *view) *frame {
	f := &frame{at: v.at, title: v.Title, parts: make(map[string]string, len(partNames)+len(v.Charts))}
	v.Parts = make(map[string]template.HTML, len(partNames))
	var b bytes.Buffer
	part := func(name string) bool {
		b.Reset()
		if err := pageTemplate.ExecuteTemplate(&b, name, v); err != nil {
			return false // a fault of the template, which tests find
		}
		f.parts[name] = b.String()
		v.Parts[name] = template.HTML(f.parts[name]) // made by this template a moment ago
		return true
	}
	for _, name := range partNames {
		if !part(name) {
			f.parts[name] = "This part cannot be shown."
		}
	}
	for _, c := range v.Charts {
		f.parts[c.ID] = string(c.Body)
	}
	b.Reset()
	if err := pageTemplate.Execute(&b, v); err == nil {
		f.whole = bytes.Clone(b.Bytes())
	}
	return f
}

// page is the page, complete as it is.
func (s *Server) page(w http.ResponseWriter, _ *http.Request) {
	f := s.renderer.frame()
	if f.whole == nil {
		say(w, http.StatusInternalServerError, "The page cannot be made. The numbers are at /status.json.")
		return
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	_, _ = w.Write(f.whole) // whoever has gone does not read it
}
