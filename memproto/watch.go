package memproto

import (
	"sync"
	"sync/atomic"
)

const (
	// MaxWatchers bounds the conns that watch at the same time, as in memcached.
	MaxWatchers = 20
	// DefaultWatcherBytes is memcached's -o watcher_logbuf_size, used for
	// Server.WatcherBytes 0.
	DefaultWatcherBytes = 256 << 10
	// MinWatcherBytes is room for a few of the longest lines.
	MinWatcherBytes = 4 << 10
)

// What is told, as bits: the classes that watchers ask for, and what -vv prints.
const (
	modeFetchers uint32 = 1 << iota
	modeMutations
	modeEvictions
	modeConns
	modeDeletions
	modeSilent   // a class of memcached's that nothing here belongs to
	modeCommands // verbosity 2: commands and replies go to Server.Log
	modeLookups  // verbosity 3: and what each lookup found

	modeItems = modeFetchers | modeMutations | modeDeletions | modeLookups
)

// watchClasses are the words of "watch", in the order in which memcached
// compares them: a word that was cut short means the first that begins so.
// memcached 1.6.45 logs nothing of rawcmds either.
var watchClasses = [...]struct {
	name string
	mode uint32
}{
	{"rawcmds", modeSilent},
	{"evictions", modeEvictions},
	{"fetchers", modeFetchers},
	{"mutations", modeMutations},
	{"sysevents", modeSilent},
	{"connevents", modeConns},
	{"proxyreqs", modeSilent},
	{"proxyevents", modeSilent},
	{"proxyuser", modeSilent},
	{"deletions", modeDeletions},
}

// WatchStats are the counts of memcached's rows log_*. Events counts what
// happened while somebody watched its class; Sent + Skipped may be more, as an
// event is sent to each watcher of its class.
type WatchStats struct {
	Events   uint64 // log_worker_written
	Skipped  uint64 // log_watcher_skipped: lines a watcher had no room for
	Sent     uint64 // log_watcher_sent
	Watchers int    // log_watchers
}

// journal is where the events of a node are told to its watchers. The zero
// journal is ready.
type journal struct {
	mode atomic.Uint32 // what anybody wants to know; 0 and nothing is told

	mu       sync.Mutex // a leaf: nothing is waited for under it
	verbose  uint32     // modeCommands and modeLookups
	gid      uint64     // number of the last event
	line     []byte     // the event that is being told
	watchers []*Watcher
	count    WatchStats // without Watchers
}

// Watcher is the stream that a conn becomes with "watch": a line for each event
// of its classes. It holds a bounded number of bytes; what the client does not
// read in time is skipped, and counted. Next belongs to one goroutine.
type Watcher struct {
	j       *journal
	classes uint32
	limit   int // bytes of buf

	// Guarded by j.mu.
	buf     []byte
	skipped uint64 // events since the last that there was room for
	closed  bool

	wake chan struct{} // room for one: something is in buf, or closed is set
}

// watch answers "watch [class...]". more tells that the client has sent other
// commands before it in the same breath.
func (c *Conn) watch(t *tokens, line []byte, more bool) {
	switch {
	case c.srv.NoWatch:
		c.reply(replyNoWatch, false)
		return
	case more:
		c.reply(replyWatchPipeline, false)
		return
	}
	var classes uint32
	_, at := cutWord(line)
	for word, n := cutWord(line[at:]); len(word) > 0; word, n = cutWord(line[at:]) {
		at += n
		class := classOf(word)
		if class == 0 {
			c.reply(replyError, false)
			return
		}
		classes |= class
	}
	if classes == 0 {
		classes = modeFetchers
	}
	if c.stream = c.srv.journal.add(classes, c.srv.watcherBytes()); c.stream == nil {
		c.reply(replyManyWatchers, false)
	}
}

// classOf is the class that a word of "watch" names; 0: none.
func classOf(word []byte) uint32 {
	for _, class := range watchClasses {
		if len(word) <= len(class.name) && class.name[:len(word)] == string(word) {
			return class.mode
		}
	}
	return 0
}

// add makes a watcher, whose first line is OK; nil: there are enough.
func (j *journal) add(classes uint32, limit int) *Watcher {
	j.mu.Lock()
	defer j.mu.Unlock()
	if len(j.watchers) == MaxWatchers {
		return nil
	}
	w := &Watcher{j: j, classes: classes, limit: limit, wake: make(chan struct{}, 1)}
	j.gid++ // as memcached does: events before it have smaller numbers
	w.buf = append(w.buf, replyOK...)
	w.rouse()
	j.watchers = append(j.watchers, w)
	j.setMode()
	return w
}

// setMode says what is to be told from now on. j.mu is held.
func (j *journal) setMode() {
	mode := j.verbose
	for _, w := range j.watchers {
		mode |= w.classes &^ modeSilent
	}
	j.mode.Store(mode)
}

// begin starts an event and locks; end tells it to the watchers of class.
func (j *journal) begin(nowMillis int64) (line []byte) {
	j.mu.Lock()
	j.gid++
	return appendHead(j.line[:0], nowMillis, j.gid)
}

func (j *journal) end(class uint32, line []byte) {
	defer j.mu.Unlock()
	line = append(line, '\n')
	j.line = line
	told := false
	for _, w := range j.watchers {
		if w.classes&class == 0 {
			continue
		}
		told = true
		if w.put(line) {
			j.count.Sent++
		} else {
			j.count.Skipped++
		}
	}
	if told {
		j.count.Events++
	}
}

// skippedBytes bounds the line about skipped events.
const skippedBytes = 32

// put hands w a line, unless there is no room. j.mu is held.
func (w *Watcher) put(line []byte) bool {
	if len(w.buf)+len(line)+skippedBytes > w.limit {
		w.skipped++
		return false
	}
	if w.skipped > 0 {
		w.buf = appendSkipped(w.buf, w.skipped)
		w.skipped = 0
	}
	w.buf = append(w.buf, line...)
	w.rouse()
	return true
}

// rouse ends a wait of Next.
func (w *Watcher) rouse() {
	select {
	case w.wake <- struct{}{}:
	default:
	}
}

// Next waits for events and returns their lines; dst, which must not be in use
// any more, becomes the buffer for those that follow. false: Close was called,
// and no more lines come than those it returns with.
func (w *Watcher) Next(dst []byte) (lines []byte, more bool) {
	<-w.wake
	w.j.mu.Lock()
	defer w.j.mu.Unlock()
	lines, w.buf = w.buf, dst[:0]
	if w.closed {
		w.buf = nil
		w.rouse() // for another call
	}
	return lines, !w.closed
}

// Close ends the stream: a Next that waits returns. It may be called from any
// goroutine, and more than once.
func (w *Watcher) Close() {
	j := w.j
	j.mu.Lock()
	defer j.mu.Unlock()
	if w.closed {
		return
	}
	w.closed = true
	for i, other := range j.watchers {
		if other == w {
			j.watchers = append(j.watchers[:i], j.watchers[i+1:]...)
			break
		}
	}
	j.setMode()
	w.rouse()
}

// stats is a snapshot of the counts.
func (j *journal) stats() WatchStats {
	j.mu.Lock()
	defer j.mu.Unlock()
	st := j.count
	st.Watchers = len(j.watchers)
	return st
}
