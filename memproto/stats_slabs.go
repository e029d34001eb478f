package memproto

import (
	"strconv"

	"twincached/store"
)

// itemsRows are the size classes that hold items, as in memcached. Items stand in one
// order here: all of them count as cold, where memcached evicts.
func (s *Server) itemsRows(rows *Rows, nowMillis int64) {
	st, tempLRU := s.Store.Stats(), s.tune.get().tempLRU
	for i := range st.Classes {
		k := &st.Classes[i]
		if k.Items == 0 {
			continue
		}
		age := uint64(0)
		if k.OldestMillis != 0 {
			age = uint64(max(0, nowMillis/1000-k.OldestMillis/1000))
		}
		for _, r := range [...]statRow{
			{"number", k.Items},
			{"number_hot", 0},
			{"number_warm", 0},
			{"number_cold", k.Items},
			{"number_temp", 0},
			{"age_hot", 0},
			{"age_warm", 0},
			{"age", age},
			{"mem_requested", k.Bytes},
			{"evicted", k.Evictions},
			{"evicted_nonzero", k.EvictedNonzero},
			{"evicted_time", k.EvictedIdle},
			{"outofmemory", k.NoMemory},
			{"tailrepairs", 0},
			{"reclaimed", k.Reclaimed},
			{"expired_unfetched", k.ExpiredUnfetched},
			{"evicted_unfetched", k.EvictedUnfetched},
			{"evicted_active", k.EvictedActive},
			{"crawler_reclaimed", k.CrawlerReclaimed},
			{"crawler_items_checked", k.CrawlerChecked},
			{"lrutail_reflocked", 0},
			{"moves_to_cold", 0},
			{"moves_to_warm", 0},
			{"moves_within_lru", 0},
			{"direct_reclaims", k.DirectReclaims},
			{"hits_to_hot", 0},
			{"hits_to_warm", 0},
			{"hits_to_cold", k.GetHits},
			{"hits_to_temp", 0},
		} {
			if r.name == "number_temp" && !tempLRU {
				continue // as in memcached, only after "lru temp_ttl"
			}
			rows.Uint("items:"+strconv.Itoa(i)+":"+r.name, r.v)
		}
	}
}

// slabPageBytes is memcached's page, the unit of the rows about pages.
const slabPageBytes = 1 << 20

// slabsRows are the classes that hold items, or have been asked for. Memory
// belongs to no class here, so a class has as many chunks as it has items and none
// free; the pages are what those chunks would fill in memcached. total_malloced is
// the memory that is taken for all of them, and everything else the data costs.
func (s *Server) slabsRows(rows *Rows) {
	st := s.Store.Stats()
	active := uint64(0)
	for i := range st.Classes {
		k := &st.Classes[i]
		if k.Items == 0 && k.ClassCounters == (store.ClassCounters{}) {
			continue
		}
		active++
		slabRows(rows, i, k)
	}
	rows.Uint("active_slabs", active)
	rows.Uint("total_malloced", st.CommittedBytes)
}

func slabRows(rows *Rows, class int, k *store.ClassStats) {
	perPage := max(1, slabPageBytes/uint64(max(1, k.ChunkBytes)))
	for _, r := range [...]statRow{
		{"chunk_size", uint64(k.ChunkBytes)},
		{"chunks_per_page", perPage},
		{"total_pages", (k.Items + perPage - 1) / perPage},
		{"total_chunks", k.Items},
		{"used_chunks", k.Items},
		{"free_chunks", 0},
		{"free_chunks_end", 0},
		{"get_hits", k.GetHits},
		{"cmd_set", k.CmdSet},
		{"delete_hits", k.DeleteHits},
		{"incr_hits", k.IncrHits},
		{"decr_hits", k.DecrHits},
		{"cas_hits", k.CasHits},
		{"cas_badval", k.CasBadval},
		{"touch_hits", k.TouchHits},
	} {
		rows.Uint(strconv.Itoa(class)+":"+r.name, r.v)
	}
}
