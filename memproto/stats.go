package memproto

import (
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
		c.statRows(c.srv.Settings)
	case "items":
		c.statsItems()
	case "slabs":
		c.statsSlabs()
	case "sizes":
		c.statsSizes()
	case "conns":
		c.statRows(c.srv.Conns)
	case "reset":
		c.srv.Store.ResetStats()
		c.srv.auth.reset()
		if c.srv.Reset != nil {
			c.srv.Reset()
		}
		c.reply(replyReset, false)
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

// statRows prints the rows of a Server hook.
func (c *Conn) statRows(rows func() []Stat) {
	if rows == nil {
		return
	}
	for i, s := range rows() {
		if i == MaxStatRows {
			return
		}
		c.out = append(c.out, "STAT "...)
		c.out = append(c.out, s.Name...)
		c.out = append(c.out, ' ')
		c.out = append(c.out, s.Value...)
		c.out = append(c.out, "\r\n"...)
	}
}

// stat prints one number.
func (c *Conn) stat(name string, v uint64) {
	c.out = append(c.out, "STAT "...)
	c.out = append(c.out, name...)
	c.out = append(c.out, ' ')
	c.out = strconv.AppendUint(c.out, v, 10)
	c.out = append(c.out, "\r\n"...)
}

// statsGeneral prints what the node says, then the store's counters under the
// names and in the order of memcached 1.6. Counters of machinery that does not
// exist here (slab moves, crawlers, LRU juggling) are left out, not invented.
func (c *Conn) statsGeneral() {
	c.statRows(c.srv.General)
	st := c.srv.Store.Stats()
	for _, row := range [...]struct {
		name string
		v    uint64
	}{
		{"cmd_get", st.CmdGet},
		{"cmd_set", st.CmdSet},
		{"cmd_flush", st.CmdFlush},
		{"cmd_touch", st.CmdTouch},
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
		{"limit_maxbytes", st.LimitBytes},
		{"bytes", st.Bytes},
		{"curr_items", st.Items},
		{"total_items", st.TotalItems},
		{"expired_unfetched", st.ExpiredUnfetched},
		{"evicted_unfetched", st.EvictedUnfetched},
		{"evictions", st.Evictions},
		{"reclaimed", st.Reclaimed},
	} {
		c.stat(row.name, row.v)
	}
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

// statsItems prints the size classes that hold items, as memcached does.
func (c *Conn) statsItems() {
	st := c.srv.Store.Stats()
	for i := range st.Classes {
		k := &st.Classes[i]
		if k.Items == 0 {
			continue
		}
		c.classRow("items:", i, "number", k.Items)
		c.classRow("items:", i, "mem_requested", k.Bytes)
		c.classRow("items:", i, "evicted", k.Evictions)
		c.classRow("items:", i, "evicted_unfetched", k.EvictedUnfetched)
	}
}

// slabPageBytes is memcached's page, the unit of the rows about pages.
const slabPageBytes = 1 << 20

// statsSlabs prints the same classes as memcached's slabs. Memory belongs to
// no class here, so a class has as many chunks as it has items and none free;
// the pages are what those chunks would fill in memcached. total_malloced is
// the memory that is taken for all of them, and everything else the data costs.
func (c *Conn) statsSlabs() {
	st := c.srv.Store.Stats()
	active := uint64(0)
	for i := range st.Classes {
		k := &st.Classes[i]
		if k.Items == 0 {
			continue
		}
		active++
		c.classPages(i, k)
	}
	c.stat("active_slabs", active)
	c.stat("total_malloced", st.CommittedBytes)
}

func (c *Conn) classPages(class int, k *store.ClassStats) {
	perPage := max(1, slabPageBytes/uint64(max(1, k.ChunkBytes)))
	c.classRow("", class, "chunk_size", uint64(k.ChunkBytes))
	c.classRow("", class, "chunks_per_page", perPage)
	c.classRow("", class, "total_pages", (k.Items+perPage-1)/perPage)
	c.classRow("", class, "total_chunks", k.Items)
	c.classRow("", class, "used_chunks", k.Items)
	c.classRow("", class, "free_chunks", 0)
	c.classRow("", class, "free_chunks_end", 0)
	c.classRow("", class, "mem_requested", k.Bytes)
}

// statsSizes prints how many items each 32-byte step of size holds.
func (c *Conn) statsSizes() {
	c.srv.Store.Sizes(func(sizeBytes int, items uint64) {
		c.out = append(c.out, "STAT "...)
		c.out = strconv.AppendInt(c.out, int64(sizeBytes), 10)
		c.out = append(c.out, ' ')
		c.out = strconv.AppendUint(c.out, items, 10)
		c.out = append(c.out, "\r\n"...)
	})
}
