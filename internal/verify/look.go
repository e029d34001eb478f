package verify

import (
	"bytes"

	"twincached/internal/inspect"
)

// pairLook is what both say of a key, at about the same time.
type pairLook struct {
	key  inspect.Key
	a, b inspect.Look
	at   int64 // first byte of the values that differs; -1 none, as far as the shorter one goes
}

// same tells whether both have the key, and it is the same item.
func (l *pairLook) same() bool {
	a, b := &l.a, &l.b
	return a.Present && b.Present && a.Version == b.Version && a.Flags == b.Flags && a.Bytes == b.Bytes &&
		a.Stale == b.Stale && a.Won == b.Won && l.at < 0 && sameExpiry(a.Expires, b.Expires)
}

// sameExpiry allows for a second: the nodes were not asked at the same instant, the
// seconds are rounded, and a clock that is off by less than 100 ms is not corrected.
func sameExpiry(a, b int64) bool {
	if a < 0 || b < 0 {
		return a == b
	}
	return max(a-b, b-a) <= 1
}

// look asks both nodes for keys and calls f for each, in order.
func (x *run) look(keys []inspect.Key, f func(l *pairLook)) error {
	x.reqs = x.reqs[:0]
	for _, k := range keys {
		x.reqs = append(append(append(x.reqs, "me "...), k...), " v\r\n"...)
	}
	doneA, doneB := x.a.Main.Send(x.reqs), x.b.Main.Send(x.reqs)
	err := x.answers(keys, f)
	if err != nil { // a send may hang for want of a reader
		x.a.Close()
		x.b.Close()
	}
	errA, errB := <-doneA, <-doneB
	switch {
	case err != nil:
		return err
	case errA != nil:
		return x.a.Fail(errA)
	case errB != nil:
		return x.b.Fail(errB)
	}
	return nil
}

func (x *run) answers(keys []inspect.Key, f func(l *pairLook)) error {
	for _, k := range keys {
		l := pairLook{key: k, at: -1}
		var err error
		if l.a, err = x.a.Main.Look(k, true); err != nil {
			return x.a.Fail(err)
		}
		if l.b, err = x.b.Main.Look(k, true); err != nil {
			return x.b.Fail(err)
		}
		if err := x.values(&l); err != nil {
			return err
		}
		f(&l)
	}
	return nil
}

// values reads both values and compares them on the way.
func (x *run) values(l *pairLook) error {
	common := int64(0)
	if l.a.Present && l.b.Present {
		common = min(l.a.Bytes, l.b.Bytes)
	}
	for done := int64(0); done < common; {
		a, err := x.a.Main.Peek(common - done)
		if err != nil {
			return x.a.Fail(err)
		}
		b, err := x.b.Main.Peek(min(common-done, int64(len(a))))
		if err != nil {
			return x.b.Fail(err)
		}
		n := min(len(a), len(b))
		if l.at < 0 && !bytes.Equal(a[:n], b[:n]) {
			i := 0
			for a[i] == b[i] {
				i++
			}
			l.at = done + int64(i)
		}
		x.a.Main.Drop(n)
		x.b.Main.Drop(n)
		done += int64(n)
	}
	if err := x.a.Main.EndValue(&l.a, common); err != nil {
		return x.a.Fail(err)
	}
	if err := x.b.Main.EndValue(&l.b, common); err != nil {
		return x.b.Fail(err)
	}
	return nil
}
