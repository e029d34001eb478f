package verify

import (
	"fmt"
	"strings"
	"time"

	"twincached/internal/inspect"
)

const (
	// maxSuspects bounds the keys that wait for another look: 80 MB for the whole
	// process with keys of the usual length. More of them would settle together, which
	// only matters where most of what the nodes hold differs.
	maxSuspects = 1 << 17
	// maxTries is how often a key that is written all the time is given another
	// Settle before it is counted as in flight.
	maxTries = 5
	// firstPause is about how long a write needs from node to node in a rack. Each
	// pause is twice the one before, maxPause at most.
	firstPause = 20 * time.Millisecond
	maxPause   = 500 * time.Millisecond
)

// suspect is a key that was not the same on both nodes when they were looked at.
type suspect struct {
	key   inspect.Key
	since time.Time // of the looks that follow
	a, b  inspect.Look
	fresh bool // there was no look at both yet
	tries int
}

// Difference is a key that is not the same on both nodes.
type Difference struct {
	Key          string   // any bytes
	OnlyA, OnlyB bool     // one node lacks it
	What         []string // else: what is not the same
}

// settle looks at the suspects again until each is the same, gone, or certain.
func (x *run) settle() error {
	x.r.Again += int64(len(x.suspects))
	for pause := firstPause; len(x.suspects) > 0; pause = min(2*pause, maxPause) {
		time.Sleep(min(pause, max(x.opt.Settle, time.Millisecond)))
		left := x.suspects[:0]
		for i := 0; i < len(x.suspects); i += inspect.BatchKeys {
			some := x.suspects[i:min(i+inspect.BatchKeys, len(x.suspects))]
			keys := make([]inspect.Key, len(some))
			for j := range some {
				keys[j] = some[j].key
			}
			now, j := time.Now(), 0
			err := x.look(keys, func(l *pairLook) {
				s := some[j]
				j++
				if x.judge(&s, l, now) {
					left = append(left, s) // never ahead of what is read
				}
			})
			if err != nil {
				return err
			}
		}
		clear(x.suspects[len(left):])
		x.suspects = left
		x.tell()
	}
	return nil
}

// judge decides about a suspect after one more look, and tells whether it needs
// another one.
//
// A difference counts if it has stood still for Settle; or if one node still has an
// older version than the other had that long ago: however often the key is written,
// that write has not come through.
func (x *run) judge(s *suspect, l *pairLook, now time.Time) (again bool) {
	switch {
	case l.same():
		x.r.Equal++
	case !l.a.Present && !l.b.Present:
		return false
	case s.fresh:
		s.a, s.b, s.since, s.fresh = l.a, l.b, now, false
		return true
	case now.Sub(s.since) < x.opt.Settle:
		return true
	case like(&l.a, &s.a, now.Sub(s.since)) && like(&l.b, &s.b, now.Sub(s.since)),
		l.a.Present && l.b.Present && min(l.a.Version, l.b.Version) < max(s.a.Version, s.b.Version):
		x.count(l)
	case s.tries < maxTries:
		s.a, s.b, s.since = l.a, l.b, now
		s.tries++
		return true
	default:
		x.r.InFlight++
	}
	x.r.Compared++
	return false
}

// like tells whether the node said the same of the key a time ago.
func like(l, old *inspect.Look, ago time.Duration) bool {
	then, now := *old, *l
	if !then.Present || !now.Present {
		return then.Present == now.Present // of what is not there no expiry runs down
	}
	if then.Expires >= 0 && now.Expires >= 0 {
		if drift := time.Duration(then.Expires-now.Expires)*time.Second - ago; drift.Abs() > 2*time.Second {
			return false // a touch
		}
		now.Expires = then.Expires // it runs down
	}
	now.ExpireAt = then.ExpireAt // the same, and too exact for two clocks
	return then == now
}

// count counts a difference that is certain, and tells of it.
func (x *run) count(l *pairLook) {
	d := Difference{Key: l.key.Raw(), OnlyA: !l.b.Present, OnlyB: !l.a.Present}
	switch {
	case d.OnlyA:
		x.r.OnlyA++
	case d.OnlyB:
		x.r.OnlyB++
	default:
		x.r.Differ++
		d.What = l.what()
	}
	if x.opt.Found != nil {
		x.opt.Found(d)
	}
}

// what says what is not the same. Values themselves are nobody's business.
func (l *pairLook) what() (all []string) {
	a, b := &l.a, &l.b
	add := func(format string, args ...any) { all = append(all, fmt.Sprintf(format, args...)) }
	switch {
	case a.Bytes != b.Bytes:
		add("value: %d bytes and %d bytes", a.Bytes, b.Bytes)
	case l.at >= 0:
		add("value: %d bytes, the first that differs is number %d", a.Bytes, l.at+1)
	}
	if a.Flags != b.Flags {
		add("flags: %d and %d", a.Flags, b.Flags)
	}
	if !sameExpiry(a.Expires, b.Expires) {
		add("expiry: %s and %s", left(a.Expires), left(b.Expires))
	}
	if a.Stale != b.Stale || a.Won != b.Won {
		add("marks: %s and %s", marks(a), marks(b))
	}
	if a.Version != b.Version {
		add("version: %d and %d", a.Version, b.Version)
	}
	return all
}

func left(expires int64) string {
	if expires < 0 {
		return "never"
	}
	return fmt.Sprintf("in %d s", expires)
}

func marks(l *inspect.Look) string {
	var m []string
	if l.Stale {
		m = append(m, "stale")
	}
	if l.Won {
		m = append(m, "won")
	}
	if m == nil {
		return "none"
	}
	return strings.Join(m, " and ")
}
