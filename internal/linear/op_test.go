package linear

import "fmt"

// kind is what a client asks for, whatever protocol it speaks.
type kind uint8

const (
	get kind = iota
	gat      // get and touch
	touch
	set
	add
	replace
	appendTo
	prepend
	cas
	incr
	decr
	remove
	flush    // of every key there is; key is empty
	fromPeer // a newer version that the other node sends: a value, or with gone a delete
	kinds
)

func (k kind) String() string {
	return [...]string{"get", "gat", "touch", "set", "add", "replace", "append", "prepend", "cas", "incr", "decr", "delete", "flush_all", "peer"}[k]
}

// op is one request about one key, or about all. What its kind does not use is zero.
type op struct {
	kind    kind
	key     string
	value   string
	flags   uint32
	ttl     int64  // seconds in thousands; 0 never, gone: already
	cas     uint64 // the version that must be current; 0: any. For fromPeer: its version
	delta   uint64
	create  bool // incr, decr: where there is no item make one, of initial
	initial uint64
	gone    bool // fromPeer: a delete

	call, back int64 // when it began and ended, ns
}

const (
	gone   = -1 // as op.ttl: the item expires at once
	unsaid = -2 // as answer.ttl: the reply did not tell
)

// status is the outcome of an op, in one spelling for the three protocols.
type status uint8

const (
	done       status = iota + 1 // stored, touched, deleted, counted, or found
	miss                         // there is no item: get, gat, touch, cas, incr, decr, delete
	notStored                    // add on a hit, replace, append and prepend on a miss
	exists                       // the CAS did not match
	nonNumeric                   // incr and decr of a text
)

func (s status) String() string {
	return [...]string{"", "done", "miss", "not stored", "exists", "non-numeric"}[s]
}

// answer is what a client was told. A protocol tells less than another.
type answer struct {
	status status
	value  string // get, gat
	flags  uint32 // get, gat
	number uint64 // incr, decr
	cas    uint64 // of the item that is there now; 0: not told
	ttl    int64  // seconds in thousands, rounded; 0 never; unsaid
}

func (o op) String() string {
	s := fmt.Sprintf("%v %s", o.kind, o.key)
	switch o.kind {
	case set, add, replace, appendTo, prepend, cas, fromPeer:
		s += fmt.Sprintf(" %q flags %d ttl %d", o.value, o.flags, o.ttl)
	case gat, touch:
		s += fmt.Sprintf(" ttl %d", o.ttl)
	case incr, decr:
		s += fmt.Sprintf(" by %d", o.delta)
		if o.create {
			s += fmt.Sprintf(" or %d ttl %d", o.initial, o.ttl)
		}
	}
	if o.cas != 0 {
		s += fmt.Sprintf(" cas %d", o.cas)
	}
	if o.gone {
		s += " gone"
	}
	return s
}

func (a answer) String() string {
	return fmt.Sprintf("%v %q flags %d number %d cas %d ttl %d", a.status, a.value, a.flags, a.number, a.cas, a.ttl)
}
