package memproto

import (
	"bytes"
	"math"
	"strconv"
	"sync"

	"twincached/store"
)

// tunables are what memcached's administration commands set: they are kept, and
// shown by "stats settings". Memory belongs to no class here and there is one
// order of items, not three, so only crawlerOff and sizes change anything.
type tunables struct {
	crawlerOff   bool
	crawlerSleep uint32 // us
	toCrawl      uint32
	crawls       uint64 // crawls and dumps begun
	hotPercent   uint32
	warmPercent  uint32
	hotFactor    float64
	warmFactor   float64
	flat         bool
	tempLRU      bool
	tempTTL      uint32 // s
	automove     uint32
	ratio        float64
	freeRatio    float64
	window       uint32
	sizes        bool // "stats sizes" counts
}

// tuning is the tunables of a Server. The zero value has memcached's defaults.
type tuning struct {
	mu    sync.Mutex
	begun bool // s holds them
	s     tunables
}

// set runs f on the tunables.
func (u *tuning) set(f func(*tunables)) {
	u.mu.Lock()
	defer u.mu.Unlock()
	if !u.begun {
		u.begun = true
		u.s = tunables{crawlerSleep: 100, hotPercent: 20, warmPercent: 40, hotFactor: 0.2, warmFactor: 2, tempTTL: 61,
			automove: 1, ratio: 0.8, freeRatio: 0.01, window: 30}
	}
	f(&u.s)
}

func (u *tuning) get() (t tunables) {
	u.set(func(s *tunables) { t = *s })
	return t
}

// SetCrawler is "lru_crawler enable" and "disable".
func (s *Server) SetCrawler(on bool) { s.tune.setCrawler(on) }

// SetTrackSizes says whether "stats sizes" counts, which takes time.
func (s *Server) SetTrackSizes(on bool) { s.tune.set(func(t *tunables) { t.sizes = on }) }

func (u *tuning) crawler() bool { return !u.get().crawlerOff }

// setCrawler reports whether that changed anything.
func (u *tuning) setCrawler(on bool) (changed bool) {
	u.set(func(s *tunables) { changed, s.crawlerOff = s.crawlerOff == on, !on })
	return changed
}

func (u *tuning) countCrawl() { u.set(func(s *tunables) { s.crawls++ }) }

// reset is for "stats reset".
func (u *tuning) reset() { u.set(func(s *tunables) { s.crawls = 0 }) }

// lru answers "lru tune|mode|temp_ttl ...".
func (c *Conn) lru(t *tokens) {
	quiet, reply := t.quiet(), replyError
	name := ""
	if t.n > 1 {
		name = string(t.word[1])
	}
	switch {
	case name == "tune" && t.n >= 6:
		reply = c.lruTune(t)
	case name == "mode" && t.n >= 3:
		flat := string(t.word[2]) == "flat"
		if flat || string(t.word[2]) == "segmented" {
			c.srv.tune.set(func(s *tunables) { s.flat = flat })
			reply = replyOK
		}
	case name == "temp_ttl" && t.n >= 3:
		if ttl, ok := parseInt32(t.word[2]); ok {
			c.srv.tune.set(func(s *tunables) {
				if s.tempLRU = ttl >= 0; s.tempLRU {
					s.tempTTL = uint32(ttl)
				}
			})
			reply = replyOK
		}
	}
	c.reply(reply, quiet)
}

func (c *Conn) lruTune(t *tokens) (reply string) {
	hot, ok1 := parseUint32(t.word[2])
	warm, ok2 := parseUint32(t.word[3])
	hotFactor, ok3 := parseFloat(t.word[4])
	warmFactor, ok4 := parseFloat(t.word[5])
	switch {
	case !ok1 || !ok2 || !ok3 || !ok4:
		return replyError
	case uint64(hot)+uint64(warm) > 80:
		return "ERROR hot and warm pcts must not exceed 80\r\n"
	case hotFactor <= 0 || warmFactor <= 0:
		return "ERROR hot/warm age factors must be greater than 0\r\n"
	}
	c.srv.tune.set(func(s *tunables) {
		s.hotPercent, s.warmPercent, s.hotFactor, s.warmFactor = hot, warm, hotFactor, warmFactor
	})
	return replyOK
}

// slabs answers "slabs reassign|automove ...". There are no pages that belong to a
// class, so none has one to spare.
func (c *Conn) slabs(t *tokens) {
	quiet, reply := t.quiet(), replyError
	switch {
	case t.n == 4 && string(t.word[1]) == "reassign":
		reply = slabsReassign(t.word[2], t.word[3])
	case t.n >= 3 && string(t.word[1]) == "automove":
		reply = c.slabsAutomove(t)
	}
	c.reply(reply, quiet)
}

func slabsReassign(from, to []byte) (reply string) {
	src, ok1 := parseInt32(from)
	dst, ok2 := parseInt32(to)
	const last = store.SizeClasses - 1
	switch {
	case !ok1 || !ok2:
		return replyBadFormat
	case src == dst:
		return "SAME src and dst class are identical\r\n"
	case src < 0 || src > last || dst < 0 || dst > last:
		return "BADCLASS invalid src or dst class id\r\n"
	}
	return "NOSPARE source class has no spare pages\r\n"
}

func (c *Conn) slabsAutomove(t *tokens) (reply string) {
	switch string(t.word[2]) {
	case "ratio", "freeratio":
		if v, ok := parseFloat(t.word[3]); ok {
			c.srv.tune.set(func(s *tunables) {
				if len(t.word[2]) == len("ratio") {
					s.ratio = v
				} else {
					s.freeRatio = v
				}
			})
			return replyOK
		}
		return replyError
	case "window":
		v, ok := parseUint32(t.word[3])
		switch {
		case t.n < 4 || !ok:
			return replyBadFormat
		case v < 3 || v > 1800:
			return "CLIENT_ERROR automove window too low or too high\r\n"
		}
		c.srv.tune.set(func(s *tunables) { s.window = v })
		return replyOK
	}
	v, ok := parseUint32(t.word[2])
	switch {
	case !ok:
		return replyBadFormat
	case v > 2:
		return replyError
	}
	c.srv.tune.set(func(s *tunables) { s.automove = v })
	return replyOK
}

func parseFloat(b []byte) (float64, bool) {
	v, err := strconv.ParseFloat(string(b), 64)
	if err != nil && (bytes.HasPrefix(b, []byte("0x")) || bytes.HasPrefix(b, []byte("0X"))) {
		v, err = strconv.ParseFloat(string(b)+"p0", 64) // C takes hexadecimals without
	}
	return v, err == nil && !math.IsNaN(v)
}
