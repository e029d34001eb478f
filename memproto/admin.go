package memproto

// flushAll answers "flush_all [delay] [noreply]"; what else stands there means nothing.
func (c *Conn) flushAll(t *tokens) {
	quiet := t.quiet()
	if !c.srv.FlushEnabled {
		c.srv.Store.CountFlush()
		c.reply(replyNoFlush, quiet)
		return
	}
	var seconds int64
	if plain := t.n == 1 || t.n == 2 && quiet; !plain {
		var ok bool
		if seconds, ok = parseSigned(t.word[1]); !ok {
			c.reply(replyBadExptime, quiet)
			return
		}
	}
	c.flush(seconds)
	c.reply(replyOK, quiet)
}

// flush empties the store after a delay, which is an exptime: seconds up to 30
// days, a Unix time above. One that is negative, zero or in the past means now.
func (c *Conn) flush(seconds int64) {
	if at := absoluteExpiry(c.now, seconds); at > c.now {
		c.srv.Store.FlushAt(c.now, at)
	} else {
		c.srv.Store.Flush(c.now)
	}
}

func (c *Conn) version() {
	c.out = append(c.out, "VERSION "...)
	c.out = append(c.out, c.srv.Version...)
	c.out = append(c.out, "\r\n"...)
}

// verbosity answers "verbosity <level> [noreply]".
func (c *Conn) verbosity(t *tokens) {
	quiet := t.quiet()
	level, ok := parseUint32(t.word[1])
	if t.n < 2 || !ok {
		c.reply(replyBadFormat, quiet)
		return
	}
	c.srv.setVerbosity(uint64(level))
	c.reply(replyOK, quiet)
}

// shutdown answers "shutdown [graceful]". Both are the planned end here, and
// neither has a reply.
func (c *Conn) shutdown(t *tokens) {
	switch {
	case c.srv.Shutdown == nil:
		c.reply(replyNoShutdown, t.quiet())
	case t.n == 1 || t.n == 2 && string(t.word[1]) == "graceful":
		c.close(ReasonShutdown, "")
		c.srv.Shutdown()
	default:
		c.reply(replyBadShutdown, t.quiet())
	}
}

// memoryLimit answers "cache_memlimit <MiB>".
func (c *Conn) memoryLimit(t *tokens) {
	quiet, reply := t.quiet(), replyError
	if t.n > 1 {
		if mib, ok := parseUint32(t.word[1]); ok {
			reply = c.setMemoryLimit(int64(mib))
		}
	}
	c.reply(reply, quiet)
}

func (c *Conn) setMemoryLimit(mib int64) (reply string) {
	switch {
	case mib < 8:
		return "MEMLIMIT_TOO_SMALL cannot set maxbytes to less than 8m\r\n"
	case mib > 1_000_000_000:
		return "MEMLIMIT_ADJUST_FAILED input value is megabytes not bytes\r\n"
	case !c.srv.Store.SetMemoryLimit(mib << 20):
		return "MEMLIMIT_ADJUST_FAILED out of bounds or unable to adjust\r\n"
	}
	return replyOK
}

// refreshCerts answers "refresh_certs". What it says of a failure begins as
// memcached's does.
func (c *Conn) refreshCerts() {
	if c.srv.RefreshCerts == nil {
		c.reply(replyNoTLS, false)
		return
	}
	if err := c.srv.RefreshCerts(); err != nil {
		c.reply("Error "+err.Error()+"\r\n", false)
		return
	}
	c.reply(replyOK, false)
}
