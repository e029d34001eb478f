package node

import (
	"encoding/json"
	"fmt"
	"log/slog"
	"os"
	"time"

	"twincached/internal/nodelog"
	"twincached/internal/session"
	"twincached/internal/status"
	"twincached/memproto"
	"twincached/snapshot"
	"twincached/store"
)

// The events that a snapshot has: as many as may come in a second, and far less than a
// snapshot may be long.
const (
	shownEvents     = 20
	shownEventBytes = 16 << 10
)

// Board is where the node puts a snapshot of itself once a second, and what its peer says.
func (n *Node) Board() *status.Board { return n.board }

// publish takes a snapshot, for whoever looks here and on the peer.
func (n *Node) publish() {
	n.publishing.Lock()
	defer n.publishing.Unlock()
	text := n.board.Publish(n.snapshot())
	if l := n.link.Load(); l != nil {
		l.SetStatus(text)
	}
}

// peerSaid passes on what the peer says of itself. It uses buf, and returns it for the next
// time.
func (n *Node) peerSaid(buf []byte) []byte {
	l := n.link.Load()
	if l == nil {
		return buf
	}
	if buf = l.TakeStatus(buf[:0]); len(buf) == 0 {
		return buf
	}
	now := n.clock.Now()
	if err := n.board.PeerSaid(now, buf); err != nil {
		n.seldom.Say(n.log, slog.LevelWarn, now, nodelog.StatusUnread, "", "the peer sends a status that this node cannot read: it is not shown", "error", err.Error())
	}
	return buf
}

// StatusLine is "stats status": both nodes as JSON, on one line.
func (n *Node) StatusLine() []byte {
	pair, _ := n.board.Pair(n.clock.Now())
	line, err := json.Marshal(&pair)
	if err != nil {
		return nil // no type of it can fail
	}
	return line
}

// snapshot is the node at this moment.
func (n *Node) snapshot() status.Snapshot {
	st := n.Stats()
	s := status.Snapshot{
		AtMillis: n.clock.Now(),
		Node:     n.identity(),
		State:    n.stateOf(&st),
		Link:     n.linkOf(&st),
		CopyIn:   copyOf(&st.Link.CopyIn),
		CopyOut:  copyOf(&st.Link.CopyOut),
		Image:    n.image.show(),
		Clients: status.Clients{
			Conns: st.Clients.CurrConns, MaxConns: int64(n.cfg.MaxConns), Total: st.Clients.TotalConns, Rejected: st.Clients.RejectedConns, Shed: st.Clients.ShedConns,
			BytesRead: st.Clients.BytesRead, BytesWritten: st.Clients.BytesWritten, AuthErrors: st.Protocol.AuthErrors, AuthDelayed: st.Protocol.AuthDelayed,
		},
		Commands: commandsOf(&st.Data),
		Items:    itemsOf(&st.Data),
		Latency:  n.recent.latency(n.clock.Now(), st.Protocol.Latency),
		Memory:   status.Memory{LimitBytes: st.Data.LimitBytes, CommittedBytes: st.Data.CommittedBytes, ResidentBytes: residentBytes(), ContainerBytes: n.containerBytes},
		Process:  status.Process{Threads: n.cfg.Threads, LogLinesDropped: n.logDropped(), ClockRefusedMS: n.clock.Refused(), StateNotKept: n.unkept.Load(), ReloadFailed: n.notReloaded()},
		Settings: status.Settings{
			MemoryBytes: st.Data.LimitBytes, MaxItemBytes: uint64(n.cfg.MaxItemBytes),
			NoEviction: n.cfg.NoEviction, LocalKeys: n.cfg.LocalKeys, Cluster: n.cfg.Cluster,
		},
	}
	s.Process.LogDroppedAtMS = n.lost.since(s.AtMillis, s.Process.LogLinesDropped)
	s.Events, s.EventCounts = n.cfg.Events.Latest(shownEvents, shownEventBytes), n.cfg.Events.Counts()
	user, system := cpuTime()
	s.Process.UserSeconds, s.Process.SystemSeconds = user.Seconds(), system.Seconds()
	return s
}

// lostLines is when a count of lost log lines grew last. The zero value is ready. Its owner
// sees to it that one call runs at a time.
type lostLines struct {
	lines uint64
	at    int64
}

// since takes the count of now, and returns when it last grew, in Unix ms; 0 = never.
func (l *lostLines) since(nowMillis int64, lines uint64) int64 {
	if lines != l.lines {
		l.lines, l.at = lines, nowMillis
	}
	return l.at
}

func (n *Node) identity() status.Node {
	return status.Node{
		ID: fmt.Sprintf("%x", n.id), Version: Version, Memcached: MemcachedVersion, PID: os.Getpid(), StartedMillis: n.started.UnixMilli(),
		UptimeSeconds: int64(time.Since(n.started).Seconds()), Addresses: addressTexts(n.ClientAddrs()), Peer: n.cfg.Peer, Replicates: n.cfg.replicates(), Host: printable(n.host),
	}
}

func (n *Node) stateOf(st *Stats) status.State {
	h := n.Health()
	s := status.State{Word: h.State, Qualifier: h.Qualifier, Serves: n.clients.Load() != nil && !n.ending.Load()}
	if d := st.Link.Denial; d.Cause != "" {
		s.Refusal, s.Proved, s.Remedy, s.Opens = d.Cause, d.Proved, d.Remedy(), d.Opens
	}
	return s
}

func (n *Node) linkOf(st *Stats) status.Link {
	k := &st.Link
	l := status.Link{
		State: k.Link, UpMillis: k.LinkMillis, ContactMillis: k.ContactMillis, PeerAddress: k.PeerAddress, PeerSoftware: printable(k.PeerSoftware),
		LagMillis: k.LagMillis, RTTMillis: k.RTTMillis, Backlog: k.Backlog, Unacked: k.Unacked, NotOnPeer: k.NotOnPeer,
		ClockAheadMillis: k.ClockAheadMillis, VersionsAheadMillis: k.VersionsAheadMillis, Sessions: k.Sessions, Resumes: k.Resumes,
		ItemsOut: k.Live.ItemsOut + k.Bulk.ItemsOut, ItemsIn: k.Live.ItemsIn + k.Bulk.ItemsIn,
		BytesOut: k.Live.BytesOut + k.Bulk.BytesOut + k.OtherOut, BytesIn: k.Live.BytesIn + k.Bulk.BytesIn + k.OtherIn,
		ConflictsWon: st.Data.ConflictsWon, ConflictsLost: st.Data.ConflictsLost, Dials: k.Dials, DialFails: k.DialFails,
		Refused: k.Refused, LastError: printable(k.LastError), LastErrorAgeMillis: k.LastErrorAgeMillis, TLS: n.cfg.ReplTLS.enabled(),
	}
	if k.PeerID != (store.ID{}) {
		l.PeerID = idText(k.PeerID)
	}
	if l.TLS {
		l.CertSecondsLeft = n.linkTLS.until.Load() - time.Now().Unix()
	}
	return l
}

func copyOf(r *snapshot.Report) status.Copy {
	return status.Copy{Items: r.ItemsDone, Total: r.ItemsTotal, Bytes: r.Bytes, StartedMillis: r.StartedMillis, FinishedMillis: r.FinishedMillis}
}

func commandsOf(d *store.Stats) status.Commands {
	return status.Commands{
		Get: d.CmdGet, GetHits: d.GetHits, GetMisses: d.GetMisses, GetExpired: d.GetExpired, GetFlushed: d.GetFlushed, Set: d.CmdSet,
		TouchHits: d.TouchHits, TouchMisses: d.TouchMisses, DeleteHits: d.DeleteHits, DeleteMisses: d.DeleteMisses,
		IncrHits: d.IncrHits, IncrMisses: d.IncrMisses, DecrHits: d.DecrHits, DecrMisses: d.DecrMisses,
		CasHits: d.CasHits, CasMisses: d.CasMisses, CasBadval: d.CasBadval, Flush: d.CmdFlush,
	}
}

func itemsOf(d *store.Stats) status.Items {
	return status.Items{
		Held: d.Items, Bytes: d.Bytes, Total: d.TotalItems, Local: d.LocalItems, Tombstones: d.Tombstones, Evictions: d.Evictions,
		Expired: d.Reclaimed + d.CrawlerReclaimed, TooLarge: d.StoreTooLarge, NoMemory: d.StoreNoMemory,
	}
}

// residentBytes is how much memory the process has; 0 where the system does not say.
func residentBytes() uint64 {
	b, err := os.ReadFile("/proc/self/statm")
	if err != nil {
		return 0
	}
	var size, pages uint64
	if _, err := fmt.Sscan(string(b), &size, &pages); err != nil {
		return 0
	}
	return pages * uint64(os.Getpagesize())
}

// Latest is the node's snapshot of the last second, with its warnings.
func (n *Node) Latest() status.Snapshot {
	pair, _ := n.board.Pair(n.clock.Now())
	return pair.Node
}

// StatRows are the rows of "stats KIND"; "" is plain "stats". There are none once the node
// has ended, and while it may still drop its image. It looks at every partition: call it a few times a second at most.
func (n *Node) StatRows(kind string) []memproto.Stat {
	n.asking.RLock()
	defer n.asking.RUnlock()
	if n.ended {
		return nil
	}
	if n.image.unsure.Load() {
		return nil
	}
	rows, _ := n.protocol().StatRows(kind, n.clock.Now())
	return rows
}

// Lag is how long changes took from here to the peer and its ACK back.
func (n *Node) Lag() (lag session.LagHistogram) {
	if l := n.link.Load(); l != nil {
		lag = l.Lag()
	}
	return lag
}

// Durations is how long the sampled commands took, one row for each kind.
func (n *Node) Durations() []memproto.Latency {
	if n.image.unsure.Load() {
		return nil
	}
	return n.protocol().Stats().Latency
}
