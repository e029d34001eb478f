package metrics

import "github.com/prometheus/client_golang/prometheus"

// The names and labels below are those of memcached_exporter 0.16. Where it calls a number
// a counter whose name does not end in _total, it is a gauge here, as promtool wants it: to
// a query that is the same. Rows of a memcached's extstore and proxy are none of a node's.

const (
	counter = prometheus.CounterValue
	gauge   = prometheus.GaugeValue
)

// exported is a metric that is one row of stats.
type exported struct {
	desc   *prometheus.Desc
	kind   prometheus.ValueType
	values []string // of its labels; of what is per slab, those behind the slab
}

// entry is a line of a table: the row, the name without memcached_, and labels as pairs of
// name and value.
type entry struct {
	row, name string
	kind      prometheus.ValueType
	help      string
	labels    []string
}

// table makes each row's metric; before are the names of labels whose values a row's name
// has.
func table(before []string, lines ...entry) map[string]exported {
	m := make(map[string]exported, len(lines))
	for _, l := range lines {
		names, values := before[:len(before):len(before)], []string(nil)
		for i := 0; i < len(l.labels); i += 2 {
			names, values = append(names, l.labels[i]), append(values, l.labels[i+1])
		}
		m[l.row] = exported{exporterDesc(l.name, l.help, names...), l.kind, values}
	}
	return m
}

func exporterDesc(name, help string, labels ...string) *prometheus.Desc {
	return prometheus.NewDesc("memcached_"+name, help, labels, nil)
}

// outcome is the labels of a command.
func outcome(command, status string) []string {
	return []string{"command", command, "status", status}
}

const (
	commandsHelp     = "Commands of clients, by command and outcome."
	slabCommandsHelp = "Commands of clients on items of a size class, by command and outcome."
	lruHitsHelp      = "Reads that hit an item of a size class. There is one order of items here, and it counts as cold."
)

// What is made of several rows, or of none.
var (
	upDesc       = exporterDesc("up", "Whether clients are served.")
	versionDesc  = exporterDesc("version", "The version of memcached that clients are told.", "version")
	setsDesc     = exporterDesc("commands_total", commandsHelp, "command", "status")
	slabSetsDesc = exporterDesc("slab_commands_total", slabCommandsHelp, "slab", "command", "status")
	malloced     = exported{exporterDesc("malloced_bytes", "Memory taken for items, and for everything else that the data costs."), gauge, nil}
)

// general are rows of "stats".
var general = table(nil,
	entry{"uptime", "uptime_seconds", gauge, "How long the process has run.", nil},
	entry{"time", "time_seconds", gauge, "The node's clock, in Unix time.", nil},
	entry{"rusage_user", "process_user_cpu_seconds_total", counter, "Processor time of the process in user mode.", nil},
	entry{"rusage_system", "process_system_cpu_seconds_total", counter, "Processor time of the process in the kernel.", nil},
	entry{"bytes_read", "read_bytes_total", counter, "Bytes that clients sent.", nil},
	entry{"bytes_written", "written_bytes_total", counter, "Bytes that clients were sent.", nil},
	entry{"curr_connections", "current_connections", gauge, "Connections of clients.", nil},
	entry{"total_connections", "connections_total", counter, "Connections of clients that were opened.", nil},
	entry{"rejected_connections", "connections_rejected_total", counter, "Connections closed at once, as there were as many as -c allows.", nil},
	entry{"conn_yields", "connections_yielded_total", counter, "Times that a connection let others go first, after as many commands as -R allows.", nil},
	entry{"listen_disabled_num", "connections_listener_disabled_total", counter, "Times that no connection was accepted, as there were as many as -c allows.", nil},
	entry{"accepting_conns", "accepting_connections", gauge, "Whether connections of clients are accepted.", nil},
	entry{"bytes", "current_bytes", gauge, "What the items occupy.", nil},
	entry{"limit_maxbytes", "limit_bytes", gauge, "Memory for the data: -m.", nil},
	entry{"curr_items", "current_items", gauge, "Items held.", nil},
	entry{"total_items", "items_total", counter, "Items that clients stored.", nil},
	entry{"evictions", "items_evicted_total", counter, "Live items removed for memory.", nil},
	entry{"reclaimed", "items_reclaimed_total", counter, "Expired or flushed items whose memory was taken back for others.", nil},
	entry{"store_too_large", "item_too_large_total", counter, "Items refused for their size: see -I.", nil},
	entry{"store_no_memory", "item_no_memory_total", counter, "Items refused as there was no memory for them.", nil},
	entry{"direct_reclaims", "direct_reclaims_total", counter, "Times that a client's command had to wait until memory was taken back.", nil},
	entry{"lru_crawler_starts", "lru_crawler_starts_total", counter, "Crawls and dumps of keys that were asked for.", nil},
	entry{"crawler_reclaimed", "lru_crawler_reclaimed_total", counter, "Expired or flushed items that the sweep removed.", nil},
	entry{"crawler_items_checked", "lru_crawler_items_checked_total", counter, "Items that the sweep looked at.", nil},
	entry{"moves_to_cold", "lru_crawler_moves_to_cold_total", counter, "Always 0: there is one order of items here.", nil},
	entry{"moves_to_warm", "lru_crawler_moves_to_warm_total", counter, "Always 0: there is one order of items here.", nil},
	entry{"moves_within_lru", "lru_crawler_moves_within_lru_total", counter, "Always 0: there is one order of items here.", nil},
	entry{"get_hits", "commands_total", counter, commandsHelp, outcome("get", "hit")},
	entry{"get_misses", "commands_total", counter, commandsHelp, outcome("get", "miss")},
	entry{"delete_hits", "commands_total", counter, commandsHelp, outcome("delete", "hit")},
	entry{"delete_misses", "commands_total", counter, commandsHelp, outcome("delete", "miss")},
	entry{"incr_hits", "commands_total", counter, commandsHelp, outcome("incr", "hit")},
	entry{"incr_misses", "commands_total", counter, commandsHelp, outcome("incr", "miss")},
	entry{"decr_hits", "commands_total", counter, commandsHelp, outcome("decr", "hit")},
	entry{"decr_misses", "commands_total", counter, commandsHelp, outcome("decr", "miss")},
	entry{"cas_hits", "commands_total", counter, commandsHelp, outcome("cas", "hit")},
	entry{"cas_misses", "commands_total", counter, commandsHelp, outcome("cas", "miss")},
	entry{"cas_badval", "commands_total", counter, commandsHelp, outcome("cas", "badval")},
	entry{"touch_hits", "commands_total", counter, commandsHelp, outcome("touch", "hit")},
	entry{"touch_misses", "commands_total", counter, commandsHelp, outcome("touch", "miss")},
	entry{"cmd_flush", "commands_total", counter, commandsHelp, outcome("flush", "hit")},
)

// settings are rows of "stats settings"; crawler are those that stand for a memcached
// whose crawler is on.
var (
	settings = table(nil,
		entry{"maxconns", "max_connections", gauge, "Connections that clients may open: -c.", nil},
	)
	crawler = table(nil,
		entry{"lru_crawler", "lru_crawler_enabled", gauge, "Whether the sweep for expired items runs.", nil},
		entry{"lru_crawler_sleep", "lru_crawler_sleep", gauge, "What lru_crawler sleep has set; nothing depends on it.", nil},
		entry{"lru_crawler_tocrawl", "lru_crawler_to_crawl", gauge, "What lru_crawler tocrawl has set; nothing depends on it.", nil},
		entry{"lru_maintainer_thread", "lru_crawler_maintainer_thread", gauge, "Always 1: memory is cleaned in the background.", nil},
		entry{"hot_lru_pct", "lru_crawler_hot_percent", gauge, "What lru tune has set; nothing depends on it.", nil},
		entry{"warm_lru_pct", "lru_crawler_warm_percent", gauge, "What lru tune has set; nothing depends on it.", nil},
		entry{"hot_max_factor", "lru_crawler_hot_max_factor", gauge, "What lru tune has set; nothing depends on it.", nil},
		entry{"warm_max_factor", "lru_crawler_warm_max_factor", gauge, "What lru tune has set; nothing depends on it.", nil},
	)
)
