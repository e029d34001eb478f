package web

import (
	"bytes"
	"crypto/sha256"
	_ "embed"
	"fmt"
	"html/template"
	"net/http"
	"time"
)

//go:embed assets/page.html
var pageText string

//go:embed assets/page.css
var pageCSS []byte

//go:embed assets/page.js
var pageJS []byte

//go:embed assets/icon.svg
var pageIcon []byte

// asset is a file that the page takes from its own server.
type asset struct {
	path, kind string
	text       []byte
}

var assets = []asset{
	{"/page.css", "text/css; charset=utf-8", pageCSS},
	{"/page.js", "text/javascript; charset=utf-8", pageJS},
	{"/icon.svg", "image/svg+xml", pageIcon},
}

// assetsVersion tells a page that stayed open over an upgrade to load itself anew.
var assetsVersion = func() string {
	h := sha256.New()
	for _, text := range [][]byte{[]byte(pageText), pageCSS, pageJS, pageIcon} {
		h.Write(text)
	}
	return fmt.Sprintf("%x", h.Sum(nil)[:8])
}()

func (a *asset) serve(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Content-Type", a.kind)
	http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(a.text))
}

var pageTemplate = template.Must(template.New("page").Parse(pageText))
