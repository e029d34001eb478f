package torture

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// load is everything the clients share.
type load struct {
	nodes   [2]*node
	records *records
	pause   sync.RWMutex // clients hold it for a few requests at a time

	rush atomic.Bool // writers send much, and wait for nothing but replies

	mu     sync.Mutex
	broken []string // promises that a reply broke

	acked, reads, unsure atomic.Int64
}

func (l *load) breach(text string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.broken = append(l.broken, text)
}

// takeBroken returns and forgets what was found.
func (l *load) takeBroken() []string {
	l.mu.Lock()
	defer l.mu.Unlock()
	b := l.broken
	l.broken = nil
	return b
}

const (
	clientTimeout = 500 * time.Millisecond
	returnAfter   = time.Second // a client that left its node looks at it again after this long
)

// writer is a client of our own. It works on its home node, and on the other one
// while that fails it.
type writer struct {
	load    *load
	name    string
	home    int
	rng     *rand.Rand
	clock   *record // its own key: what it gets as a version bounds its other writes
	sent    uint64
	away    time.Time // since when it has left its home; zero: it is there
	conn    *raw
	at      int   // where conn leads
	connInc int64 // and to which incarnation
}

// run works until the context ends.
func (w *writer) run(ctx context.Context) {
	for ctx.Err() == nil {
		w.load.pause.RLock()
		w.turn()
		w.load.pause.RUnlock()
		if w.load.rush.Load() {
			continue
		}
		select {
		case <-ctx.Done():
		case <-time.After(time.Duration(1000+w.rng.IntN(4000)) * time.Microsecond): // a client has other things to do, too
		}
	}
	if w.conn != nil {
		w.conn.close()
	}
}

// turn is one burst, or one attempt to connect.
func (w *writer) turn() {
	if w.conn != nil && w.at != w.home && time.Since(w.away) > returnAfter {
		w.conn.close()
		w.conn = nil
	}
	if w.conn == nil && !w.connect() {
		return
	}
	if err := w.burst(); err != nil {
		w.conn.close()
		w.conn = nil
		if w.at == w.home {
			w.away = time.Now()
		}
		if errors.Is(err, errReply) {
			w.load.breach(err.Error())
		}
	}
}

func (w *writer) connect() bool {
	to := w.home
	if time.Since(w.away) <= returnAfter {
		to = 1 - to
	}
	n := w.load.nodes[to]
	inc := n.inc.Load()
	c, err := dialRaw(n.client(), clientTimeout)
	if err != nil {
		if to == w.home {
			w.away = time.Now()
		}
		return false
	}
	if n.inc.Load() != inc {
		c.close()
		return false
	}
	w.conn, w.at, w.connInc = c, to, inc
	return true
}

// request is one of a burst.
type request struct {
	kind   requestKind
	record *record
	op     op     // of a change
	low    uint64 // of a read
}

type requestKind int

const (
	metaSet requestKind = iota
	textSet
	metaDelete
	textDelete
	metaGet
	touch
)

// kinds is how often each comes.
var kinds = [...]requestKind{metaSet, metaSet, metaSet, metaSet, metaSet, metaSet, textSet, textSet, metaDelete, textDelete, metaGet, metaGet, metaGet, metaGet, touch}

// burst sends some requests of any kind, of any key.
func (w *writer) burst() error {
	n := w.load.nodes[w.at]
	var text strings.Builder
	most := 12
	if w.load.rush.Load() {
		most = 200
	}
	requests := make([]request, 1+w.rng.IntN(most), most+2)
	for i := range requests {
		requests[i] = w.request(n, &text, kinds[w.rng.IntN(len(kinds))], w.load.records.pick(w.rng, w.at))
	}
	return w.exchange(n, &text, requests)
}

// exchange sends requests at once and reads their replies. It adds a write whose
// version the reply gives: it is above all those before it.
func (w *writer) exchange(n *node, text *strings.Builder, requests []request) error {
	requests = append(requests, w.request(n, text, metaSet, w.clock))
	err := w.conn.send(text.String())
	replied := 0
	for err == nil && replied < len(requests) {
		if err = w.reply(n, &requests[replied]); err == nil {
			replied++
		}
	}
	hi := uint64(never)
	if err == nil {
		hi = requests[len(requests)-1].op.hi
	}
	w.book(n, requests, replied, hi)
	return err
}

// request writes one request, and notes what must hold of its reply.
func (w *writer) request(n *node, text *strings.Builder, kind requestKind, r *record) request {
	q := request{kind: kind, record: r}
	q.op = op{node: n.index, inc: w.connInc, hi: never, lo: 1 + max(n.below(w.connInc), r.lowest(n.index, w.connInc))}
	switch kind {
	case metaSet, textSet:
		w.sent++
		q.op.id = fmt.Sprintf("%s.%d", w.name, w.sent)
		value := q.op.id + " " + padding[:w.size()]
		if kind == metaSet {
			fmt.Fprintf(text, "ms %s %d c\r\n%s\r\n", r.key, len(value), value)
		} else {
			fmt.Fprintf(text, "set %s 0 0 %d\r\n%s\r\n", r.key, len(value), value)
		}
	case metaDelete, textDelete:
		q.op.del = true
		fmt.Fprintf(text, map[requestKind]string{metaDelete: "md %s\r\n", textDelete: "delete %s\r\n"}[kind], r.key)
	case metaGet:
		q.low = r.lowest(n.index, w.connInc)
		fmt.Fprintf(text, "mg %s v c\r\n", r.key)
	case touch:
		fmt.Fprintf(text, "touch %s %d\r\n", r.key, 20000+w.rng.IntN(10000))
	}
	return q
}

// reply reads one reply.
func (w *writer) reply(n *node, q *request) error {
	switch q.kind {
	case metaSet:
		v, err := w.conn.version()
		if err != nil {
			return err
		}
		q.op.lo, q.op.hi = v, v
		n.saw(w.connInc, v)
	case metaGet:
		h, err := w.conn.held()
		if err != nil {
			return err
		}
		w.load.reads.Add(1)
		if bad := q.record.read(n.index, w.connInc, q.low, h); bad != "" {
			w.load.breach(bad)
		}
		n.saw(w.connInc, h.version)
	default:
		line, err := w.conn.line()
		if err != nil {
			return err
		}
		if !expected[q.kind][line] {
			return fmt.Errorf("%w of node %s: %q", errReply, n.name(), line)
		}
	}
	q.op.acked, q.op.at = true, time.Now()
	return nil
}

var expected = map[requestKind]map[string]bool{
	textSet:    {"STORED": true},
	metaDelete: {"HD": true, "NF": true},
	textDelete: {"DELETED": true, "NOT_FOUND": true},
	touch:      {"TOUCHED": true, "NOT_FOUND": true},
}

// book notes the changes of a burst; those without a reply may have happened.
func (w *writer) book(n *node, requests []request, replied int, hi uint64) {
	for i := range requests {
		q := &requests[i]
		if q.kind == metaGet || q.kind == touch {
			continue
		}
		if i >= replied {
			q.op.acked, q.op.at = false, time.Now()
			w.load.unsure.Add(1)
		} else {
			w.load.acked.Add(1)
			q.op.hi = min(q.op.hi, hi)
		}
		q.record.add(q.op)
	}
}

var padding = strings.Repeat("0123456789abcdef", 1<<9)

// size of a value: mostly small.
func (w *writer) size() int {
	if w.rng.IntN(50) == 0 {
		return w.rng.IntN(len(padding))
	}
	return w.rng.IntN(200)
}
