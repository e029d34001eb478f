package browser

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/chromedp/cdproto/emulation"
	cdplog "github.com/chromedp/cdproto/log"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"

	"twincached/internal/testkit"
)

// tab is one page in the browser, and what the browser says of it.
type tab struct {
	t   *testing.T
	ctx context.Context

	mu       sync.Mutex
	errors   []string
	requests []string
}

// newTab opens a page in the browser.
func newTab(t *testing.T, width, height int) *tab {
	t.Helper()
	ctx, end := chromedp.NewContext(browser.start(t))
	t.Cleanup(end)
	b := &tab{t: t, ctx: ctx}
	b.do(chromedp.EmulateViewport(int64(width), int64(height)))
	if err := chromedp.Listen(ctx, b.hear); err != nil {
		t.Fatal(err)
	}
	return b
}

func (b *tab) hear(ev any) {
	b.mu.Lock()
	defer b.mu.Unlock()
	switch e := ev.(type) {
	case *runtime.EventExceptionThrown:
		b.errors = append(b.errors, fmt.Sprintf("%+v", e.ExceptionDetails))
	case *runtime.EventConsoleAPICalled:
		b.errors = append(b.errors, fmt.Sprintf("console: %s", e.Type))
	case *cdplog.EventEntryAdded:
		b.errors = append(b.errors, fmt.Sprintf("%s: %s %s", e.Entry.Level, e.Entry.Text, e.Entry.URL))
	case *network.EventRequestWillBeSent:
		b.requests = append(b.requests, e.Request.URL)
	}
}

func (b *tab) do(steps ...chromedp.Action[chromedp.Void]) {
	b.t.Helper()
	if err := chromedp.Do(b.ctx, steps...); err != nil {
		b.t.Fatal(err)
	}
}

// open loads a page.
func (b *tab) open(url string) {
	b.t.Helper()
	b.do(chromedp.Navigate(url))
}

// eval is what an expression of JavaScript is on the page.
func eval[T any](b *tab, expression string) T {
	b.t.Helper()
	v, err := chromedp.Run(b.ctx, chromedp.Evaluate[T](expression))
	if err != nil {
		b.t.Fatalf("%v: %.200s", err, expression)
	}
	return v
}

// text is what a reader sees of an element.
func (b *tab) text(selector string) string {
	b.t.Helper()
	return eval[string](b, `(document.querySelector('`+selector+`')?.innerText ?? '').replace(/\s+/g, ' ').trim()`)
}

// waitText waits until an element has a text.
func (b *tab) waitText(selector, want string) {
	b.t.Helper()
	testkit.Eventually(b.t, fmt.Sprintf("%s says %q", selector, want), func() bool { return strings.Contains(b.text(selector), want) })
}

// dark asks for the dark scheme, or the light one.
func (b *tab) dark(on bool) {
	b.t.Helper()
	value := "light"
	if on {
		value = "dark"
	}
	if _, err := chromedp.Call(b.ctx, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{
		Features: []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: value}},
	}); err != nil {
		b.t.Fatal(err)
	}
}

// clean wants no complaint of the browser, and no request to anybody but the server at url.
func (b *tab) clean(url string) {
	b.t.Helper()
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, e := range b.errors {
		b.t.Errorf("the browser says %s", e)
	}
	if len(b.requests) < 2 {
		b.t.Errorf("%d requests were seen", len(b.requests))
	}
	for _, r := range b.requests {
		if !strings.HasPrefix(r, url+"/") {
			b.t.Errorf("the page asks for %s", r)
		}
	}
}

// shoot keeps what the browser shows, if somebody wants to see it.
func (b *tab) shoot(name string) {
	b.t.Helper()
	dir := testkit.Output(b.t)
	if dir == "" {
		return
	}
	png, err := chromedp.Run(b.ctx, chromedp.FullScreenshot(100))
	if err == nil {
		err = os.WriteFile(filepath.Join(dir, "page-"+name+".png"), png, 0o644)
	}
	if err != nil {
		b.t.Error(err)
	}
}
