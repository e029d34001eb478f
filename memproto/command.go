package memproto

import (
	"bytes"

	"twincached/store"
)

// command runs the command line rest[:end]; the line with its end is
// rest[:lineBytes]. It returns what next returns: for storage commands the
// bytes of the value are part of n, or need.
func (c *Conn) command(rest []byte, end, lineBytes int) (n, need int) {
	if c.mode&modeCommands != 0 {
		c.sayLine(rest[:end])
	}
	if lineBytes < minLineBytes {
		c.reply(replyBadFormat, false)
		return lineBytes, 0
	}
	if end > 4 && rest[3] == ' ' {
		switch string(rest[:3]) {
		case "get":
			return c.retrieve(rest, 4, end, lineBytes, getState{}), 0
		case "set":
			if n, need, ok := c.setFast(rest, end, lineBytes); ok {
				return n, need
			}
		}
	}
	if isMeta(rest[:end]) {
		return c.metaCommand(rest, end, lineBytes)
	}
	name, at := commandWord(rest[:end])
	switch string(name) {
	case "get":
		return c.retrieve(rest, at, end, lineBytes, getState{}), 0
	case "gets":
		return c.retrieve(rest, at, end, lineBytes, getState{cas: true}), 0
	case "gat":
		return c.retrieveAndTouch(rest, at, end, lineBytes, false), 0
	case "gats":
		return c.retrieveAndTouch(rest, at, end, lineBytes, true), 0
	}
	var t tokens
	t.split(rest[:end])
	switch string(name) {
	case "set":
		return c.storage(store.OpSet, &t, rest, lineBytes)
	case "add":
		return c.storage(store.OpAdd, &t, rest, lineBytes)
	case "replace":
		return c.storage(store.OpReplace, &t, rest, lineBytes)
	case "append":
		return c.storage(store.OpAppend, &t, rest, lineBytes)
	case "prepend":
		return c.storage(store.OpPrepend, &t, rest, lineBytes)
	case "cas":
		return c.storage(store.OpCAS, &t, rest, lineBytes)
	}
	c.simple(string(name), &t, rest[:end])
	if c.dump != nil {
		return lineBytes - 1, 0 // see dumpState
	}
	return lineBytes, 0
}

// minLineBytes is the shortest command line, with its end, as in memcached.
const minLineBytes = 4

// commandWord returns the word that says what a line wants, and the offset behind it.
// As in memcached, it stands at the very start of the line; only of some commands for
// administration it may have spaces before it.
func commandWord(line []byte) (name []byte, at int) {
	if len(line) == 0 || line[0] != ' ' {
		return cutWord(line)
	}
	switch name, at = cutWord(line); string(name) {
	case "flush_all", "verbosity", "lru_crawler", "lru", "slabs", "cache_memlimit", "shutdown", "refresh_certs":
		return name, at
	}
	return nil, at
}

// simple runs the commands that are one line and no retrieval.
func (c *Conn) simple(name string, t *tokens, line []byte) {
	switch name {
	case "delete":
		c.delete(t)
	case "incr":
		c.arithmetic(store.OpIncr, t)
	case "decr":
		c.arithmetic(store.OpDecr, t)
	case "touch":
		c.touch(t)
	case "flush_all":
		c.flushAll(t)
	case "stats":
		c.stats(t)
	case "version":
		c.version()
	case "verbosity":
		c.verbosity(t)
	case "lru_crawler":
		c.lruCrawler(t)
	case "lru":
		c.lru(t)
	case "slabs":
		c.slabs(t)
	case "cache_memlimit":
		c.memoryLimit(t)
	case "quit":
		c.close(ReasonQuit, "")
	case "watch":
		c.watch(t, line, c.taken > 0)
	case "shutdown":
		c.shutdown(t)
	case "refresh_certs":
		c.refreshCerts()
	default:
		if t.n > 1 && bytes.HasPrefix(t.last, []byte("HTTP/")) {
			// A browser, or a page that makes one post commands to a cache:
			// answering line by line would run them.
			c.close(ReasonHTTP, "")
			return
		}
		c.reply(replyError, t.quiet())
	}
}
