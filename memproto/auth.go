package memproto

import (
	"bytes"
	"crypto/sha256"
	"crypto/subtle"
	"errors"
	"fmt"
	"sync/atomic"
)

// maxLoginLineBytes bounds a line of a file of logins: what memcached reads of
// one at most.
const maxLoginLineBytes = 255

// Logins are the names and passwords that clients may log in with. The zero
// value lets nobody in. The file behind it may be read again at any time, while
// conns use it.
type Logins struct {
	list atomic.Pointer[[]login]
}

// login is a name and one of its passwords: their hashes, which are all of one
// length, so that comparing tells nothing of it either.
type login struct{ name, password [sha256.Size]byte }

func newLogin(name, password []byte) login {
	return login{sha256.Sum256(name), sha256.Sum256(password)}
}

// Load replaces all logins by those of a file for the text protocol's login,
// memcached's -Y: a line "name:password" each, of which the password may contain
// colons. An empty file is an error, as nobody could log in. After an error, which
// holds no part of the file, nothing has changed.
func (l *Logins) Load(file []byte) error {
	return l.load(file, true, func(list []login, name, rest []byte) []login {
		return append(list, newLogin(name, rest))
	})
}

// LoadSASL is Load for a file of memcached's own password database, which
// MEMCACHED_SASL_PWDB names: "name:password", or that with more behind another
// colon. The first line of a name counts; lines without a colon do not.
func (l *Logins) LoadSASL(file []byte) error {
	seen := map[string]bool{}
	return l.load(file, false, func(list []login, name, rest []byte) []login {
		if seen[string(name)] {
			return list
		}
		seen[string(name)] = true
		for i, b := range rest {
			if b == ':' {
				list = append(list, newLogin(name, rest[:i]))
			}
		}
		return append(list, newLogin(name, rest))
	})
}

func (l *Logins) load(file []byte, strict bool, add func(list []login, name, rest []byte) []login) error {
	list := []login{}
	number := 0
	for line := range bytes.Lines(file) {
		number++
		line = bytes.TrimSuffix(line, []byte("\n"))
		if i := bytes.IndexByte(line, '\r'); i >= 0 {
			line = line[:i]
		}
		if len(line) > maxLoginLineBytes {
			return fmt.Errorf("line %d has %d bytes: %d at most", number, len(line), maxLoginLineBytes)
		}
		name, rest, ok := bytes.Cut(line, []byte{':'})
		switch {
		case ok:
			list = add(list, name, rest)
		case strict:
			return fmt.Errorf("line %d is not a name, a colon and a password", number)
		}
	}
	if strict && len(list) == 0 {
		return errors.New("no line is there, so nobody could log in: a line is a name, a colon and a password")
	}
	l.list.Store(&list)
	return nil
}

// Match tells whether name may log in with password. It takes as long for any
// name and any password of the same length.
func (l *Logins) Match(name, password []byte) bool {
	list := l.list.Load()
	if list == nil {
		return false
	}
	given, found := newLogin(name, password), 0
	for i := range *list {
		found |= subtle.ConstantTimeCompare(given.name[:], (*list)[i].name[:]) &
			subtle.ConstantTimeCompare(given.password[:], (*list)[i].password[:])
	}
	return found == 1
}

// authCounts are the rows about logins in "stats".
type authCounts struct {
	commands atomic.Uint64 // logins that were tried
	errors   atomic.Uint64 // of these, refused
	delayed  atomic.Uint64 // that had to wait
}

func (a *authCounts) reset() {
	a.commands.Store(0)
	a.errors.Store(0)
	a.delayed.Store(0)
}

// logIn checks a login, counts it, and lets the conn in or not.
func (c *Conn) logIn(l *Logins, name, password []byte) (ok bool) {
	ok = l.Match(name, password)
	c.countLogin(ok)
	c.tried(ok)
	c.stranger = !ok
	return ok
}

func (c *Conn) countLogin(ok bool) {
	c.srv.auth.commands.Add(1)
	if !ok {
		c.srv.auth.errors.Add(1)
	}
}

const (
	// maxLoginBytes bounds what a stranger makes the node keep: memcached's
	// own limit for the value of a text login.
	maxLoginBytes = 16384
	// minLoginBytes is what memcached waits for before it looks at a login.
	minLoginBytes = 3
	// minLoginLineBytes is what a line of a stranger has at least, without its line
	// feed. memcached closes at once if it is shorter.
	minLoginLineBytes = 6
)

// login is line for a stranger: as in memcached it takes "set" with any key,
// whose value is "name password", and answers any other line with an error.
func (c *Conn) login(rest []byte) (n, need int) {
	if b := c.trying().loginBytes; b > 0 {
		if len(rest) < b {
			return 0, b
		}
		if !c.mayTry() {
			return 0, 0
		}
		n, c.tries.loginBytes = b, 0
		c.reply(c.loginValue(rest[:n]), false)
		return n, 0
	}
	if len(rest) < minLoginBytes {
		return 0, 0
	}
	end := bytes.IndexByte(rest, '\n')
	if end < 0 {
		if len(rest) > MaxLineBytes {
			c.close(ReasonStranger, "")
		}
		return 0, 0
	}
	if end < minLoginLineBytes {
		c.close(ReasonStranger, "")
		return 0, 0
	}
	var t tokens
	t.split(bytes.TrimSuffix(rest[:end], []byte{'\r'}))
	if t.n < 5 || !bytes.HasPrefix(rest, []byte("set")) {
		c.reply(replyStranger, false)
		return end + 1, 0
	}
	size, ok := parseUint32(t.word[4])
	switch {
	case !ok:
		c.reply(replyStranger, false)
	case size > maxLoginBytes:
		c.reply(replyLoginTooLong, false)
	default:
		c.tries.loginBytes = int(size) + 2
	}
	return end + 1, 0
}

// loginValue checks "name password" with its line end and returns the answer.
func (c *Conn) loginValue(value []byte) string {
	words, ok := bytes.CutSuffix(value, []byte("\r\n"))
	if !ok {
		return replyLoginEnd
	}
	name, password, ok := bytes.Cut(words, []byte{' '})
	if !ok {
		return replyLoginFormat
	}
	if !c.logIn(c.srv.TextLogins, name, password) {
		return replyLoginFailed
	}
	return replyStored
}
