package node

import (
	"cmp"
	"runtime"
	"strconv"
	"strings"
	"time"

	"twincached/memproto"
	"twincached/store"
)

// settingsRows are "stats settings".
func (n *Node) settingsRows() []memproto.Stat {
	r := make(memproto.Rows, 0, 32)
	c := &n.cfg
	r.Int("maxbytes", n.store.MemoryLimit())
	r.Int("maxconns", int64(c.MaxConns))
	r.Int("tcpport", int64(choose(c.UnixSocket == "", portOf(n.ClientAddrs()), max(c.Port, 0))))
	r.Int("udpport", 0)
	inter := "NULL"
	if len(c.Listen) > 0 {
		inter = strings.Join(c.Listen, ",")
	}
	r.Text("inter", inter)
	r.Int("verbosity", n.verbosity.Load())
	r.Text("evictions", choose(c.NoEviction, "off", "on"))
	r.Text("domain_socket", choose(c.UnixSocket != "", printable(c.UnixSocket), "NULL"))
	r.Text("umask", strconv.FormatInt(int64(c.UnixMask), 8))
	r.Int("oldest", n.oldest())
	r.YesNo("shutdown_command", c.AllowShutdown)
	r.Text("growth_factor", "1.25")
	r.Int("chunk_size", 48)
	r.Int("num_threads_per_udp", 0)
	r.Int("hashpower_init", 0)
	r.YesNo("slab_reassign", true)
	r.Int("tail_repair_time", 0)
	r.Text("hash_algorithm", "xxhash64")
	r.Int("watcher_logbuf_size", int64(n.protocol().WatcherSize()))
	r.Int("worker_logbuf_size", 0)
	r.Int("read_buf_mem_limit", 0)
	r.YesNo("inline_ascii_response", false)
	r.YesNo("drop_privileges", false)
	r.YesNo("proxy_enabled", false)
	r.Int("num_napi_ids", 0)
	r.Text("memory_file", "(null)")
	r.Int("client_flags_size", 4)
	r.Int("num_threads", int64(c.Threads))
	r.Text("io", c.IO)
	r.Int("reqs_per_event", int64(c.RequestsPerEvent))
	r.YesNo("cas_enabled", !c.NoCAS)
	r.Int("idle_timeout", int64(c.IdleTimeout/time.Second))
	r.Int("tcp_backlog", int64(c.Backlog))
	r.Text("binding_protocol", string(c.protocol()))
	r.YesNo("auth_enabled_sasl", c.SASL)
	r.Text("auth_enabled_ascii", choose(c.AuthFile != "", printable(c.AuthFile), "no"))
	r.Int("item_size_max", int64(c.MaxItemBytes))
	r.YesNo("maxconns_fast", !c.WaitAtLimit)
	r.YesNo("flush_enabled", !c.NoFlush)
	r.YesNo("dump_enabled", !c.NoDumps)
	tlsRows(&r, &c.TLS)
	r.Text("peer", orNone(c.Peer))
	r.Text("repl_address", addressText(n.ReplAddr()))
	r.YesNo("repl_secret", c.hasSecret())
	r.YesNo("repl_tls", c.ReplTLS.enabled())
	r.Text("cluster", printable(c.Cluster))
	r.Text("local_keys", orNone(strings.Join(c.LocalKeys, ",")))
	r.Text("repl_compress", cmp.Or(string(c.Compress), string(CompressOff)))
	r.Text("boot", string(c.Boot))
	r.Text("peer_wait", c.PeerWait.String())
	r.Text("refused_wait", c.RefusedWait.String())
	r.Text("drain_timeout", c.DrainTimeout.String())
	r.Text("handover", c.Handover.String())
	r.Int("copy_rate", int64(c.CopyMiB))
	r.Text("go_version", runtime.Version())
	return r
}

// oldest is when the last flush was, as memcached counts: in seconds since the
// start; 0 none.
func (n *Node) oldest() int64 {
	f, _, _ := n.store.FlushState()
	if f == 0 {
		return 0
	}
	return max(1, (store.VersionMillis(f)-n.started.UnixMilli())/1000)
}
