package linear

import (
	"fmt"
	"runtime"
	"strconv"
	"strings"
	"testing"

	"github.com/anishathalye/porcupine"

	"twincached/store"
)

// breaks are stores that are broken, each in one way that a client can do to itself.
// One that carries out an op in two steps is right as long as it has one client.
var breaks = []struct {
	name  string
	speak []protocol
	wrap  func(speaker) speaker
	steps bool
}{
	{"a get tells an older value", everyProtocol, func(s speaker) speaker { return &staleGet{speaker: s, last: map[string]answer{}} }, false},
	{"a cas in two steps", everyProtocol, func(s speaker) speaker { return &twoSteps{s, cas} }, true},
	{"an add in two steps", everyProtocol, func(s speaker) speaker { return &twoSteps{s, add} }, true},
	{"an incr in two steps", []protocol{metaProtocol}, func(s speaker) speaker { return &twoSteps{s, incr} }, true}, // meta: it has to know the expiry
	{"an incr is lost", everyProtocol, func(s speaker) speaker { return &lost{speaker: s, kind: incr} }, false},
	{"a set is lost", everyProtocol, func(s speaker) speaker { return &lost{speaker: s, kind: set} }, false},
	{"a delete is lost", everyProtocol, func(s speaker) speaker { return &lost{speaker: s, kind: remove} }, false},
	{"a flush is lost", everyProtocol, func(s speaker) speaker { return &lost{speaker: s, kind: flush} }, false},
	{"a touch is lost", everyProtocol, func(s speaker) speaker { return &lost{speaker: s, kind: touch} }, false},
	{"a get is cut off", everyProtocol, func(s speaker) speaker { return &cutOff{s} }, false},
	{"a cas ignores what is current", everyProtocol, func(s speaker) speaker { return &careless{s} }, false},
}

// staleGet answers every fourth get of a key with what the get before found.
type staleGet struct {
	speaker
	last map[string]answer
	n    int
}

func (b *staleGet) do(o op) (answer, error) {
	a, err := b.speaker.do(o)
	if o.kind != get || err != nil {
		return a, err
	}
	before, known := b.last[o.key]
	b.last[o.key] = a
	if b.n++; known && b.n%4 == 0 {
		return before, nil
	}
	return a, nil
}

// twoSteps carries out one kind as a get and a set, with a pause between.
type twoSteps struct {
	speaker
	kind kind
}

func (b *twoSteps) do(o op) (answer, error) {
	if o.kind != b.kind || o.create || o.kind == incr && o.cas != 0 {
		return b.speaker.do(o)
	}
	was, err := b.speaker.do(op{kind: get, key: o.key})
	if err != nil {
		return was, err
	}
	runtime.Gosched()
	a := answer{ttl: unsaid}
	write := op{kind: set, key: o.key, value: o.value, flags: o.flags, ttl: o.ttl}
	switch {
	case o.kind == add && was.status == done:
		a.status = notStored
	case o.kind == add:
	case was.status == miss:
		a.status = miss
	case o.kind == cas && was.cas != o.cas:
		a.status = exists
	case o.kind == incr && !count(was.value, o.delta, &a):
		a.status = nonNumeric
	case o.kind == incr:
		write.value, write.flags, write.ttl = fmt.Sprintf("%-*d", len(was.value), a.number), was.flags, was.ttl
	}
	if a.status != 0 {
		return a, nil
	}
	number := a.number
	a, err = b.speaker.do(write)
	a.number = number
	return a, err
}

// count notes what a value is when it has been counted up.
func count(value string, delta uint64, a *answer) bool {
	n, err := strconv.ParseUint(strings.TrimRight(value, " "), 10, 64)
	if err == nil {
		a.number = n + delta
	}
	return err == nil
}

// lost answers every third op of a kind as if it had been carried out.
type lost struct {
	speaker
	kind kind
	n    int
}

func (b *lost) do(o op) (answer, error) {
	if o.kind != b.kind || o.create || o.cas != 0 {
		return b.speaker.do(o)
	}
	if b.n++; b.n%3 != 0 {
		return b.speaker.do(o)
	}
	if o.kind == flush {
		return answer{status: done, ttl: unsaid}, nil
	}
	a, err := b.speaker.do(op{kind: get, key: o.key})
	a.ttl = unsaid
	switch {
	case err != nil:
	case o.kind == set:
		a.status, a.cas = done, 0
	case o.kind == incr && a.status == done:
		if a.cas = 0; !count(a.value, o.delta, &a) {
			a.status = nonNumeric
		}
	}
	return a, err
}

// cutOff loses the last byte of a long value.
type cutOff struct{ speaker }

func (b *cutOff) do(o op) (answer, error) {
	a, err := b.speaker.do(o)
	if len(a.value) > 50 {
		a.value = a.value[:len(a.value)-1]
	}
	return a, err
}

// careless stores whatever the CAS.
type careless struct{ speaker }

func (b *careless) do(o op) (answer, error) {
	if o.kind == cas {
		o.kind, o.cas = replace, 0
		a, err := b.speaker.do(o)
		if a.status == notStored {
			a.status = miss
		}
		return a, err
	}
	return b.speaker.do(o)
}

// enough is how many rounds a break may take to be seen; few take more than ten.
const enough = 500

// expectIllegal runs rounds until a history has no order.
func expectIllegal(t *testing.T, m porcupine.Model, all []runner) {
	t.Helper()
	for i := range enough {
		if ok, why := legal(t, m, round(t, all, opsEach, keysOf(i, 2))); !ok && why != undecided {
			first, _, _ := strings.Cut(why, "\n")
			t.Logf("round %d: %s", i, first)
			return
		}
	}
	t.Errorf("porcupine found an order for each of %d histories", enough)
}

func TestEngine_ABrokenStoreIsSeen(t *testing.T) {
	for _, b := range breaks {
		t.Run(b.name, func(t *testing.T) {
			s := newStore(t, store.Config{MemoryBytes: 64 << 20})
			if b.steps {
				alone := engineClients(s, 1, b.speak, b.wrap)
				if ok, why := legal(t, model(plain), round(t, alone, 20*opsEach, keysOf(-1, 2))); !ok {
					t.Fatalf("it is broken for one client too: %s", why)
				}
			}
			expectIllegal(t, model(plain), engineClients(s, clients, b.speak, b.wrap))
		})
	}
}
