package dump

import (
	"errors"
	"fmt"
	"io"
	"strconv"
	"time"

	"twincached/internal/inspect"
)

// Options is how to reach the node, and who wants to know how far it is.
type Options struct {
	inspect.Options
	JSON     bool           // Take: JSON, a line for each item; not the records of an image
	Software string         // Take: name and version of this program, for people
	Progress func(Progress) // runs many times a second on the caller's goroutine; nil: nobody asks
}

// Progress is how far a dump or a restore has come.
type Progress struct {
	Done  int64   // items
	Part  float64 // of the whole, 0 to 1, about; of a restore: negative where the size of the file is not known
	Bytes int64   // of keys and values
}

// Taken is what a dump counted.
type Taken struct {
	Items   int64
	Bytes   int64 // of keys and values
	Gone    int64 // in the list of keys, and not there any more when they were looked at
	Seconds float64
}

// String is the line that programs read.
func (t *Taken) String() string {
	return fmt.Sprintf("dump: items=%d bytes=%d gone=%d seconds=%.1f", t.Items, t.Bytes, t.Gone, t.Seconds)
}

// Take writes what the node at an address (HOST:PORT, or with a slash in it a unix socket)
// holds to a file. Clients go on meanwhile. An item that is there all the time is in the dump,
// with one of the values that it has had; one that comes or goes may be. It leaves no trace
// on the node, and holds one value at a time. After an error the file is of no use.
func Take(address string, to io.Writer, opt Options) (Taken, error) {
	t := &take{opt: opt, began: time.Now()}
	t.n = inspect.NewNode("dump", "node ", address, &t.opt.Options)
	defer t.n.Close()
	err := t.run(to)
	t.r.Seconds = time.Since(t.began).Seconds()
	return t.r, err
}

// take is one dump.
type take struct {
	opt   Options
	n     *inspect.Node
	w     writer
	total int64 // items of the node, about
	it    item
	r     Taken
	began time.Time
}

func (t *take) run(to io.Writer) error {
	if err := t.n.Open(); err != nil {
		return err
	}
	if _, err := t.n.Settings(); err != nil {
		return err
	}
	rows, err := t.n.Main.Stats("")
	if err != nil {
		return t.n.Fail(err)
	}
	t.total, _ = strconv.ParseInt(rows["curr_items"], 10, 64) // for the progress only
	if t.opt.JSON {
		t.w = newJSONWriter(to)
	} else if t.w, err = newRecordWriter(to, t.opt.Software, t.began, t.total); err != nil {
		return fmt.Errorf("dump: %w", err)
	}
	list, err := t.n.List()
	if err != nil {
		return err
	}
	defer list.Close()
	for {
		keys, err := list.Next()
		if err != nil {
			return err
		}
		if len(keys) == 0 {
			break
		}
		if err := t.some(keys); err != nil {
			return err
		}
	}
	if err := t.w.end(); err != nil {
		return fmt.Errorf("dump: %w", err)
	}
	return nil
}

// some dumps items with these keys.
func (t *take) some(keys []inspect.Key) error {
	var reqs []byte
	for _, k := range keys {
		reqs = append(append(append(reqs, "me "...), k...), " v\r\n"...)
	}
	var file error
	err := t.n.Exchange(func(w io.Writer) error { _, err := w.Write(reqs); return err }, func(c *inspect.Conn) error {
		for _, k := range keys {
			l, err := c.Look(k, true)
			if err != nil {
				return err
			}
			if !l.Present {
				t.r.Gone++
				continue
			}
			if err := t.one(c, k, &l); err != nil {
				return err
			}
			if file = t.w.item(&t.it); file != nil {
				return file
			}
			t.tell()
		}
		return nil
	})
	if file != nil {
		return fmt.Errorf("dump: %w", file)
	}
	return err
}

// one reads an item.
func (t *take) one(c *inspect.Conn, k inspect.Key, l *inspect.Look) (err error) {
	if l.ExpireAt < 0 {
		return errors.New("it does not say in ms when an item expires: it is an older twincached. Use the dump of its own release")
	}
	value, err := c.AppendValue(t.it.value[:0], l)
	t.it = item{
		key: append(t.it.key[:0], k.Raw()...), value: value,
		flags: l.Flags, expireAt: l.ExpireAt, version: l.Version, stale: l.Stale, won: l.Won,
	}
	t.r.Items++
	t.r.Bytes += int64(len(t.it.key) + len(value))
	return err
}

func (t *take) tell() {
	if t.opt.Progress != nil && t.r.Items%64 == 0 {
		t.opt.Progress(Progress{Done: t.r.Items, Bytes: t.r.Bytes, Part: float64(t.r.Items) / float64(max(t.total, t.r.Items))})
	}
}
