package linear

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/anishathalye/porcupine"

	"twincached/internal/testkit"
)

// item is the state of one key: what one client alone would find.
type item struct {
	there bool
	value string
	flags uint32
	ttl   int64
	cas   uint64 // 0: nobody has been told yet
	floor uint64 // the highest CAS anybody was told: the next is above it

	erasedBy int64 // not there: when the delete or flush, whose version nobody is told, had ended
}

// erased is a key after a delete or a flush.
func (it *item) erased(o *op) item { return item{floor: it.floor, erasedBy: o.back} }

// learn takes in what an answer says about the CAS of an item that is there.
func (it *item) learn(cas uint64) bool {
	switch {
	case cas == 0:
		return true
	case it.cas != 0:
		return cas == it.cas
	}
	ok := cas > it.floor
	it.cas, it.floor = cas, cas
	return ok
}

// put gives the item a new value and a CAS of its own, which the answer may tell.
func (it *item) put(o *op, value string, flags uint32, ttl int64, told uint64) bool {
	*it = item{there: true, value: value, flags: flags, ttl: ttl, floor: it.floor}
	ok := it.learn(told)
	if ttl == gone {
		*it = it.erased(o)
	}
	return ok
}

// step tells whether an item that is as it can give this answer, and what it is then.
func step(it item, o op, a answer) (bool, item) {
	if o.kind == flush {
		return a.status == done, it.erased(&o)
	}
	if !it.there {
		return stepAbsent(it, o, a)
	}
	// A CAS that nobody was told yet is none that a client can have asked for.
	mismatch := o.cas != 0 && o.cas != it.cas
	switch o.kind {
	case get, gat, touch:
		return stepRead(it, o, a)
	case add:
		return a.status == notStored, it
	case set, replace, cas, appendTo, prepend, remove, incr, decr:
		if mismatch {
			return a.status == exists, it
		}
	}
	number, err := strconv.ParseUint(strings.TrimRight(it.value, " "), 10, 64)
	if (o.kind == incr || o.kind == decr) && err != nil {
		return a.status == nonNumeric, it
	}
	if a.status != done {
		return false, it
	}
	switch o.kind {
	case appendTo:
		return it.put(&o, it.value+o.value, it.flags, it.ttl, a.cas), it
	case prepend:
		return it.put(&o, o.value+it.value, it.flags, it.ttl, a.cas), it
	case remove:
		return true, it.erased(&o)
	case incr:
		number += o.delta
	case decr:
		number -= min(number, o.delta)
	default:
		return it.put(&o, o.value, o.flags, o.ttl, a.cas), it
	}
	text := strconv.FormatUint(number, 10)
	if len(it.value) <= 20 { // as memcached does: a shorter number keeps the length
		text += strings.Repeat(" ", max(0, len(it.value)-len(text)))
	}
	return it.put(&o, text, it.flags, it.ttl, a.cas) && a.number == number, it
}

func stepAbsent(it item, o op, a answer) (bool, item) {
	switch o.kind {
	case set, add:
		return a.status == done && it.put(&o, o.value, o.flags, o.ttl, a.cas), it
	case replace, appendTo, prepend:
		return a.status == notStored, it
	case remove:
		return a.status == miss, it.erased(&o)
	case incr, decr:
		if o.create {
			return a.status == done && a.number == o.initial && it.put(&o, strconv.FormatUint(o.initial, 10), 0, o.ttl, a.cas), it
		}
	}
	return a.status == miss, it
}

// stepRead is a read or a touch of an item that is there.
func stepRead(it item, o op, a answer) (bool, item) {
	if a.status != done || !it.learn(a.cas) {
		return false, it
	}
	if o.kind != touch && (a.value != it.value || a.flags != it.flags) {
		return false, it
	}
	if o.kind != get {
		it.ttl = o.ttl
	}
	ok := a.ttl == unsaid || a.ttl == it.ttl
	if it.ttl == gone {
		it = it.erased(&o)
	}
	return ok, it
}

// stepPeer is what a version of the peer may make of a key. It is above all that
// there were when it was sent; what a client writes while it arrives may be above it.
func stepPeer(it item, o op) (next []any) {
	if it.there && it.cas > o.cas || !it.there && it.erasedBy > o.call {
		next = append(next, it)
	}
	if o.cas > it.floor {
		if it = (item{floor: o.cas}); !o.gone {
			it = item{there: true, value: o.value, flags: o.flags, ttl: o.ttl, cas: o.cas, floor: o.cas}
		}
		next = append(next, it)
	}
	return next
}

// rule is what a store may do besides what it is asked for.
type rule uint8

const (
	plain   rule = iota
	forgets      // an item may be evicted at any moment: an answer that only an absent key gives means that it was
	paired       // the peer sends what it has
)

// model is a map of items for porcupine.
func model(r rule) porcupine.Model {
	m := porcupine.NondeterministicModel{
		Partition: byKey,
		Init:      func() []any { return []any{item{}} },
		Step: func(state, in, out any) []any {
			it, o, a := state.(item), in.(op), out.(answer)
			if o.kind == fromPeer && r == paired {
				return stepPeer(it, o)
			}
			ok, next := step(it, o, a)
			if !ok && r == forgets && it.there {
				ok, next = step(item{floor: it.floor}, o, a)
			}
			if !ok {
				return nil
			}
			return []any{next}
		},
		DescribeOperation: func(in, out any) string { return fmt.Sprintf("%v -> %v", in, out) },
	}
	return m.ToModel()
}

// byKey are the histories of the keys. A flush is a part of each, at its end.
func byKey(history []porcupine.Operation) [][]porcupine.Operation {
	keys := map[string]int{}
	var parts [][]porcupine.Operation
	var flushes []porcupine.Operation
	for _, h := range history {
		key := h.Input.(op).key
		if key == "" {
			flushes = append(flushes, h)
			continue
		}
		i, known := keys[key]
		if !known {
			i = len(parts)
			keys[key], parts = i, append(parts, nil)
		}
		parts[i] = append(parts[i], h)
	}
	for i := range parts {
		parts[i] = append(parts[i], flushes...)
	}
	return parts
}

// patience bounds what a socket may take: a healthy run needs far less.
const patience = testkit.Patience

// thinking bounds what porcupine may take for one history. It needs milliseconds, but for a
// history in which an operation was under way for long, because its thread had to wait: then
// it may need years.
const thinking = 20 * time.Second

// undecided is why legal returns false where porcupine came to no end.
const undecided = "not decided"

// legal tells whether there is an order of a history that explains it. Where there
// is none, it says which key and how far the best order gets.
func legal(t *testing.T, m porcupine.Model, history []porcupine.Operation) (ok bool, why string) {
	t.Helper()
	for _, part := range byKey(history) {
		result, info := porcupine.CheckOperationsVerbose(m, part, thinking)
		switch result {
		case porcupine.Ok:
			continue
		case porcupine.Unknown:
			t.Logf("a history of %d operations on %s was not checked within %v", len(part), part[0].Input.(op).key, thinking)
			return false, undecided
		}
		return false, explain(m, part, info)
	}
	return true, ""
}

// explain is a history that has no order, and the longest order of a part of it.
func explain(m porcupine.Model, part []porcupine.Operation, info porcupine.LinearizationInfo) string {
	var b strings.Builder
	key := part[0].Input.(op).key // the flushes come last
	slices.SortFunc(part, func(x, y porcupine.Operation) int { return cmp.Compare(x.Call, y.Call) })
	best := 0
	for _, orders := range info.PartialLinearizationsOperations() {
		for _, order := range orders {
			best = max(best, len(order))
		}
	}
	fmt.Fprintf(&b, "no order explains more than %d of the %d operations on %s:\n", best, len(part), key)
	for _, h := range part {
		fmt.Fprintf(&b, "%9d..%9d client %2d  %s\n", h.Call, h.Return, h.ClientId, m.DescribeOperation(h.Input, h.Output))
	}
	return b.String()
}
