package demo

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"

	"twincached/internal/testkit"
)

// browser is one visitor of the page, in a real browser.
type browser struct {
	t   *testing.T
	tab context.Context
	url string // of the page, with its last slash
	own bool   // it visits twincached: no counter may go back

	counts map[string]int // of each extension, the last one that was saved
	backs  map[string]int // how often it went back
}

// visit is what the page shows of one extension.
type visit struct {
	Count   int    `json:"count"` // 0: there was no session
	Saved   bool   `json:"saved"`
	Millis  int    `json:"ms"` // of session_start
	From    string `json:"from"`
	Alert   string `json:"alert"`
	Red     int    `json:"red"` // counts of the history that are marked as gone back
	Outside int    `json:"outside"`
	States  string `json:"states"` // of both nodes
}

const readVisit = `(() => {
	const of = (name) => document.getElementById(name + '-' + HANDLER), count = of('count').dataset;
	return {
		count: +count.count, saved: count.saved === '1', ms: +of('start').dataset.ms, from: of('from').textContent,
		alert: document.querySelector('[role=alert]')?.textContent ?? '', red: document.querySelectorAll('.history .bad').length,
		outside: document.scripts.length + performance.getEntriesByType('resource').filter(r => !r.name.startsWith(location.origin + '/')).length,
		states: [...document.querySelectorAll('tbody tr')].map(r => r.cells[0].textContent.trim() + ' ' + r.cells[1].textContent).join('; '),
	};
})()`

var handlers = []string{"memcache", "memcached"}

var began = time.Now()

// newBrowser starts a browser.
func newBrowser(t *testing.T) context.Context {
	t.Helper()
	opts := append(chromedp.DefaultExecAllocatorOptions[:], chromedp.NoSandbox, chromedp.WindowSize(1000, 1000),
		chromedp.ExecPath(testkit.NeedTool(t, "chromium", "it shows the demo's page")))
	allocator, end := chromedp.NewExecAllocator(context.Background(), opts...)
	t.Cleanup(end)
	tab, end := chromedp.NewContext(allocator)
	t.Cleanup(end)
	if err := chromedp.Do(tab); err != nil {
		t.Fatalf("chromium: %v", err)
	}
	return tab
}

// networkChanged is what the browser says of a request that was on its way when the machine got
// an address or lost one, as it does where containers start and end.
const networkChanged = "net::ERR_NETWORK_CHANGED"

// open loads a page: once more where the network changed meanwhile.
func (b *browser) open(url string) {
	b.t.Helper()
	testkit.Eventually(b.t, url+" is loaded", func() bool {
		ctx, cancel := context.WithTimeout(b.tab, testkit.Patience)
		defer cancel()
		err := chromedp.Do(ctx, chromedp.Navigate(url))
		if err != nil && !strings.Contains(err.Error(), networkChanged) {
			b.t.Fatalf("%s: %v", url, err)
		}
		return err == nil
	})
}

// load visits the page with one extension and reads what it shows.
func (b *browser) load(handler string) visit {
	b.t.Helper()
	b.open(b.url + "?handler=" + handler)
	ctx, cancel := context.WithTimeout(b.tab, testkit.Patience)
	defer cancel()
	v, err := chromedp.Run(ctx, chromedp.Evaluate[visit](`{ const HANDLER = '`+handler+`'; `+readVisit+` }`))
	if err != nil {
		b.t.Fatalf("%s: %v", handler, err)
	}
	return v
}

// count visits the page, and wants the counter to go on; with plain memcacheds it
// notes where it does not.
func (b *browser) count(when, handler string) visit {
	b.t.Helper()
	v := b.load(handler)
	b.t.Logf("%.1f s, %s: %s counts %d, from %s, session_start took %d ms; %s %s", time.Since(began).Seconds(), when, handler, v.Count, v.From, v.Millis, v.States, v.Alert)
	if v.Outside != 0 {
		b.t.Errorf("%s: the page has %d scripts or files from elsewhere", when, v.Outside)
	}
	switch back := v.Count <= b.counts[handler]; {
	case b.own && (back || !v.Saved):
		b.t.Errorf("%s: %s counts %d after %d. %s", when, handler, v.Count, b.counts[handler], v.Alert)
	case back && v.Saved:
		if b.backs[handler]++; v.Red == 0 || v.Alert == "" {
			b.t.Errorf("%s: %s went back from %d to %d, and the page does not say so", when, handler, b.counts[handler], v.Count)
		}
	}
	if v.Saved {
		b.counts[handler] = v.Count
	}
	return v
}

// each counts with both extensions, several times.
func (b *browser) each(when string, times int) {
	b.t.Helper()
	for range times {
		for _, handler := range handlers {
			b.count(when, handler)
		}
	}
}

// shootBoth loads the page with both extensions, which counts with each, and keeps it.
func (b *browser) shootBoth(name string) {
	b.t.Helper()
	b.open(b.url)
	b.shoot(name)
}

// shoot keeps what the browser shows, if somebody wants to see it.
func (b *browser) shoot(name string) {
	b.t.Helper()
	dir := testkit.Output(b.t)
	if dir == "" {
		return
	}
	png, err := chromedp.Run(b.tab, chromedp.FullScreenshot(100))
	if err != nil {
		b.t.Errorf("screenshot: %v", err)
		return
	}
	if err := os.WriteFile(filepath.Join(dir, "demo-"+name+".png"), png, 0o644); err != nil {
		b.t.Error(err)
	}
}
