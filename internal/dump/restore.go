package dump

import (
	"errors"
	"fmt"
	"io"
	"strconv"
	"time"

	"twincached/internal/inspect"
	"twincached/store"
)

// Restored is what a restore counted. Items is the sum of the others, but Seconds.
type Restored struct {
	Items    int64 // of the file, as far as it was read
	Restored int64
	Kept     int64 // the node had the same version or a newer one, or the item was deleted there meanwhile
	Expired  int64
	Outdated int64 // left out: marked stale by a client, or empty and waiting for the reader that is to fill it
	TooLarge int64 // for this node (-I)
	Failed   int64 // the node did not take them
	Seconds  float64

	Why  string // what the node said to the first that failed
	Note string // what the reader of the result should know; "": nothing
}

// Whole tells whether the node holds all that it should.
func (r *Restored) Whole() bool { return r.TooLarge == 0 && r.Failed == 0 }

// String is the line that programs read.
func (r *Restored) String() string {
	return fmt.Sprintf("restore: items=%d restored=%d kept=%d expired=%d outdated=%d too_large=%d failed=%d seconds=%.1f",
		r.Items, r.Restored, r.Kept, r.Expired, r.Outdated, r.TooLarge, r.Failed, r.Seconds)
}

// Restore puts the items of a file into the node at an address. bytes is how long the file is,
// for the progress; 0: nobody knows. It never overwrites what is newer, however the node is
// written meanwhile, so it may be repeated: then it does only what is missing. other is the
// address of its peer, or "": what that has is looked at too, as the node may have evicted it.
// The error is that of the file, or of a node; what was counted has been done all the same.
func Restore(from io.Reader, bytes int64, address, other string, opt Options) (Restored, error) {
	r := &restore{opt: opt, bytes: bytes}
	began := time.Now()
	r.n = inspect.NewNode("restore", "node ", address, &r.opt.Options)
	defer r.n.Close()
	if other != "" {
		r.other = inspect.NewNode("restore", "node ", other, &r.opt.Options)
		defer r.other.Close()
	}
	err := r.run(from)
	r.r.Seconds = time.Since(began).Seconds()
	r.r.Items = r.r.Restored + r.r.Kept + r.r.Expired + r.r.Outdated + r.r.TooLarge + r.r.Failed
	return r.r, err
}

const (
	batchItems = 1024    // items that are asked for, and stored, at once
	batchBytes = 2 << 20 // or fewer, if they have so many bytes
	// maxTries is how often an item is looked at that is written again and again between a
	// look and the store, and each time is older than that of the dump.
	maxTries = 20
	// aheadMillis is how far a version may be ahead of the node's clock before it is not
	// believed: two clocks are never the same.
	aheadMillis = 60_000
)

// restore is one.
type restore struct {
	opt   Options
	n     *inspect.Node
	other *inspect.Node // its peer; nil: nobody asks it
	bytes int64
	r     Restored

	maxItem int   // bytes of an item that the node takes
	clock   int64 // the node's clock was so much ahead of ours, ms
	ahead   int64 // and its versions so much ahead of its clock

	keys    []inspect.Key
	looks   []inspect.Look
	others  []inspect.Look // the peer's
	pending []*item
	stores  []*item
	next    []*item
	cas     []uint64 // of stores; 0: add
}

func (r *restore) run(from io.Reader) error {
	if err := r.meet(); err != nil {
		return err
	}
	counted := &counter{r: from}
	file, err := newReader(counted)
	if err != nil {
		return fmt.Errorf("restore: the file: %w", err)
	}
	batches := load(file, counted)
	defer batches.stop()
	for b := range batches.full {
		if err := r.batch(b); err != nil {
			return err
		}
		r.tell(b.read)
		batches.free <- b
	}
	r.r.Failed += file.failed()
	if file.failed() > 0 && r.r.Why == "" {
		r.r.Why = "keys with spaces or control characters, which memcached-tool cannot ask for"
	}
	if batches.err != nil {
		return fmt.Errorf("restore: the file: %w; what came before that is restored", batches.err)
	}
	return nil
}

// meet opens the node, and learns what it needs of it.
func (r *restore) meet() error {
	if err := r.n.Open(); err != nil {
		return err
	}
	settings, err := r.n.Settings() // a memcached's cas is no time: it says nothing of what is newer
	if err != nil {
		return err
	}
	if r.maxItem, err = strconv.Atoi(settings["item_size_max"]); err != nil {
		return r.n.Fail(errors.New("its settings have no item_size_max"))
	}
	rows, err := r.n.Main.Stats("")
	if err != nil {
		return r.n.Fail(err)
	}
	now, err := strconv.ParseInt(rows["time"], 10, 64)
	if err != nil || now <= 0 {
		return r.n.Fail(errors.New("it does not say what time it is"))
	}
	r.ahead, _ = strconv.ParseInt(rows["repl_versions_ahead_ms"], 10, 64)
	r.clock = now*1000 - time.Now().UnixMilli()
	switch {
	case r.other != nil:
		if err := r.other.Open(); err != nil {
			return err
		}
		_, err = r.other.Settings()
		return err
	case inspect.Lacks(rows) && rows["repl_link"] == "stream":
		r.r.Note = "the node has evicted or refused items that its peer may have in newer versions: to compare with those too, name the peer behind the node"
	}
	return nil
}

// now is the time by the node's clock, in ms.
func (r *restore) now() int64 { return time.Now().UnixMilli() + r.clock }

// batch restores some items.
func (r *restore) batch(b *batch) error {
	r.pending = r.pending[:0]
	for i := range b.items {
		if it := &b.items[i]; r.wanted(it) {
			r.pending = append(r.pending, it)
		}
	}
	for try := 0; len(r.pending) > 0; try++ {
		if try == maxTries {
			r.fail(int64(len(r.pending)), "the item was written again each time")
			return nil
		}
		if err := r.decide(); err != nil {
			return err
		}
		if err := r.store(); err != nil {
			return err
		}
		r.pending, r.next = r.next, r.pending[:0]
	}
	return nil
}

// wanted tells whether an item is to be stored at all; else it is counted.
func (r *restore) wanted(it *item) bool {
	switch {
	case it.expireAt != 0 && r.past(it.expireAt):
		r.r.Expired++
	case it.stale, it.won && len(it.value) == 0:
		r.r.Outdated++ // it would look fresh
	case store.ItemBytes(len(it.key), len(it.value)) > r.maxItem:
		r.r.TooLarge++ // never sent: the node would delete what it has
	default:
		if store.VersionMillis(it.version) > r.now()+r.ahead+aheadMillis {
			it.version = 0 // of a clock that was wrong: all that is there counts as newer
		}
		return true
	}
	return false
}

// maxRelativeSeconds: a smaller exptime would be taken for a number of seconds from now on.
const maxRelativeSeconds = 60 * 60 * 24 * 30

// past tells whether the second in which an item expires has come, or is about to, by the
// node's clock: a store that comes too late would remove what is there.
func (r *restore) past(expireAt int64) bool {
	s := seconds(expireAt)
	return s <= maxRelativeSeconds || s*1000 <= r.now()+1000
}

// decide asks the node what it has of the pending items, and finds out which to store, and how.
func (r *restore) decide() error {
	r.keys = r.keys[:0]
	for _, it := range r.pending {
		r.keys = append(r.keys, inspect.KeyOf(it.key))
	}
	var err error
	if r.looks, err = r.n.Looks(r.keys, r.looks); err != nil {
		return err
	}
	if r.other != nil {
		if r.others, err = r.other.Looks(r.keys, r.others); err != nil {
			return err
		}
	}
	r.stores, r.cas = r.stores[:0], r.cas[:0]
	for i, it := range r.pending {
		l := &r.looks[i]
		if newer(l, it) || r.other != nil && newer(&r.others[i], it) {
			r.r.Kept++
			continue
		}
		r.stores, r.cas = append(r.stores, it), append(r.cas, l.Version) // 0 where it has none
	}
	return nil
}

// newer tells whether a node has the version of the dump or a newer one.
func newer(l *inspect.Look, it *item) bool { return l.Present && l.Version >= it.version }

// store stores what decide has found, each item only if it is still as it was looked at.
// What has changed meanwhile is to be looked at again: it goes to next.
func (r *restore) store() error {
	r.next = r.next[:0]
	if len(r.stores) == 0 {
		return nil
	}
	return r.n.Exchange(r.send, func(c *inspect.Conn) error {
		for i, it := range r.stores {
			line, err := c.Line()
			if err != nil {
				return err
			}
			if err := r.heed(string(line), i, it); err != nil {
				return err
			}
		}
		return nil
	})
}

// send writes the stores. Nothing else may change them until they are answered.
func (r *restore) send(w io.Writer) error {
	var b []byte
	for i, it := range r.stores {
		key := inspect.KeyOf(it.key)
		b = append(append(append(b, "ms "...), key.Word()...), ' ')
		b = strconv.AppendInt(b, int64(len(it.value)), 10)
		if key.Word() != string(key) {
			b = append(b, " b"...)
		}
		b = strconv.AppendInt(append(b, " O"...), int64(i), 10)
		b = strconv.AppendUint(append(b, " F"...), uint64(it.flags), 10)
		b = strconv.AppendInt(append(b, " T"...), seconds(it.expireAt), 10)
		if cas := r.cas[i]; cas == 0 {
			b = append(b, " ME\r\n"...)
		} else {
			b = append(strconv.AppendUint(append(b, " C"...), cas, 10), "\r\n"...)
		}
		if len(it.value) > sendBytes { // without a copy of it
			if _, err := w.Write(b); err != nil {
				return err
			}
			if _, err := w.Write(it.value); err != nil {
				return err
			}
			b = b[:0]
		} else {
			b = append(b, it.value...)
		}
		if b = append(b, "\r\n"...); len(b) > sendBytes {
			if _, err := w.Write(b); err != nil {
				return err
			}
			b = b[:0]
		}
	}
	_, err := w.Write(b)
	return err
}

const sendBytes = 64 << 10

// heed takes the answer to a store.
func (r *restore) heed(line string, i int, it *item) error {
	mark := " O" + strconv.Itoa(i)
	if len(line) > 2 && line[2:] == mark {
		switch line[:2] {
		case "HD":
			r.r.Restored++
			return nil
		case "NS", "EX": // written meanwhile
			r.next = append(r.next, it)
			return nil
		case "NF": // gone meanwhile: a delete is newer than the dump
			r.r.Kept++
			return nil
		}
	}
	if len(line) > 13 && line[:13] == "SERVER_ERROR " {
		r.fail(1, line[13:])
		return nil
	}
	return fmt.Errorf("it answered %.80q to a store", line)
}

func (r *restore) fail(items int64, why string) {
	r.r.Failed += items
	if r.r.Why == "" {
		r.r.Why = why
	}
}

func (r *restore) tell(read int64) {
	if r.opt.Progress == nil {
		return
	}
	p := Progress{Part: -1, Bytes: read, Done: r.r.Restored + r.r.Kept + r.r.Expired + r.r.Outdated + r.r.TooLarge + r.r.Failed}
	if r.bytes > 0 {
		p.Part = float64(read) / float64(r.bytes)
	}
	r.opt.Progress(p)
}
