package memproto

import (
	"bytes"

	"twincached/store"
)

// lruCrawler answers "lru_crawler ...". A crawl is a hurried round of the sweep
// for what has expired; the dumps print what it would pass. Switching the crawler
// off switches both off, and leaves the sweep as it is.
func (c *Conn) lruCrawler(t *tokens) {
	quiet, tune := t.quiet(), &c.srv.tune
	if t.n == 3 {
		switch string(t.word[1]) {
		case "crawl":
			c.crawl(t.word[2], quiet)
			return
		case "metadump":
			c.startDump(dumpMeta, t.word[2], quiet)
			return
		case "mgdump":
			c.startDump(dumpMG, t.word[2], quiet)
			return
		case "tocrawl", "sleep":
			c.crawlerNumber(string(t.word[1]), t.word[2], quiet)
			return
		}
	}
	if t.n == 2 {
		switch string(t.word[1]) {
		case "enable":
			if !tune.setCrawler(true) {
				c.reply("ERROR failed to start lru crawler thread\r\n", quiet)
				return
			}
			c.reply(replyOK, quiet)
			return
		case "disable":
			tune.setCrawler(false)
			c.reply(replyOK, quiet)
			return
		}
	}
	c.reply(replyError, quiet)
}

// crawl answers "lru_crawler crawl <classes>|all".
func (c *Conn) crawl(classes []byte, quiet bool) {
	_, hash, reply := parseClasses(classes)
	switch {
	case !c.srv.tune.crawler():
		reply = replyNoCrawler
	case reply != "":
	case hash:
		reply = "ERROR an unknown error happened\r\n"
	default:
		c.srv.tune.countCrawl()
		c.srv.Store.Crawl()
		reply = replyOK
	}
	c.reply(reply, quiet)
}

// startDump begins a metadump or an mgdump; Process goes on with it.
func (c *Conn) startDump(kind dumpKind, classes []byte, quiet bool) {
	set, _, reply := parseClasses(classes)
	switch {
	case !c.srv.tune.crawler():
		reply = replyNoCrawler
	case c.srv.NoDumps && kind == dumpMeta:
		reply = replyNoMetadump
	case c.srv.NoDumps:
		reply = replyNoMgdump
	}
	if reply != "" {
		c.reply(reply, quiet)
		return
	}
	if c.srv.dumps.Add(1) > maxDumps {
		c.srv.dumps.Add(-1)
		c.reply(replyBusy, quiet)
		return
	}
	c.srv.tune.countCrawl()
	c.out = append(c.out, replyOK...) // noreply or not: the dump is no reply to memcached
	c.dump = &dumpState{kind: kind, classes: set}
}

// crawlerNumber takes the settings of memcached's crawler, which are shown and
// have no meaning here.
func (c *Conn) crawlerNumber(name string, word []byte, quiet bool) {
	v, ok := parseUint32(word)
	switch {
	case !ok:
		c.reply(replyBadFormat, quiet)
		return
	case name == "sleep" && v > 1_000_000:
		c.reply("CLIENT_ERROR sleep must be one second or less\r\n", quiet)
		return
	}
	c.srv.tune.set(func(s *tunables) {
		if name == "sleep" {
			s.crawlerSleep = v
		} else {
			s.toCrawl = v
		}
	})
	c.reply(replyOK, quiet)
}

// slabClasses bounds the class numbers that commands may name, as in memcached.
const slabClasses = 64

// parseClasses reads "all", "hash" or numbers with commas between them. reply is
// what to answer instead if they are wrong.
func parseClasses(word []byte) (set store.ClassSet, hash bool, reply string) {
	switch string(word) {
	case "all":
		return 0, false, ""
	case "hash":
		return 0, true, ""
	}
	for w := range bytes.SplitSeq(word, []byte{','}) {
		if len(w) == 0 {
			continue
		}
		class, ok := parseUint32(w)
		if !ok || class == 0 || class >= slabClasses {
			return 0, false, "BADCLASS invalid class id\r\n"
		}
		set |= 1 << class
	}
	if set == 0 {
		return 0, false, "NOTSTARTED no items to crawl\r\n"
	}
	return set, false, ""
}
