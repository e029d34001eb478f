package verify

import (
	"fmt"
	"strings"
	"time"
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
	key   key
	since time.Time // of the looks that follow
	a, b  look
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
		for i := 0; i < len(x.suspects); i += batchKeys {
			some := x.suspects[i:min(i+batchKeys, len(x.suspects))]
			keys := make([]key, len(some))
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
	case !l.a.present && !l.b.present:
		return false
	case s.fresh:
		s.a, s.b, s.since, s.fresh = l.a, l.b, now, false
		return true
	case now.Sub(s.since) < x.opt.Settle:
		return true
	case l.a.like(&s.a, now.Sub(s.since)) && l.b.like(&s.b, now.Sub(s.since)),
		l.a.present && l.b.present && min(l.a.version, l.b.version) < max(s.a.version, s.b.version):
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
func (l *look) like(old *look, ago time.Duration) bool {
	then, now := *old, *l
	if !then.present || !now.present {
		return then.present == now.present // of what is not there no expiry runs down
	}
	if then.expires >= 0 && now.expires >= 0 {
		if drift := time.Duration(then.expires-now.expires)*time.Second - ago; drift.Abs() > 2*time.Second {
			return false // a touch
		}
		now.expires = then.expires // it runs down
	}
	return then == now
}

// count counts a difference that is certain, and tells of it.
func (x *run) count(l *pairLook) {
	d := Difference{Key: l.key.raw(), OnlyA: !l.b.present, OnlyB: !l.a.present}
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
	case a.bytes != b.bytes:
		add("value: %d bytes and %d bytes", a.bytes, b.bytes)
	case l.at >= 0:
		add("value: %d bytes, the first that differs is number %d", a.bytes, l.at+1)
	}
	if a.flags != b.flags {
		add("flags: %d and %d", a.flags, b.flags)
	}
	if !sameExpiry(a.expires, b.expires) {
		add("expiry: %s and %s", left(a.expires), left(b.expires))
	}
	if a.stale != b.stale || a.won != b.won {
		add("marks: %s and %s", a.marks(), b.marks())
	}
	if a.version != b.version {
		add("version: %d and %d", a.version, b.version)
	}
	return all
}

func left(expires int64) string {
	if expires < 0 {
		return "never"
	}
	return fmt.Sprintf("in %d s", expires)
}

func (l *look) marks() string {
	var m []string
	if l.stale {
		m = append(m, "stale")
	}
	if l.won {
		m = append(m, "won")
	}
	if m == nil {
		return "none"
	}
	return strings.Join(m, " and ")
}
