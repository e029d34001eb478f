package web

import (
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"slices"
	"strings"
	"time"

	"twincached/internal/nodelog"
	"twincached/internal/strikes"
)

// loginRules slow down whoever guesses, as for clients of the cache: an address waits,
// and is never shut out, as a person who is right may have the same one.
var loginRules = strikes.Rules{
	Free:       10, // a person who mistypes, a monitor with an old password
	Calm:       1,
	PerFailure: 20 * time.Millisecond,
	MaxDelay:   time.Second,
	Gap:        20 * time.Millisecond,
	MaxTurn:    2 * time.Second,
	Addresses:  256,
}

// calledRight looks at the name that the browser knows this server by. A page from
// elsewhere whose name has been made to lead here (DNS rebinding) could read what is
// shown; it would come with that name. Where a login is asked for, it has none to show.
func (s *Server) calledRight(r *http.Request) bool {
	if s.cfg.Login != nil {
		return true
	}
	host := r.Host
	if h, _, err := net.SplitHostPort(host); err == nil {
		host = h
	}
	host = strings.ToLower(strings.TrimSuffix(strings.Trim(host, "[]"), "."))
	switch {
	case host == "": // HTTP/1.0 without a name: no browser
		return true
	case host == "localhost" || strings.HasSuffix(host, ".localhost"):
		return true
	case !strings.Contains(host, ".") && !strings.Contains(host, ":"):
		return true // nobody outside can own such a name: a machine here, or a service in a compose file
	}
	if _, err := netip.ParseAddr(host); err == nil {
		return true
	}
	return slices.ContainsFunc(s.cfg.Names, func(name string) bool { return strings.EqualFold(name, host) })
}

// loggedIn lets those pass who have a login, and answers the others. Who fails over and
// over waits before the next try is looked at, also one that is right.
func (s *Server) loggedIn(w http.ResponseWriter, r *http.Request) bool {
	if s.cfg.Login == nil {
		return true
	}
	name, password, given := r.BasicAuth()
	if given {
		from, addr := source(r)
		now := time.Now().UnixMilli()
		if wait := s.guesses.Turn(&s.rules, from, now, 0) - now; wait > 0 {
			s.seldom.Say(s.cfg.Log, slog.LevelWarn, now, nodelog.LoginsDelayed, "page", "logins to the status page fail over and over: they wait",
				"address", addr, "wait_ms", wait)
			select {
			case <-r.Context().Done():
				return false
			case <-time.After(time.Duration(wait) * time.Millisecond):
			}
		}
		if s.cfg.Login([]byte(name), []byte(password)) {
			s.guesses.Clear(from)
			return true
		}
		s.guesses.Failed(&s.rules, from, time.Now().UnixMilli())
	}
	w.Header().Set("WWW-Authenticate", `Basic realm="twincached", charset="UTF-8"`)
	say(w, http.StatusUnauthorized, "A login is needed: a name and a password of the file of --status-auth.")
	return false
}

// source is what a request's failures count for.
func source(r *http.Request) (netip.Prefix, string) {
	at, err := netip.ParseAddrPort(r.RemoteAddr)
	if err != nil {
		return netip.Prefix{}, r.RemoteAddr
	}
	return strikes.Source(at.Addr()), at.Addr().String()
}
