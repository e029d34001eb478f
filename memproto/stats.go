package memproto

import (
	"math/bits"
	"strconv"

	"twincached/store"
)

// stats answers "stats [kind]".
func (c *Conn) stats(t *tokens) {
	kind := ""
	if t.n > 1 {
		kind = string(t.word[1])
	}
	switch kind {
	case "":
		c.statsGeneral()
	case "settings":
		c.statsSettings()
	case "items":
		c.statsItems()
	case "slabs":
		c.statsSlabs()
	case "sizes":
		c.statsSizes()
	case "conns":
		c.statsConns()
	case "replication":
		c.statRows(c.srv.Replication)
	case "extstore": // as a memcached that has it and was given no file for it
	case "reset":
		c.statsReset()
		return
	case "detail":
		c.detail(t)
		return
	case "cachedump":
		c.cachedump(t)
		return
	default:
		c.reply(replyError, false)
		return
	}
	c.reply(replyEnd, false)
}

func (c *Conn) statsReset() {
	c.srv.Store.ResetStats()
	c.srv.auth.reset()
	c.srv.tune.reset()
	c.srv.prefixes.reset()
	if c.srv.Reset != nil {
		c.srv.Reset()
	}
	c.reply(replyReset, false)
}

// statRows prints the rows of a Server hook.
func (c *Conn) statRows(rows func() []Stat) {
	if rows == nil {
		return
	}
	for i, s := range rows() {
		if i == MaxStatRows {
			return
		}
		c.statText(s.Name, s.Value)
	}
}

func (c *Conn) statText(name, value string) {
	c.out = append(c.out, "STAT "...)
	c.out = append(c.out, name...)
	c.out = append(c.out, ' ')
	c.out = append(c.out, value...)
	c.out = append(c.out, "\r\n"...)
}

// stat prints one number.
func (c *Conn) stat(name string, v uint64) {
	c.out = append(c.out, "STAT "...)
	c.out = append(c.out, name...)
	c.out = append(c.out, ' ')
	c.out = strconv.AppendUint(c.out, v, 10)
	c.out = append(c.out, "\r\n"...)
}

type statRow struct {
	name string
	v    uint64
}

func (c *Conn) statTable(rows []statRow) {
	for _, r := range rows {
		c.stat(r.name, r.v)
	}
}

// statsGeneral prints what the node says, the store's counters under memcached's
// names, the rows of memcached's machinery that has nothing to do here, and at
// last what no memcached has: some readers take 4096 bytes and no more.
func (c *Conn) statsGeneral() {
	c.statRows(c.srv.General)
	st := c.srv.Store.Stats()
	c.statTable([]statRow{
		{"cmd_get", st.CmdGet},
		{"cmd_set", st.CmdSet},
		{"cmd_flush", st.CmdFlush},
		{"cmd_touch", st.CmdTouch},
		{"cmd_meta", c.srv.metaDebugs.Load()},
		{"get_hits", st.GetHits},
		{"get_misses", st.GetMisses},
		{"get_expired", st.GetExpired},
		{"get_flushed", st.GetFlushed},
		{"delete_misses", st.DeleteMisses},
		{"delete_hits", st.DeleteHits},
		{"incr_misses", st.IncrMisses},
		{"incr_hits", st.IncrHits},
		{"decr_misses", st.DecrMisses},
		{"decr_hits", st.DecrHits},
		{"cas_misses", st.CasMisses},
		{"cas_hits", st.CasHits},
		{"cas_badval", st.CasBadval},
		{"touch_hits", st.TouchHits},
		{"touch_misses", st.TouchMisses},
		{"store_too_large", st.StoreTooLarge},
		{"store_no_memory", st.StoreNoMemory},
		{"auth_cmds", c.srv.auth.commands.Load()},
		{"auth_errors", c.srv.auth.errors.Load()},
		{"auth_delayed", c.srv.auth.delayed.Load()},
		{"limit_maxbytes", st.LimitBytes},
		{"bytes", st.Bytes},
		{"curr_items", st.Items},
		{"total_items", st.TotalItems},
		{"expired_unfetched", st.ExpiredUnfetched},
		{"evicted_unfetched", st.EvictedUnfetched},
		{"evicted_active", st.EvictedActive},
		{"evictions", st.Evictions},
		{"reclaimed", st.Reclaimed},
		{"crawler_reclaimed", st.CrawlerReclaimed},
		{"crawler_items_checked", st.CrawlerChecked},
		{"direct_reclaims", st.DirectReclaims},
		{"hash_power_level", uint64(max(bits.Len64(st.IndexSlots), 1) - 1)},
		{"hash_bytes", st.IndexBytes},
	})
	tune := c.srv.tune.get()
	c.stat("lru_crawler_running", flag(c.srv.Store.Crawling()))
	c.stat("lru_crawler_starts", tune.crawls)
	c.statTable(nothing[:])
	c.statText("slab_reassign_last_busy_status", "none")
	c.statRows(c.srv.Replication)
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

func flag(v bool) uint64 {
	if v {
		return 1
	}
	return 0
}

// statsConns prints the rows of the node; the conn that asks is busy with that.
func (c *Conn) statsConns() {
	own := strconv.Itoa(c.client.FD) + ":state"
	c.statRows(func() []Stat {
		if c.srv.Conns == nil {
			return nil
		}
		rows := c.srv.Conns()
		for i := range rows {
			if rows[i].Name == own && rows[i].Value == "conn_read" {
				rows[i].Value = "conn_parse_cmd"
			}
		}
		return rows
	})
}

// statsSizes prints how many items each 32-byte step of size holds, if that was
// enabled: it looks at every item.
func (c *Conn) statsSizes() {
	if !c.srv.tune.get().sizes {
		c.statText("sizes_status", "disabled")
		return
	}
	c.srv.Store.Sizes(func(sizeBytes int, items uint64) {
		c.stat(strconv.Itoa(sizeBytes), items)
	})
}

// classRow prints "STAT <prefix><class>:<name> <v>".
func (c *Conn) classRow(prefix string, class int, name string, v uint64) {
	c.out = append(c.out, "STAT "...)
	c.out = append(c.out, prefix...)
	c.out = strconv.AppendUint(c.out, uint64(class), 10)
	c.out = append(c.out, ':')
	c.out = append(c.out, name...)
	c.out = append(c.out, ' ')
	c.out = strconv.AppendUint(c.out, v, 10)
	c.out = append(c.out, "\r\n"...)
}

// statsSettings prints what the node was told, and behind it what commands have set.
func (c *Conn) statsSettings() {
	c.statRows(c.srv.Settings)
	t := c.srv.tune.get()
	yesNo := func(name string, v bool) {
		if v {
			c.statText(name, "yes")
		} else {
			c.statText(name, "no")
		}
	}
	decimal := func(name string, v float64) { c.statText(name, strconv.FormatFloat(v, 'f', 2, 64)) }
	c.statText("stat_key_prefix", string(rune(c.srv.delimiter())))
	yesNo("detail_enabled", c.srv.prefixes.on.Load())
	c.stat("slab_automove", uint64(t.automove))
	decimal("slab_automove_ratio", t.ratio)
	c.stat("slab_automove_window", uint64(t.window))
	c.statText("slab_automove_freeratio", strconv.FormatFloat(t.freeRatio, 'f', 3, 64))
	c.stat("slab_chunk_max", store.LastClassBytes)
	yesNo("lru_crawler", !t.crawlerOff)
	c.stat("lru_crawler_sleep", uint64(t.crawlerSleep))
	c.stat("lru_crawler_tocrawl", uint64(t.toCrawl))
	yesNo("lru_maintainer_thread", true)
	yesNo("lru_segmented", !t.flat)
	c.stat("hot_lru_pct", uint64(t.hotPercent))
	c.stat("warm_lru_pct", uint64(t.warmPercent))
	decimal("hot_max_factor", t.hotFactor)
	decimal("warm_max_factor", t.warmFactor)
	yesNo("temp_lru", t.tempLRU)
	c.stat("temporary_ttl", uint64(t.tempTTL))
	yesNo("track_sizes", t.sizes)
}
