package clients

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/cookiejar"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"twincached/internal/testkit"
	"twincached/internal/testkit/rig"
)

// site is deploy/php/session.php on several web servers, as behind a balancer:
// PHP's own server, which lives on from one request to the next.
type site struct {
	*page
	urls []string
	came int // visitors
}

// newSite starts the web servers, under the settings of the page.
func newSite(p *page, servers int) *site {
	p.t.Helper()
	s := &site{page: p}
	host := rig.NewNet(p.t) + ".1"
	for i := range servers {
		address := fmt.Sprintf("%s:%d", host, 8000+i)
		s.serve(address)
		s.urls = append(s.urls, "http://"+address+"/")
	}
	for _, url := range s.urls {
		testkit.Eventually(p.t, "PHP's web server answers", func() bool {
			c, err := net.Dial("tcp", strings.Trim(url, "htp:/"))
			if err != nil {
				return false
			}
			c.Close()
			return true
		})
	}
	return s
}

func (s *site) serve(address string) {
	s.t.Helper()
	log := &testkit.Log{}
	ctx, cancel := context.WithCancel(context.Background())
	cmd := s.run(ctx, "-S", address, abs(s.t, phpDir+"session.php"))
	cmd.Stdout, cmd.Stderr = log, log
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if err := cmd.Start(); err != nil {
		s.t.Fatal(err)
	}
	s.t.Cleanup(func() {
		cancel()
		_ = cmd.Wait() // it was killed
		if s.t.Failed() {
			s.t.Logf("--- last log of the web server at %s\n%s", address, log.Tail(3000))
		}
	})
}

// browser is one visitor with cookies, who is served by another web server each
// time, and the next visitor by the next one.
type browser struct {
	*site
	client http.Client
	turn   int
}

func (s *site) browser() *browser {
	s.t.Helper()
	jar, err := cookiejar.New(nil)
	if err != nil {
		s.t.Fatal(err)
	}
	s.came++
	return &browser{site: s, turn: s.came, client: http.Client{
		Jar: jar, Timeout: testkit.Patience, Transport: &http.Transport{DisableKeepAlives: true},
	}}
}

// answer is what the session page said.
type answer struct {
	status  int
	visits  int
	session string
	kept    string // how many bytes it keeps, and their sum
	body    string
}

var answerText = regexp.MustCompile(`(?m)^visits (\d+)\nsession ([\w,-]+)\nkept (\d+ [0-9a-f]{32})$`)

func (b *browser) visit(query string) answer {
	b.t.Helper()
	a, err := b.try(query)
	if err != nil {
		b.t.Fatal(err)
	}
	return a
}

func (b *browser) try(query string) (answer, error) {
	b.turn++
	r, err := b.client.Get(b.urls[b.turn%len(b.urls)] + query)
	if err != nil {
		return answer{}, err
	}
	defer r.Body.Close()
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return answer{}, err
	}
	a := answer{status: r.StatusCode, body: string(body)}
	if m := answerText.FindStringSubmatch(a.body); m != nil {
		a.visits, _ = strconv.Atoi(m[1])
		a.session, a.kept = m[2], m[3]
	}
	return a, nil
}

// want visits and wants a good answer with that counter.
func (b *browser) want(when, query string, visits int) answer {
	b.t.Helper()
	a := b.visit(query)
	if a.status != http.StatusOK || a.visits != visits {
		b.t.Fatalf("%s: the page answers %d, counts %d, want %d\n%s", when, a.status, a.visits, visits, a.body)
	}
	return a
}

// crowd is several visitors of a site.
type crowd struct {
	*site
	browsers []*browser
	visits   int
}

func newCrowd(s *site, n int) *crowd {
	c := &crowd{site: s}
	for range n {
		c.browsers = append(c.browsers, s.browser())
	}
	return c
}

// visitAll lets everybody visit at once.
func (c *crowd) visitAll() []answer {
	c.t.Helper()
	var all sync.WaitGroup
	answers := make([]answer, len(c.browsers))
	failed := make([]error, len(c.browsers))
	for i, b := range c.browsers {
		all.Go(func() { answers[i], failed[i] = b.try("") })
	}
	all.Wait()
	if err := errors.Join(failed...); err != nil {
		c.t.Fatal(err)
	}
	return answers
}

// count lets everybody visit, and nobody may have been logged out.
func (c *crowd) count(when string) {
	c.t.Helper()
	c.visits++
	for i, a := range c.visitAll() {
		if a.status != http.StatusOK || a.visits != c.visits {
			c.t.Fatalf("%s: visitor %d was answered %d and is at visit %d, want %d\n%s", when, i, a.status, a.visits, c.visits, a.body)
		}
	}
}

// waitBoth waits until both nodes hold the same of the sessions.
func (c *crowd) waitBoth(x, y *rig.Node) {
	c.t.Helper()
	var names []string
	for _, b := range c.browsers {
		names = append(names, b.keys(b.id())...)
	}
	rig.WaitEqual(x, y, names)
}

// id is the session that the visitor's cookie names; "" none.
func (b *browser) id() string {
	b.t.Helper()
	r, err := http.NewRequest("GET", b.urls[0], nil)
	if err != nil {
		b.t.Fatal(err)
	}
	for _, c := range b.client.Jar.Cookies(r.URL) {
		if c.Name == "PHPSESSID" {
			return c.Value
		}
	}
	return ""
}

// gone waits until neither node has the session.
func (b *browser) gone(session string, nodes ...*rig.Node) {
	b.t.Helper()
	for _, n := range nodes {
		c := n.Dial()
		defer c.Close()
		testkit.Eventually(b.t, "session "+session+" is gone from node "+n.Name, func() bool {
			_, _, hit := c.Get(b.keys(session)[0])
			return !hit
		})
	}
}

// within fails the test when doing it takes longer: a limit that is far above
// what the client's own time-outs allow, so that only hanging exceeds it.
func within(t testing.TB, limit time.Duration, what string, do func()) {
	t.Helper()
	start := time.Now()
	do()
	if took := time.Since(start); took > limit {
		t.Errorf("%s took %v, and the client's own time-outs add up to much less than %v", what, took, limit)
	}
}
