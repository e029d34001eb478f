package browser

import (
	"context"
	"slices"
	"sync"
	"testing"

	"github.com/chromedp/chromedp"
	"go.uber.org/goleak"

	"twincached/internal/testkit"
	"twincached/internal/testkit/rig"
)

// all are the tests, which have the program. The browser ends when they have run, before
// anybody looks for leaks.
type all struct{ rig.Tests }

// Run is goleak's.
func (m all) Run() int {
	defer browser.end()
	return m.Tests.Run()
}

func TestMain(m *testing.M) { goleak.VerifyTestMain(all{rig.Tests{M: m}}) }

// browser is the one that all tests share. Each has tabs of its own.
var browser shared

type shared struct {
	once sync.Once
	ctx  context.Context
	ends []context.CancelFunc
	err  error
}

// start is the browser, which runs.
func (s *shared) start(t *testing.T) context.Context {
	t.Helper()
	path := testkit.NeedTool(t, "chromium", "it shows the status page")
	s.once.Do(func() {
		opts := append(slices.Clone(chromedp.DefaultExecAllocatorOptions[:]), chromedp.NoSandbox, chromedp.ExecPath(path))
		allocator, end := chromedp.NewExecAllocator(context.Background(), opts...)
		s.ends = append(s.ends, end)
		s.ctx, end = chromedp.NewContext(allocator)
		s.ends = append(s.ends, end)
		s.err = chromedp.Do(s.ctx)
	})
	if s.err != nil {
		t.Fatalf("chromium: %v", s.err)
	}
	return s.ctx
}

func (s *shared) end() {
	for _, end := range slices.Backward(s.ends) {
		end()
	}
}
