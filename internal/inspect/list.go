package inspect

import (
	"errors"
	"fmt"
	"strings"
)

// BatchKeys is how many keys are asked for at once: enough that the way there and
// back does not count, few enough that their requests are small.
const BatchKeys = 1024

// List is the keys of a node as they come. The node goes on with its list as fast as
// it is read, and keeps nothing for it.
type List struct {
	n       *Node
	c       *Conn
	batches chan []Key
	err     error // valid once batches is closed
	quit    chan struct{}
}

// List asks the node for its keys, on a connection of its own.
func (n *Node) List() (*List, error) {
	c, err := n.Dial()
	if err != nil {
		return nil, n.Fail(err)
	}
	l := &List{n: n, c: c, batches: make(chan []Key, 2), quit: make(chan struct{})}
	go l.read()
	return l, nil
}

// Close gives the list up, or ends it.
func (l *List) Close() {
	close(l.quit)
	l.c.Close()
}

// Next returns the next keys; none: there are no more.
func (l *List) Next() ([]Key, error) {
	keys := <-l.batches
	if keys == nil && l.err != nil {
		return nil, l.n.Fail(l.err)
	}
	return keys, nil
}

func (l *List) read() {
	defer close(l.batches)
	line, err := l.c.Ask("lru_crawler mgdump all\r\n")
	if err == nil && line == "OK" { // an earlier version leaves it out
		err = l.c.next(&line)
	}
	batch := make([]Key, 0, BatchKeys)
	for ; err == nil && line != "EN"; err = l.c.next(&line) {
		if !strings.HasPrefix(line, "mg ") {
			l.err = refusal(line)
			return
		}
		k, err := parseKey(line)
		if err != nil {
			l.err = err
			return
		}
		if batch = append(batch, k); len(batch) == BatchKeys {
			if !l.give(batch) {
				return
			}
			batch = make([]Key, 0, BatchKeys)
		}
	}
	if err != nil {
		l.err = err
		return
	}
	if len(batch) > 0 {
		l.give(batch)
	}
}

func (l *List) give(batch []Key) bool {
	select {
	case l.batches <- batch:
		return true
	case <-l.quit:
		return false
	}
}

// refusal is the error for a node that does not list its keys.
func refusal(line string) error {
	switch {
	case strings.Contains(line, "not allowed"):
		return errors.New("it does not list its keys (--disable-dumping): start it without that flag")
	case strings.HasPrefix(line, "BUSY"):
		return errors.New("it lists its keys for as many others already as it does at once: try again when they are done")
	case strings.Contains(line, "crawler disabled"):
		return errors.New(`it does not list its keys: its crawler is off; "lru_crawler enable" switches it on`)
	}
	return fmt.Errorf("it does not list its keys: it answered %.80q", line)
}
