package web

import (
	"net/http"
	"strings"
	"testing"
)

// method asks for the head of what would go on and on.
func method(path string) string {
	if path == "/events" {
		return http.MethodHead
	}
	return http.MethodGet
}

func TestHost_AForeignNameIsRefused(t *testing.T) {
	g := serveTest(t, func(c *Config) { c.Names = []string{"cache1.example.org"} })
	g.publish(nil)
	for host, want := range map[string]int{
		"localhost": 200, "LOCALHOST:8211": 200, "a.localhost": 200, "127.0.0.1:8211": 200, "[::1]:8211": 200, "10.1.2.3": 200, "[fe80::1]": 200,
		"cache1.example.org:8211": 200, "Cache1.Example.Org": 200, "a:8211": 200, "localhost.": 200,
		"evil.example": 421, "evil.example:8211": 421, "localhost.evil.example": 421, "cache1.example.org.evil.example": 421,
		"127.0.0.1.evil.example": 421, "127.0.0.1:8211:8211": 421, "evil.example.": 421,
	} {
		for _, path := range []string{"/", "/status.json", "/events", "/readyz", "/nothing"} {
			if want == 200 && path != "/" {
				continue
			}
			code, body, h := g.ask(method(path), path, "Host", host)
			if code != want {
				t.Errorf("%s, of %s: %d, want %d", path, host, code, want)
			}
			if code == 421 && (strings.Contains(body, "ready") || h.Get("Access-Control-Allow-Origin") != "") {
				t.Errorf("%s tells %q", host, body)
			}
		}
	}
}

func basic(name, password string) []string {
	r := &http.Request{Header: http.Header{}}
	r.SetBasicAuth(name, password)
	return []string{"Authorization", r.Header.Get("Authorization")}
}

func TestLogin_IsAskedOfAllButProbes(t *testing.T) {
	g := serveTest(t, func(c *Config) {
		c.Login = func(name, password []byte) bool { return string(name) == "ann" && string(password) == "sec:ret" }
	})
	g.publish(nil)
	for _, path := range []string{"/", "/status.json", "/events", "/page.css", "/nothing"} {
		for _, login := range [][]string{nil, basic("ann", "secret"), basic("bob", "sec:ret"), {"Authorization", "Bearer x"}, {"Authorization", "Basic !"}} {
			code, body, h := g.ask(method(path), path, login...)
			if code != 401 || !strings.HasPrefix(h.Get("WWW-Authenticate"), "Basic realm=") || strings.Contains(body, "ready") {
				t.Errorf("%s with %q: %d, %s", path, login, code, body)
			}
		}
	}
	if code, _, _ := g.get("/status.json", basic("ann", "sec:ret")...); code != 200 {
		t.Errorf("the right login: %d", code)
	}
	if code, _, _ := g.get("/status.json", append(basic("ann", "sec:ret"), "Host", "cache1.example.org")...); code != 200 {
		t.Errorf("by another name, with a login: %d", code)
	}
	for _, path := range []string{"/livez", "/readyz", "/startupz"} {
		if code, body, _ := g.get(path); code != 200 || strings.Count(strings.TrimSpace(body), " ") != 0 {
			t.Errorf("%s without a login: %d, %q", path, code, body)
		}
	}
}

// Whoever guesses waits, and so does one who is right, until that has been seen.
func TestLogin_GuessesWait(t *testing.T) {
	g := serveTest(t, func(c *Config) {
		c.Login = func(_, password []byte) bool { return string(password) == "right" }
	})
	from, _ := source(&http.Request{RemoteAddr: "127.0.0.1:5"})
	later := int64(1) << 50 // of a clock that forgives nothing meanwhile
	guesses := int64(0)
	for ; guesses < 10*loginRules.Free && g.guesses.Delay(&loginRules, from, -later) == 0; guesses++ { // one a second is forgiven
		g.get("/", basic("ann", "wrong")...)
	}
	if g.guesses.Delay(&loginRules, from, -later) == 0 || guesses <= loginRules.Free {
		t.Errorf("after %d guesses an address waits %v", guesses, g.guesses.Delay(&loginRules, from, -later))
	}
	if code, _, _ := g.get("/events", "Authorization", "Basic !"); code != 401 {
		t.Errorf("no login at all: %d", code)
	}
	if code, _, _ := g.get("/status.json", basic("ann", "right")...); code == 401 {
		t.Error("the right one is not let in")
	}
	if d := g.guesses.Delay(&loginRules, from, -later); d != 0 {
		t.Errorf("after the right one it waits %v", d)
	}
}
