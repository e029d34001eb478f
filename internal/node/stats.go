package node

import (
	"fmt"
	"net"
	"os"
	"runtime"
	"sort"
	"strconv"
	"strings"
	"syscall"
	"time"

	"twincached/internal/serve"
	"twincached/memproto"
	"twincached/replicator"
	"twincached/store"
)

// rows collects the rows of a stats reply.
type rows []memproto.Stat

func (r *rows) text(name, value string)     { *r = append(*r, memproto.Stat{Name: name, Value: value}) }
func (r *rows) uint(name string, v uint64)  { r.text(name, strconv.FormatUint(v, 10)) }
func (r *rows) int(name string, v int64)    { r.text(name, strconv.FormatInt(v, 10)) }
func (r *rows) yesNo(name string, v bool)   { r.text(name, choose(v, "yes", "no")) }
func (r *rows) oneZero(name string, v bool) { r.text(name, choose(v, "1", "0")) }

func choose[T any](v bool, yes, no T) T {
	if v {
		return yes
	}
	return no
}

// clientStats are the listener's counters; zero before the gate opens.
func (n *Node) clientStats() serve.Stats {
	if s := n.clients.Load(); s != nil {
		return s.Stats()
	}
	return serve.Stats{Threads: n.cfg.Threads}
}

// generalRows are the rows of "stats" that the store does not know, under
// memcached's names where it has one.
func (n *Node) generalRows() []memproto.Stat {
	r := make(rows, 0, 64)
	user, system := cpuTime()
	c := n.clientStats()
	r.int("pid", int64(os.Getpid()))
	r.int("uptime", int64(time.Since(n.started).Seconds())+1)
	r.int("time", n.clock.Now()/1000)
	r.text("version", MemcachedVersion)
	r.text("twincached_version", Version)
	r.int("pointer_size", strconv.IntSize)
	r.text("rusage_user", user)
	r.text("rusage_system", system)
	r.int("max_connections", int64(n.cfg.MaxConns))
	r.int("curr_connections", c.CurrConns)
	r.uint("total_connections", c.TotalConns)
	r.uint("rejected_connections", c.RejectedConns)
	r.int("connection_structures", c.CurrConns)
	r.int("reserved_fds", serve.ReservedFiles)
	r.uint("bytes_read", c.BytesRead)
	r.uint("bytes_written", c.BytesWritten)
	r.uint("shed_connections", c.ShedConns)
	r.oneZero("accepting_conns", c.Accepting)
	r.uint("listen_disabled_num", c.ListenDisabled)
	r.int("time_in_listen_disabled_us", c.DisabledFor.Microseconds())
	r.int("threads", int64(n.cfg.Threads))
	r.uint("conn_yields", c.Yields)
	n.watchRows(&r)
	r.uint("log_lines_dropped", n.logDropped())
	if n.cfg.IdleTimeout > 0 { // as in memcached
		r.uint("idle_kicks", c.IdleKicks)
	}
	if n.cfg.TLS.Enabled {
		if n.cfg.TLS.SessionCache {
			r.uint("ssl_new_sessions", c.TLSSessions)
		}
		r.uint("ssl_handshake_errors", c.HandshakeErrors)
		r.int("time_since_server_cert_refresh", max(0, time.Now().Unix()-n.certs.refreshed.Load()))
	}
	return r
}

// replicationRows are "stats replication", and the last rows of "stats".
func (n *Node) replicationRows() []memproto.Stat {
	r := make(rows, 0, 64)
	n.repcachedRows(&r)
	data := n.store.Stats()
	n.storeRows(&r, &data)
	n.replRows(&r, &data)
	return r
}

// repcachedRows are the three that repcached has, for whoever watches one: a node
// with a peer takes writes whatever the peer does, and no queue ever fills.
func (n *Node) repcachedRows(r *rows) {
	if !n.cfg.replicates() {
		return
	}
	r.text("replication", "MASTER")
	r.text("repcached_version", repcachedVersion)
	r.int("repcached_qi_free", repcachedQueue)
}

const (
	repcachedVersion = "2.3.1" // whose command line and rows a node takes over
	repcachedQueue   = 8192    // repcached's default for -q
)

// watchRows are memcached's about "watch". Events go to the watchers at once, so
// there is no queue before them that could drop any.
func (n *Node) watchRows(r *rows) {
	w := n.protocol().WatchStats()
	r.uint("log_worker_dropped", 0)
	r.uint("log_worker_written", w.Events)
	r.uint("log_watcher_skipped", w.Skipped)
	r.uint("log_watcher_sent", w.Sent)
	r.int("log_watchers", int64(w.Watchers))
}

// logDropped is how many lines of the node's log nobody took in time.
func (n *Node) logDropped() uint64 {
	if n.cfg.LogDropped == nil {
		return 0
	}
	return n.cfg.LogDropped()
}

// cpuTime is the processor time used so far, as seconds with microseconds.
func cpuTime() (user, system string) {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		return "0.000000", "0.000000"
	}
	format := func(t syscall.Timeval) string { return fmt.Sprintf("%d.%06d", t.Sec, t.Usec) }
	return format(u.Utime), format(u.Stime)
}

// storeRows are the store's counts that memcached has no row for.
func (n *Node) storeRows(r *rows, st *store.Stats) {
	r.uint("bytes_committed", st.CommittedBytes)
	r.uint("tombstones", st.Tombstones)
	r.uint("tombstone_bytes", st.TombstoneBytes)
	r.uint("local_items", st.LocalItems)
}

// replRows say what the link does. They stand in every node's stats, so that
// whoever watches needs no case for a node without a peer.
func (n *Node) replRows(r *rows, data *store.Stats) {
	st := n.link.Stats()
	r.text("repl_state", st.State.String())
	r.text("repl_qualifier", orNone(st.Qualifier))
	r.text("repl_refusal", orNone(st.Denial.Cause))
	r.text("repl_link", st.Link)
	r.int("repl_link_seconds", st.LinkMillis/1000)
	r.int("repl_last_contact_ms", st.ContactMillis)
	r.text("repl_node_id", fmt.Sprintf("%x", n.id))
	r.uint("repl_slot", uint64(st.Slot))
	r.text("repl_peer", orNone(n.cfg.Peer))
	r.text("repl_peer_id", idText(st.PeerID))
	r.text("repl_peer_address", orNone(st.PeerAddress))
	r.text("repl_peer_version", orNone(strings.ReplaceAll(printable(st.PeerSoftware), " ", "/")))
	r.uint("repl_protocol", uint64(st.Protocol))
	r.uint("repl_sessions", st.Sessions)
	r.uint("repl_resumes", st.Resumes)
	r.uint("repl_backlog", st.Backlog)
	r.uint("repl_unacked", st.Unacked)
	r.uint("repl_not_on_peer", st.NotOnPeer)
	r.int("repl_lag_ms", st.LagMillis)
	r.int("repl_rtt_ms", st.RTTMillis)
	r.int("repl_clock_ahead_ms", st.ClockAheadMillis)
	r.int("repl_versions_ahead_ms", st.VersionsAheadMillis)
	r.int("clock_refused_ms", n.clock.Refused())
	r.uint("repl_items_out", st.Live.ItemsOut+st.Bulk.ItemsOut)
	r.uint("repl_items_in", st.Live.ItemsIn+st.Bulk.ItemsIn)
	r.uint("repl_bytes_out", st.Live.BytesOut+st.Bulk.BytesOut+st.OtherOut)
	r.uint("repl_bytes_in", st.Live.BytesIn+st.Bulk.BytesIn+st.OtherIn)
	r.uint("repl_copy_in_items", st.CopyIn.ItemsDone)
	r.uint("repl_copy_in_total", st.CopyIn.ItemsTotal)
	r.uint("repl_copy_out_items", st.CopyOut.ItemsDone)
	r.uint("repl_copy_out_total", st.CopyOut.ItemsTotal)
	r.uint("repl_conflicts_won", data.ConflictsWon)
	r.uint("repl_conflicts_lost", data.ConflictsLost)
	r.uint("repl_refused_local", data.ApplyLocal)
	r.uint("repl_refused_too_large", data.ApplyTooLarge)
	r.uint("repl_refused_no_memory", data.ApplyNoMemory)
	if n.cfg.ReplTLS.enabled() {
		r.int("repl_tls_cert_seconds_left", n.linkTLS.until.Load()-time.Now().Unix())
	}
	r.uint("repl_dials", st.Dials)
	r.uint("repl_dial_fails", st.DialFails)
	r.uint("repl_delayed", st.Delayed)
	causes := make([]string, 0, len(st.Refused))
	for cause := range st.Refused {
		causes = append(causes, cause)
	}
	sort.Strings(causes)
	for _, cause := range causes {
		name := strings.ToLower(strings.ReplaceAll(printable(cause), " ", "_"))
		r.uint("repl_refused_"+name, st.Refused[cause])
	}
	r.text("repl_last_error", orNone(oneWord(st.LastError)))
	r.int("repl_last_error_age_ms", st.LastErrorAgeMillis)
}

// settingsRows are "stats settings".
func (n *Node) settingsRows() []memproto.Stat {
	r := make(rows, 0, 32)
	c := &n.cfg
	r.uint("maxbytes", n.store.Stats().LimitBytes)
	r.int("maxconns", int64(c.MaxConns))
	r.int("tcpport", int64(choose(c.UnixSocket == "", portOf(n.ClientAddrs()), max(c.Port, 0))))
	r.int("udpport", 0)
	inter := "NULL"
	if len(c.Listen) > 0 {
		inter = strings.Join(c.Listen, ",")
	}
	r.text("inter", inter)
	r.int("verbosity", n.verbosity.Load())
	r.text("evictions", choose(c.NoEviction, "off", "on"))
	r.text("domain_socket", choose(c.UnixSocket != "", printable(c.UnixSocket), "NULL"))
	r.text("umask", strconv.FormatInt(int64(c.UnixMask), 8))
	r.int("oldest", n.oldest())
	r.yesNo("shutdown_command", c.AllowShutdown)
	r.text("growth_factor", "1.25")
	r.int("chunk_size", 48)
	r.int("num_threads_per_udp", 0)
	r.int("hashpower_init", 0)
	r.yesNo("slab_reassign", true)
	r.int("tail_repair_time", 0)
	r.text("hash_algorithm", "xxhash64")
	r.int("watcher_logbuf_size", int64(n.protocol().WatcherSize()))
	r.int("worker_logbuf_size", 0)
	r.int("read_buf_mem_limit", 0)
	r.yesNo("inline_ascii_response", false)
	r.yesNo("drop_privileges", false)
	r.yesNo("proxy_enabled", false)
	r.int("num_napi_ids", 0)
	r.text("memory_file", "(null)")
	r.int("client_flags_size", 4)
	r.int("num_threads", int64(c.Threads))
	r.int("reqs_per_event", int64(c.RequestsPerEvent))
	r.yesNo("cas_enabled", !c.NoCAS)
	r.int("idle_timeout", int64(c.IdleTimeout/time.Second))
	r.int("tcp_backlog", int64(c.Backlog))
	r.text("binding_protocol", string(c.protocol()))
	r.yesNo("auth_enabled_sasl", c.SASL)
	r.text("auth_enabled_ascii", choose(c.AuthFile != "", printable(c.AuthFile), "no"))
	r.int("item_size_max", int64(c.MaxItemBytes))
	r.yesNo("maxconns_fast", !c.WaitAtLimit)
	r.yesNo("flush_enabled", !c.NoFlush)
	r.yesNo("dump_enabled", !c.NoDumps)
	tlsRows(&r, &c.TLS)
	r.text("peer", orNone(c.Peer))
	r.text("repl_address", addressText(n.ReplAddr()))
	r.yesNo("repl_secret", c.hasSecret())
	r.yesNo("repl_tls", c.ReplTLS.enabled())
	r.text("cluster", printable(c.Cluster))
	r.text("local_keys", orNone(strings.Join(c.LocalKeys, ",")))
	r.text("boot", string(c.Boot))
	r.text("peer_wait", c.PeerWait.String())
	r.text("refused_wait", c.RefusedWait.String())
	r.text("drain_timeout", c.DrainTimeout.String())
	r.text("handover", c.Handover.String())
	r.text("go_version", runtime.Version())
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

// connRows are "stats conns".
func (n *Node) connRows() []memproto.Stat {
	s := n.clients.Load()
	if s == nil {
		return nil
	}
	conns := append(s.Listening(), s.Conns()...)
	sort.Slice(conns, func(i, j int) bool { return conns[i].FD < conns[j].FD })
	r := make(rows, 0, 4*len(conns))
	for i, c := range conns {
		prefix := strconv.Itoa(choose(c.FD >= 0, c.FD, i)) + ":"
		r.text(prefix+"addr", c.Addr)
		if c.ListenAddr != "" {
			r.text(prefix+"listen_addr", c.ListenAddr)
		}
		r.text(prefix+"state", c.State)
		r.int(prefix+"secs_since_last_cmd", c.IdleSeconds)
	}
	return r
}

// readyAs is how a ready node names its company.
func readyAs(st *replicator.Stats) string {
	if st.Qualifier != "" {
		return st.Qualifier
	}
	return choose(st.PeerInc != store.ID{}, "linked", "alone")
}

func orNone(s string) string { return choose(s != "", s, "none") }

func idText(id store.ID) string {
	if id == (store.ID{}) {
		return "none"
	}
	return fmt.Sprintf("%x", id)
}

// printable keeps what a peer or a flag says from adding lines to a reply.
func printable(s string) string {
	return strings.Map(func(c rune) rune {
		if c < ' ' || c == 0x7f {
			return '?'
		}
		return c
	}, s)
}

// oneWord writes a sentence as one word: many who read stats take three words a line
// and no more.
func oneWord(s string) string { return strings.ReplaceAll(printable(s), " ", "_") }

func addressText(a net.Addr) string {
	if a == nil {
		return "none"
	}
	return a.String()
}

func addressList(addrs []net.Addr) string {
	var out []string
	for _, a := range addrs {
		out = append(out, a.String())
	}
	return strings.Join(out, " ")
}

func portOf(addrs []net.Addr) int {
	for _, a := range addrs {
		if t, ok := a.(*net.TCPAddr); ok {
			return t.Port
		}
	}
	return 0
}
