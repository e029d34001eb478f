package node

import (
	"fmt"
	"net"
	"os"
	"sort"
	"strconv"
	"strings"
	"syscall"
	"time"

	"twincached/internal/serve"
	"twincached/internal/session"
	"twincached/memproto"
	"twincached/replicator"
	"twincached/store"
)

func choose[T any](v bool, yes, no T) T {
	if v {
		return yes
	}
	return no
}

// Stats is all that a node counts: one snapshot for each package that does. What "stats"
// answers is made of the same snapshots.
type Stats struct {
	Data     store.Stats      // what the store holds, and what was done to it
	Protocol memproto.Stats   // what clients asked for that is not about items
	Clients  serve.Stats      // the client port; but for Threads zero before it opens
	Link     replicator.Stats // the link to the peer, and the node's state
}

// Stats takes the snapshots. It looks at every partition: call it a few times a second at
// most. They are zero when the node has ended.
func (n *Node) Stats() Stats {
	n.asking.RLock()
	defer n.asking.RUnlock()
	if n.ended {
		return Stats{}
	}
	if n.image.unsure.Load() { // and no client has been served
		return Stats{Data: n.store.Stats(), Clients: n.clientStats(), Link: n.linkStats()}
	}
	return Stats{Data: n.store.Stats(), Protocol: n.protocol().Stats(), Clients: n.clientStats(), Link: n.linkStats()}
}

// linkStats are the link's; those of one that is down while the image is loaded.
func (n *Node) linkStats() replicator.Stats {
	if l := n.link.Load(); l != nil {
		return l.Stats()
	}
	return replicator.Stats{State: session.Starting, Report: session.Report{Link: session.PhaseDown.String(), RTTMillis: -1, ContactMillis: -1}}
}

// clientStats are the listener's counters; zero before the gate opens.
func (n *Node) clientStats() serve.Stats {
	if s := n.clients.Load(); s != nil {
		return s.Stats()
	}
	return serve.Stats{Threads: n.cfg.Threads, Engine: "none"}
}

// ioText says how clients are served, and what is in the way of io_uring.
func ioText(s serve.Stats) string {
	if s.WhyEpoll != "" {
		return s.Engine + ", as " + s.WhyEpoll
	}
	return s.Engine
}

// generalRows are the rows of "stats" that the store does not know, under
// memcached's names where it has one.
func (n *Node) generalRows() []memproto.Stat {
	r := make(memproto.Rows, 0, 64)
	user, system := cpuTime()
	c := n.clientStats()
	r.Int("pid", int64(os.Getpid()))
	r.Int("uptime", int64(time.Since(n.started).Seconds())+1)
	r.Int("time", n.clock.Now()/1000)
	r.Text("version", MemcachedVersion)
	r.Text("twincached_version", Version)
	r.Int("pointer_size", strconv.IntSize)
	r.Text("rusage_user", secondsText(user))
	r.Text("rusage_system", secondsText(system))
	r.Int("max_connections", int64(n.cfg.MaxConns))
	r.Int("curr_connections", c.CurrConns)
	r.Uint("total_connections", c.TotalConns)
	r.Uint("rejected_connections", c.RejectedConns)
	r.Int("connection_structures", c.CurrConns)
	r.Int("reserved_fds", serve.ReservedFiles)
	r.Uint("bytes_read", c.BytesRead)
	r.Uint("bytes_written", c.BytesWritten)
	r.Uint("shed_connections", c.ShedConns)
	r.OneZero("accepting_conns", c.Accepting)
	r.Uint("listen_disabled_num", c.ListenDisabled)
	r.Int("time_in_listen_disabled_us", c.DisabledFor.Microseconds())
	r.Int("threads", int64(n.cfg.Threads))
	r.Text("io_engine", c.Engine)
	r.Uint("conn_yields", c.Yields)
	r.Uint("log_lines_dropped", n.logDropped())
	n.imageRows(&r)
	if n.cfg.IdleTimeout > 0 { // as in memcached
		r.Uint("idle_kicks", c.IdleKicks)
	}
	if n.cfg.TLS.Enabled {
		if n.cfg.TLS.SessionCache {
			r.Uint("ssl_new_sessions", c.TLSSessions)
		}
		r.Uint("ssl_handshake_errors", c.HandshakeErrors)
		r.Int("time_since_server_cert_refresh", max(0, time.Now().Unix()-n.certs.refreshed.Load()))
	}
	return r
}

// replicationRows are "stats replication", and the last rows of "stats"; data is what the
// store says in the same reply.
func (n *Node) replicationRows(data *store.Stats) []memproto.Stat {
	r := make(memproto.Rows, 0, 64)
	n.repcachedRows(&r)
	storeRows(&r, data)
	n.linkRows(&r, data)
	return r
}

// repcachedRows are the three that repcached has, for whoever watches one: a node
// with a peer takes writes whatever the peer does, and no queue ever fills.
func (n *Node) repcachedRows(r *memproto.Rows) {
	if !n.cfg.replicates() {
		return
	}
	r.Text("replication", "MASTER")
	r.Text("repcached_version", repcachedVersion)
	r.Int("repcached_qi_free", repcachedQueue)
}

const (
	repcachedVersion = "2.3.1" // whose command line and rows a node takes over
	repcachedQueue   = 8192    // repcached's default for -q
)

// logDropped is how many lines of the node's log nobody took in time.
func (n *Node) logDropped() uint64 {
	if n.cfg.LogDropped == nil {
		return 0
	}
	return n.cfg.LogDropped()
}

// cpuTime is the processor time used so far.
func cpuTime() (user, system time.Duration) {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		return 0, 0
	}
	return time.Duration(u.Utime.Nano()), time.Duration(u.Stime.Nano())
}

// secondsText is a time as memcached writes it: seconds with microseconds.
func secondsText(d time.Duration) string {
	return fmt.Sprintf("%.6f", d.Truncate(time.Microsecond).Seconds())
}

// storeRows are the store's counts that memcached has no row for.
func storeRows(r *memproto.Rows, st *store.Stats) {
	r.Uint("bytes_committed", st.CommittedBytes)
	r.Uint("tombstones", st.Tombstones)
	r.Uint("tombstone_bytes", st.TombstoneBytes)
	r.Uint("local_items", st.LocalItems)
}

// linkRows say what the link does. They stand in every node's stats, so that
// whoever watches needs no case for a node without a peer.
func (n *Node) linkRows(r *memproto.Rows, data *store.Stats) {
	st := n.linkStats()
	r.Text("repl_state", st.State.String())
	r.Text("repl_qualifier", orNone(st.Qualifier))
	r.Text("repl_refusal", orNone(st.Denial.Cause))
	r.Text("repl_link", st.Link)
	r.Int("repl_link_seconds", st.LinkMillis/1000)
	r.Int("repl_last_contact_ms", st.ContactMillis)
	r.Text("repl_node_id", fmt.Sprintf("%x", n.id))
	r.Uint("repl_slot", uint64(st.Slot))
	r.Text("repl_peer", orNone(n.cfg.Peer))
	r.Text("repl_peer_id", idText(st.PeerID))
	r.Text("repl_peer_address", orNone(st.PeerAddress))
	r.Text("repl_peer_version", orNone(strings.ReplaceAll(printable(st.PeerSoftware), " ", "/")))
	r.Uint("repl_protocol", uint64(st.Protocol))
	r.Text("repl_features", fmt.Sprintf("%x", st.Features))
	r.Text("repl_features_peer", choose(st.PeerInc != store.ID{}, fmt.Sprintf("%x", st.PeerFeatures), "none"))
	r.Uint("repl_sessions", st.Sessions)
	r.Uint("repl_resumes", st.Resumes)
	r.Uint("repl_backlog", st.Backlog)
	r.Uint("repl_unacked", st.Unacked)
	r.Uint("repl_not_on_peer", st.NotOnPeer)
	r.Int("repl_lag_ms", st.LagMillis)
	r.Int("repl_rtt_ms", st.RTTMillis)
	r.Int("repl_clock_ahead_ms", st.ClockAheadMillis)
	r.Int("repl_versions_ahead_ms", st.VersionsAheadMillis)
	r.Int("clock_refused_ms", n.clock.Refused())
	r.Uint("repl_items_out", st.Live.ItemsOut+st.Bulk.ItemsOut)
	r.Uint("repl_items_in", st.Live.ItemsIn+st.Bulk.ItemsIn)
	r.Uint("repl_bytes_out", st.Live.BytesOut+st.Bulk.BytesOut+st.OtherOut)
	r.Uint("repl_bytes_in", st.Live.BytesIn+st.Bulk.BytesIn+st.OtherIn)
	r.Uint("repl_bytes_unpacked", st.UnpackedOut)
	r.Uint("repl_bytes_packed", st.PackedOut)
	r.Uint("repl_copy_in_items", st.CopyIn.ItemsDone)
	r.Uint("repl_copy_in_total", st.CopyIn.ItemsTotal)
	r.Uint("repl_copy_out_items", st.CopyOut.ItemsDone)
	r.Uint("repl_copy_out_total", st.CopyOut.ItemsTotal)
	r.Uint("repl_conflicts_won", data.ConflictsWon)
	r.Uint("repl_conflicts_lost", data.ConflictsLost)
	r.Uint("repl_refused_local", data.ApplyLocal)
	r.Uint("repl_refused_too_large", data.ApplyTooLarge)
	r.Uint("repl_refused_no_memory", data.ApplyNoMemory)
	if n.cfg.ReplTLS.enabled() {
		r.Int("repl_tls_cert_seconds_left", n.linkTLS.until.Load()-time.Now().Unix())
	}
	r.Uint("repl_dials", st.Dials)
	r.Uint("repl_dial_fails", st.DialFails)
	r.Uint("repl_delayed", st.Delayed)
	causes := make([]string, 0, len(st.Refused))
	for cause := range st.Refused {
		causes = append(causes, cause)
	}
	sort.Strings(causes)
	for _, cause := range causes {
		name := strings.ToLower(strings.ReplaceAll(printable(cause), " ", "_"))
		r.Uint("repl_refused_"+name, st.Refused[cause])
	}
	r.Text("repl_last_error", orNone(oneWord(st.LastError)))
	r.Int("repl_last_error_age_ms", st.LastErrorAgeMillis)
}

// connRows are "stats conns".
func (n *Node) connRows() []memproto.Stat {
	s := n.clients.Load()
	if s == nil {
		return nil
	}
	conns := append(s.Listening(), s.Conns()...)
	sort.Slice(conns, func(i, j int) bool { return conns[i].FD < conns[j].FD })
	r := make(memproto.Rows, 0, 4*len(conns))
	for i, c := range conns {
		prefix := strconv.Itoa(choose(c.FD >= 0, c.FD, i)) + ":"
		r.Text(prefix+"addr", c.Addr)
		if c.ListenAddr != "" {
			r.Text(prefix+"listen_addr", c.ListenAddr)
		}
		r.Text(prefix+"state", c.State)
		r.Int(prefix+"secs_since_last_cmd", c.IdleSeconds)
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

func addressList(addrs []net.Addr) string { return strings.Join(addressTexts(addrs), " ") }

func addressTexts(addrs []net.Addr) (out []string) {
	for _, a := range addrs {
		out = append(out, a.String())
	}
	return out
}

func portOf(addrs []net.Addr) int {
	for _, a := range addrs {
		if t, ok := a.(*net.TCPAddr); ok {
			return t.Port
		}
	}
	return 0
}
