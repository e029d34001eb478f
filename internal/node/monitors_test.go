package node

import (
	"fmt"
	"io"
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"twincached/internal/testkit"
)

// reading is what a monitoring program reads of one kind of stats.
type reading struct {
	tool   string
	kind   string   // "", "settings", "slabs" or "items"
	fields []string // of slabs and items: of each class
	value  *regexp.Regexp
}

var (
	number  = regexp.MustCompile(`^\d+$`)
	decimal = regexp.MustCompile(`^\d+\.\d\d$`)
	seconds = regexp.MustCompile(`^\d+\.\d{6}$`) // seconds and microseconds: memcached_exporter divides what is behind the dot by a million
	yesNo   = regexp.MustCompile(`^(yes|no)$`)
)

// readings are the fields that these programs ask for by name: Prometheus' memcached_exporter (pkg/exporter), Telegraf's input
// (plugins/inputs/memcached), collectd's plugin (src/memcached.c) and Munin's (plugins/node.d/memcached_), memcached-tool.
var readings = []reading{
	{"memcached_exporter", "", strings.Fields(`get_hits get_misses delete_hits delete_misses incr_hits incr_misses decr_hits decr_misses
		cas_hits cas_misses touch_hits touch_misses uptime time cas_badval cmd_flush cmd_set bytes limit_maxbytes curr_items total_items
		bytes_read bytes_written curr_connections total_connections rejected_connections conn_yields listen_disabled_num evictions
		reclaimed store_too_large store_no_memory lru_crawler_starts direct_reclaims crawler_items_checked crawler_reclaimed
		moves_to_cold moves_to_warm moves_within_lru total_malloced accepting_conns unexpected_napi_ids round_robin_fallback`), number},
	{"memcached_exporter", "", []string{"rusage_user", "rusage_system"}, seconds},
	{"memcached_exporter", "", []string{"version"}, regexp.MustCompile(`^1\.6\.\d+$`)},
	{"memcached_exporter", "settings", strings.Fields(`maxconns lru_crawler_sleep lru_crawler_tocrawl hot_lru_pct warm_lru_pct`), number},
	{"memcached_exporter", "settings", []string{"hot_max_factor", "warm_max_factor"}, decimal},
	{"memcached_exporter", "settings", []string{"lru_crawler", "lru_maintainer_thread"}, yesNo},
	{"memcached_exporter", "slabs", strings.Fields(`get_hits delete_hits incr_hits decr_hits cas_hits touch_hits cas_badval cmd_set chunk_size
		chunks_per_page total_pages total_chunks used_chunks free_chunks free_chunks_end`), number},
	{"memcached_exporter", "items", strings.Fields(`number age hits_to_hot hits_to_warm hits_to_cold hits_to_temp crawler_reclaimed evicted
		evicted_nonzero evicted_time evicted_unfetched expired_unfetched outofmemory reclaimed tailrepairs mem_requested moves_to_cold
		moves_to_warm moves_within_lru number_hot number_warm number_cold age_hot age_warm`), number},
	{"telegraf", "", strings.Fields(`accepting_conns auth_cmds auth_errors bytes bytes_read bytes_written cas_badval cas_hits cas_misses cmd_flush
		cmd_get cmd_set cmd_touch conn_yields connection_structures curr_connections curr_items decr_hits decr_misses delete_hits
		delete_misses evicted_active evicted_unfetched evictions expired_unfetched get_expired get_flushed get_hits get_misses hash_bytes
		hash_is_expanding hash_power_level incr_hits incr_misses limit_maxbytes listen_disabled_num max_connections reclaimed
		rejected_connections store_no_memory store_too_large threads total_connections total_items touch_hits touch_misses uptime`), number},
	{"collectd", "", collectdFields, number},
	{"collectd", "", []string{"rusage_user", "rusage_system"}, seconds},
	{"munin", "", strings.Fields(`get_hits get_misses cmd_get cmd_set total_items total_connections bytes_read bytes_written curr_items
		curr_connections bytes`), number},
	{"memcached-tool", "items", strings.Fields(`number age evicted evicted_time outofmemory`), number},
	{"memcached-tool", "slabs", strings.Fields(`chunk_size total_pages free_chunks_end`), number},
}

var collectdFields = strings.Fields(`threads curr_items bytes limit_maxbytes curr_connections listen_disabled_num cmd_get cmd_set cmd_flush
	cmd_touch incr_misses incr_hits decr_misses decr_hits get_hits get_misses evictions delete_hits delete_misses bytes_read bytes_written`)

// traffic sends a known number of every command and waits for the answers.
func traffic(t *testing.T, n *Node) {
	t.Helper()
	c := dial(t, n)
	defer c.Close()
	var b strings.Builder
	for i := range 100 {
		fmt.Fprintf(&b, "set small%d 0 0 5\r\nvalue\r\n", i)
	}
	for i := range 10 {
		fmt.Fprintf(&b, "set large%d 0 0 5000\r\n%s\r\n", i, strings.Repeat("v", 5000))
	}
	b.WriteString("set n 0 0 1\r\n5\r\nincr n 1\r\nincr n 1\r\nincr none 1\r\ndecr n 1\r\ndecr none 1\r\ndecr none 1\r\n")
	b.WriteString("get small1 small2 large3 none\r\ngets n\r\ntouch n 100\r\ntouch none 100\r\ngat 100 n none\r\n")
	b.WriteString("delete small0\r\ndelete small0\r\ncas n 0 0 1 1\r\n7\r\ncas none 0 0 1 1\r\n7\r\nadd n 0 0 1\r\n7\r\n")
	b.WriteString("set big 0 0 2000000\r\n" + strings.Repeat("v", 2000000) + "\r\nadd big 0 0 2000000\r\n" + strings.Repeat("v", 2000000) + "\r\n")
	b.WriteString("quit\r\n")
	go io.WriteString(c, b.String())
	if _, err := io.ReadAll(c); err != nil {
		t.Fatal(err)
	}
}

// byClass groups the rows of "stats slabs" and "stats items" by class.
func byClass(rows map[string]string) map[string]map[string]string {
	m := map[string]map[string]string{}
	for name, value := range rows {
		class, field, ok := strings.Cut(strings.TrimPrefix(name, "items:"), ":")
		if !ok {
			continue
		}
		if m[class] == nil {
			m[class] = map[string]string{}
		}
		m[class][field] = value
	}
	return m
}

func TestStats_HaveWhatMonitoringProgramsRead(t *testing.T) {
	cfg, _ := pairConfigs(t)
	cfg.PeerWait = 0
	n := start(t, cfg)
	waitReady(t, n)
	traffic(t, n)
	for _, r := range readings {
		rows := ask(t, n, strings.TrimSpace("stats "+r.kind))
		if r.kind == "" {
			maps.Copy(rows, map[string]string{"total_malloced": ask(t, n, "stats slabs")["total_malloced"]}) // where the exporter's client finds it
		}
		tables := map[string]map[string]string{"": rows}
		if r.kind == "slabs" || r.kind == "items" {
			if tables = byClass(rows); len(tables) < 2 {
				t.Errorf("stats %s has the classes %v", r.kind, slices.Collect(maps.Keys(tables)))
			}
		}
		for class, table := range tables {
			for _, field := range r.fields {
				if v, there := table[field]; !there || !r.value.MatchString(v) {
					t.Errorf("%s: stats %s, class %q: %s is %q, want %s", r.tool, r.kind, class, field, v, r.value)
				}
			}
		}
	}
}

// TestStats_CollectdSeesItsRows: collectd reads the first 4096 bytes of a reply.
func TestStats_CollectdSeesItsRows(t *testing.T) {
	cfgA, cfgB := pairConfigs(t)
	a, b := start(t, cfgA), start(t, cfgB)
	waitReady(t, a, b)
	traffic(t, a)
	c := dial(t, a)
	defer c.Close()
	io.WriteString(c, "stats\r\nquit\r\n")
	reply, err := io.ReadAll(c)
	if err != nil {
		t.Fatal(err)
	}
	head := string(reply[:min(len(reply), 4096)])
	for _, field := range append(slices.Clone(collectdFields), "rusage_user", "rusage_system") {
		if !regexp.MustCompile(`(?m)^STAT ` + field + ` \S+\r$`).MatchString(head) {
			t.Errorf("%s is not in the first 4096 of %d bytes", field, len(reply))
		}
	}
}

// TestStats_AreTrue: the numbers after a known traffic, in all and by class.
func TestStats_AreTrue(t *testing.T) {
	n := start(t, testConfig(t.Output()))
	waitReady(t, n)
	before := ask(t, n, "stats")
	traffic(t, n)
	testkit.Eventually(t, "the conns to be closed and counted", func() bool { // a thread counts its bytes at the end of its turn
		st := n.clients.Load().Stats()
		return st.CurrConns == 0 && st.BytesRead > 4_050_000
	})
	rows, slabs, items := ask(t, n, "stats"), byClass(ask(t, n, "stats slabs")), byClass(ask(t, n, "stats items"))
	for name, want := range map[string]int{
		"curr_items": 110, "total_items": 111, "cmd_get": 5, "get_hits": 4, "get_misses": 1, "cmd_set": 114, "cmd_touch": 4, "touch_hits": 2,
		"touch_misses": 2, "incr_hits": 2, "incr_misses": 1, "decr_hits": 1, "decr_misses": 2, "delete_hits": 1, "delete_misses": 1,
		"cas_hits": 0, "cas_misses": 1, "cas_badval": 1, "store_too_large": 2, "store_no_memory": 0, "evictions": 0, "cmd_flush": 0,
		"curr_connections": 1, "rejected_connections": 0,
	} {
		if rows[name] != strconv.Itoa(want) {
			t.Errorf("%s is %s, want %d", name, rows[name], want)
		}
	}
	sum := func(table map[string]map[string]string, field string) (n int) {
		for _, class := range table {
			v, _ := strconv.Atoi(class[field])
			n += v
		}
		return n
	}
	for _, field := range strings.Fields("get_hits cmd_set delete_hits incr_hits decr_hits cas_hits cas_badval touch_hits") {
		if got := sum(slabs, field); strconv.Itoa(got) != rows[field] {
			t.Errorf("%s: %d in all slabs, %s in all", field, got, rows[field])
		}
	}
	if got := sum(items, "number"); got != 110 || got != sum(slabs, "used_chunks") {
		t.Errorf("%d items in all classes, %d chunks used", got, sum(slabs, "used_chunks"))
	}
	if got := sum(items, "mem_requested"); strconv.Itoa(got) != rows["bytes"] || got < 10*5000 {
		t.Errorf("%d bytes in all classes, %s in all", got, rows["bytes"])
	}
	if sum(items, "hits_to_cold") != 4 {
		t.Errorf("%d hits in all classes", sum(items, "hits_to_cold"))
	}
	grown := func(name string) int64 {
		from, _ := strconv.ParseInt(before[name], 10, 64)
		to, _ := strconv.ParseInt(rows[name], 10, 64)
		return to - from
	}
	if got := grown("bytes_read"); got < 4_050_000 || got > 4_100_000 {
		t.Errorf("%d bytes were read", got)
	}
	if got := grown("bytes_written"); got < 6000 || got > 20_000 {
		t.Errorf("%d bytes were written", got)
	}
	if got := grown("total_connections"); got != 2 {
		t.Errorf("%d connections were made", got)
	}
}

// TestStats_ReplicationIsAKindOfItsOwn: the rows about the other node stand alone too, repcached's among them.
func TestStats_ReplicationIsAKindOfItsOwn(t *testing.T) {
	cfgA, cfgB := pairConfigs(t)
	a, b := start(t, cfgA), start(t, cfgB)
	waitReady(t, a, b)
	testkit.Eventually(t, "the link", func() bool { return a.Stats().Link.Link == "stream" })
	own, all := ask(t, a, "stats replication"), ask(t, a, "stats")
	for name, want := range map[string]string{
		"replication": "MASTER", "repcached_version": `2\.\d\.\d`, "repcached_qi_free": `\d+`, "repl_state": "ready", "repl_link": "stream",
		"repl_peer": ".+", "repl_lag_ms": `-?\d+`, "repl_items_in": `\d+`, "repl_items_out": `\d+`, "repl_bytes_in": `\d+`, "repl_bytes_out": `\d+`,
		"repl_conflicts_won": `\d+`, "repl_conflicts_lost": `\d+`, "tombstones": `\d+`, "tombstone_bytes": `\d+`, "repl_clock_ahead_ms": `-?\d+`,
		"repl_copy_in_items": `\d+`, "repl_copy_in_total": `\d+`, "repl_copy_out_items": `\d+`, "repl_copy_out_total": `\d+`, "local_items": `\d+`,
	} {
		if !regexp.MustCompile("^(" + want + ")$").MatchString(own[name]) {
			t.Errorf("%s is %q, want %s", name, own[name], want)
		}
	}
	for name := range own {
		if _, there := all[name]; !there {
			t.Errorf("stats lacks %s", name)
		}
	}
	if _, there := own["cmd_get"]; there {
		t.Error("stats replication has the rows of stats")
	}
	alone := start(t, testConfig(t.Output()))
	waitReady(t, alone)
	if rows := ask(t, alone, "stats"); rows["replication"] != "" {
		t.Errorf("a plain memcached says it is a %s", rows["replication"])
	}
}

// TestStats_ConnsShowListenersAndTheAsker: as memcached does, by file descriptor.
func TestStats_ConnsShowListenersAndTheAsker(t *testing.T) {
	n := start(t, testConfig(t.Output()))
	waitReady(t, n)
	rows := ask(t, n, "stats conns")
	states := map[string]string{}
	for name, value := range rows {
		if fd, ok := strings.CutSuffix(name, ":state"); ok {
			states[value] = fd
		}
	}
	addr := n.ClientAddrs()[0].String()
	if fd := states["conn_listening"]; rows[fd+":addr"] != "tcp:"+addr || rows[fd+":listen_addr"] != "" || !number.MatchString(rows[fd+":secs_since_last_cmd"]) {
		t.Errorf("no listener: %v", rows)
	}
	if fd := states["conn_parse_cmd"]; fd == "" || rows[fd+":listen_addr"] != "tcp:"+addr {
		t.Errorf("the asker is not busy: %v", rows)
	}
}

// TestSettings_FollowTheCommands: what administrators change shows.
func TestSettings_FollowTheCommands(t *testing.T) {
	n := start(t, testConfig(t.Output()))
	waitReady(t, n)
	for _, c := range []struct{ command, setting, want string }{
		{"", "maxbytes", "8388608"}, {"", "lru_crawler", "yes"}, {"", "dump_enabled", "yes"}, {"", "oldest", "0"}, {"", "detail_enabled", "no"},
		{"cache_memlimit 16", "maxbytes", "16777216"}, {"lru_crawler disable", "lru_crawler", "no"}, {"lru_crawler enable", "lru_crawler", "yes"},
		{"lru_crawler sleep 7", "lru_crawler_sleep", "7"}, {"lru tune 10 25 0.1 3.0", "warm_lru_pct", "25"}, {"", "warm_max_factor", "3.00"},
		{"lru mode flat", "lru_segmented", "no"}, {"lru temp_ttl 9", "temporary_ttl", "9"}, {"", "temp_lru", "yes"}, {"slabs automove 0", "slab_automove", "0"},
		{"stats detail on", "detail_enabled", "yes"}, {"slabs automove freeratio 0.5", "slab_automove_freeratio", "0.500"}, {"verbosity 1", "verbosity", "1"},
	} {
		if c.command != "" {
			tell(t, n, c.command)
		}
		if got := ask(t, n, "stats settings")[c.setting]; got != c.want {
			t.Errorf("after %q: %s is %q, want %q", c.command, c.setting, got, c.want)
		}
	}
	if got := ask(t, n, "stats")["limit_maxbytes"]; got != "16777216" {
		t.Errorf("limit_maxbytes is %s", got)
	}
	tell(t, n, "flush_all")
	most := time.Since(n.started).Milliseconds()/1000 + 1
	if got, err := strconv.ParseInt(ask(t, n, "stats settings")["oldest"], 10, 64); err != nil || got < 1 || got > most {
		t.Errorf("oldest is %d seconds after the start, want 1 to %d: %v", got, most, err)
	}
}

// TestSettings_BeginAsTheFlagsSay: -D, --disable-dumping and the words of -o.
func TestSettings_BeginAsTheFlagsSay(t *testing.T) {
	cfg := testConfig(t.Output())
	cfg.NoDumps, cfg.PrefixDelimiter, cfg.NoCrawler, cfg.TrackSizes = true, '|', true, true
	n := start(t, cfg)
	waitReady(t, n)
	rows := ask(t, n, "stats settings")
	for setting, want := range map[string]string{"dump_enabled": "no", "stat_key_prefix": "|", "detail_enabled": "yes", "lru_crawler": "no", "track_sizes": "yes"} {
		if rows[setting] != want {
			t.Errorf("%s is %q, want %q", setting, rows[setting], want)
		}
	}
}

// tell sends a command and waits for its answer.
func tell(t *testing.T, n *Node, command string) {
	t.Helper()
	c := dial(t, n)
	defer c.Close()
	io.WriteString(c, command+"\r\nquit\r\n")
	if b, err := io.ReadAll(c); err != nil || strings.Contains(string(b), "ERROR") {
		t.Fatalf("%s: %q, %v", command, b, err)
	}
}
