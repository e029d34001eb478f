package memproto

import (
	"math/bits"
	"strconv"

	"twincached/store"
)

// Stats is a snapshot of what this package counts. "stats reset" sets back all but
// MetaDebugs and Watch.
type Stats struct {
	AuthCommands uint64     // logins that were tried
	AuthErrors   uint64     // of these, refused
	AuthDelayed  uint64     // logins that had to wait, as too many had failed
	MetaDebugs   uint64     // "me" commands
	Crawls       uint64     // crawls and dumps of keys begun
	Watch        WatchStats // of "watch"
	Latency      []Latency  // one for each kind of command, always in the same order
}

// Stats returns a snapshot of the counts.
func (s *Server) Stats() Stats {
	return Stats{
		AuthCommands: s.auth.commands.Load(),
		AuthErrors:   s.auth.errors.Load(),
		AuthDelayed:  s.auth.delayed.Load(),
		MetaDebugs:   s.metaDebugs.Load(),
		Crawls:       s.tune.get().crawls,
		Watch:        s.journal.stats(),
		Latency:      s.samples.times.read(),
	}
}

// stats answers "stats [kind]".
func (c *Conn) stats(t *tokens) {
	kind := ""
	if t.n > 1 {
		kind = string(t.word[1])
	}
	switch kind {
	case "reset":
		c.srv.resetStats()
		c.reply(replyReset, false)
		return
	case "detail":
		c.detail(t)
		return
	case "cachedump":
		c.cachedump(t)
		return
	case "hotkeys":
		if c.srv.NoDumps {
			c.reply(replyNoHotkeys, false)
			return
		}
	}
	if rows, known := c.statRows(kind); known {
		c.statText(rows)
	} else {
		c.reply(replyError, false)
	}
}

// statRows are the rows of "stats [kind]" in both protocols. false: there is no such kind.
func (c *Conn) statRows(kind string) (r Rows, known bool) {
	switch {
	case kind == "conns":
		c.connsRows(&r)
		return r, true
	case kind == "hotkeys" && !c.srv.NoDumps:
		c.srv.hotkeysRows(&r, c.now)
		return r, true
	}
	return c.srv.StatRows(kind, c.now)
}

// StatRows are the rows of "stats [kind]" at nowMillis, but for those of "conns", which
// say who asks, and of "hotkeys", which are for clients only. false: there is no such kind.
// It looks at every partition: call it a few times a second at most.
func (s *Server) StatRows(kind string, nowMillis int64) (r Rows, known bool) {
	switch kind {
	case "":
		s.generalRows(&r)
	case "settings":
		s.settingsRows(&r)
	case "items":
		s.itemsRows(&r, nowMillis)
	case "slabs":
		s.slabsRows(&r)
	case "sizes":
		s.sizesRows(&r)
	case "replication":
		if s.Replication != nil {
			data := s.Store.Stats()
			r.hook(s.Replication(&data))
		}
	case "status":
		if s.Status != nil {
			r.status(s.Status())
		}
	case "latency":
		s.latencyRows(&r)
	case "extstore": // as a memcached that has it and was given no file for it
	default:
		return nil, false
	}
	return r, true
}

// resetStats is "stats reset".
func (s *Server) resetStats() {
	s.Store.ResetStats()
	s.auth.reset()
	s.tune.reset()
	s.prefixes.reset()
	s.samples.reset()
	if s.Reset != nil {
		s.Reset()
	}
}

type statRow struct {
	name string
	v    uint64
}

func (r *Rows) table(rows []statRow) {
	for _, row := range rows {
		r.Uint(row.name, row.v)
	}
}

// generalRows are what the node says, the store's counters under memcached's names, the
// rows of memcached's machinery that has nothing to do here, and at last what no
// memcached has: some readers take 4096 bytes and no more.
func (s *Server) generalRows(r *Rows) {
	if s.General != nil {
		r.hook(s.General())
	}
	data, own := s.Store.Stats(), s.Stats()
	own.Watch.rows(r)
	r.table([]statRow{
		{"cmd_get", data.CmdGet},
		{"cmd_set", data.CmdSet},
		{"cmd_flush", data.CmdFlush},
		{"cmd_touch", data.CmdTouch},
		{"cmd_meta", own.MetaDebugs},
		{"get_hits", data.GetHits},
		{"get_misses", data.GetMisses},
		{"get_expired", data.GetExpired},
		{"get_flushed", data.GetFlushed},
		{"delete_misses", data.DeleteMisses},
		{"delete_hits", data.DeleteHits},
		{"incr_misses", data.IncrMisses},
		{"incr_hits", data.IncrHits},
		{"decr_misses", data.DecrMisses},
		{"decr_hits", data.DecrHits},
		{"cas_misses", data.CasMisses},
		{"cas_hits", data.CasHits},
		{"cas_badval", data.CasBadval},
		{"touch_hits", data.TouchHits},
		{"touch_misses", data.TouchMisses},
		{"store_too_large", data.StoreTooLarge},
		{"store_no_memory", data.StoreNoMemory},
		{"auth_cmds", own.AuthCommands},
		{"auth_errors", own.AuthErrors},
		{"auth_delayed", own.AuthDelayed},
		{"limit_maxbytes", data.LimitBytes},
		{"bytes", data.Bytes},
		{"curr_items", data.Items},
		{"total_items", data.TotalItems},
		{"expired_unfetched", data.ExpiredUnfetched},
		{"evicted_unfetched", data.EvictedUnfetched},
		{"evicted_active", data.EvictedActive},
		{"evictions", data.Evictions},
		{"reclaimed", data.Reclaimed},
		{"crawler_reclaimed", data.CrawlerReclaimed},
		{"crawler_items_checked", data.CrawlerChecked},
		{"direct_reclaims", data.DirectReclaims},
		{"hash_power_level", uint64(max(bits.Len64(data.IndexSlots), 1) - 1)},
		{"hash_bytes", data.IndexBytes},
	})
	r.OneZero("lru_crawler_running", s.Store.Crawling())
	r.Uint("lru_crawler_starts", own.Crawls)
	r.table(nothing[:])
	r.Text("slab_reassign_last_busy_status", "none")
	if s.Replication != nil {
		r.hook(s.Replication(&data))
	}
}

// rows are memcached's about "watch". Events go to the watchers at once, so there is no
// queue before them that could drop any.
func (w *WatchStats) rows(r *Rows) {
	r.table([]statRow{
		{"log_worker_dropped", 0},
		{"log_worker_written", w.Events},
		{"log_watcher_skipped", w.Skipped},
		{"log_watcher_sent", w.Sent},
		{"log_watchers", uint64(w.Watchers)},
	})
}

// nothing are the counts of machinery that memcached has and that does not exist
// here, so that it has done nothing: indexes grow in one step, pages belong to no
// class, there is one order of items, and no objects are kept for replies.
var nothing = [...]statRow{
	{name: "hash_is_expanding"},
	{name: "response_obj_oom"},
	{name: "response_obj_count"},
	{name: "response_obj_bytes"},
	{name: "read_buf_count"},
	{name: "read_buf_bytes"},
	{name: "read_buf_bytes_free"},
	{name: "read_buf_oom"},
	{name: "slab_reassign_rescues"},
	{name: "slab_reassign_chunk_rescues"},
	{name: "slab_reassign_evictions_nomem"},
	{name: "slab_reassign_inline_reclaim"},
	{name: "slab_reassign_busy_items"},
	{name: "slab_reassign_busy_deletes"},
	{name: "slab_reassign_busy_nomem"},
	{name: "slab_reassign_running"},
	{name: "slabs_moved"},
	{name: "slab_global_page_pool"},
	{name: "lru_maintainer_juggles"},
	{name: "lru_bumps_dropped"},
	{name: "lrutail_reflocked"},
	{name: "moves_to_cold"},
	{name: "moves_to_warm"},
	{name: "moves_within_lru"},
	{name: "malloc_fails"},
	{name: "unexpected_napi_ids"},
	{name: "round_robin_fallback"},
}

// connsRows are the rows of the node; the conn that asks is busy with that.
func (c *Conn) connsRows(r *Rows) {
	if c.srv.Conns == nil {
		return
	}
	r.hook(c.srv.Conns())
	own := strconv.Itoa(int(c.client.fd)) + ":state"
	for i := range *r {
		if row := &(*r)[i]; row.Name == own && row.Value == "conn_read" {
			row.Value = "conn_parse_cmd"
		}
	}
}

// sizesRows say how many items each 32-byte step of size holds, if that was enabled: it
// looks at every item.
func (s *Server) sizesRows(r *Rows) {
	if !s.tune.get().sizes {
		r.Text("sizes_status", "disabled")
		return
	}
	s.Store.Sizes(func(sizeBytes int, items uint64) { r.Uint(strconv.Itoa(sizeBytes), items) })
}

// settingsRows are what the node was told, and behind it what commands have set.
func (s *Server) settingsRows(r *Rows) {
	if s.Settings != nil {
		r.hook(s.Settings())
	}
	t := s.tune.get()
	r.Text("stat_key_prefix", string(rune(s.delimiter())))
	r.YesNo("detail_enabled", s.prefixes.on.Load())
	r.Uint("slab_automove", uint64(t.automove))
	r.Decimal("slab_automove_ratio", t.ratio, 2)
	r.Uint("slab_automove_window", uint64(t.window))
	r.Decimal("slab_automove_freeratio", t.freeRatio, 3)
	r.Uint("slab_chunk_max", store.LastClassBytes)
	r.YesNo("lru_crawler", !t.crawlerOff)
	r.Uint("lru_crawler_sleep", uint64(t.crawlerSleep))
	r.Uint("lru_crawler_tocrawl", uint64(t.toCrawl))
	r.YesNo("lru_maintainer_thread", true)
	r.YesNo("lru_segmented", !t.flat)
	r.Uint("hot_lru_pct", uint64(t.hotPercent))
	r.Uint("warm_lru_pct", uint64(t.warmPercent))
	r.Decimal("hot_max_factor", t.hotFactor, 2)
	r.Decimal("warm_max_factor", t.warmFactor, 2)
	r.YesNo("temp_lru", t.tempLRU)
	r.Uint("temporary_ttl", uint64(t.tempTTL))
	r.YesNo("track_sizes", t.sizes)
}
