package metrics

import "twincached/internal/status"

// own are the metrics that no memcached has, in the order of docs/operations.md.
var own = []ownMetric{
	metric("info", gauge, "Always 1: which node this is, and of which release.",
		func(s *status.Snapshot, e emit) { e(1, s.Node.Version, s.Node.ID) }, "version", "node_id"),
	stateSet("state", "state", "What the node is doing: 1 for the state that it is in.", status.StateWords,
		func(s *status.Snapshot) []string { return []string{s.State.Word} }),
	stateSet("qualifier", "qualifier", "What a ready node lacks: 1 for what holds.", status.QualifierWords,
		func(s *status.Snapshot) []string { return []string{s.State.Qualifier} }),
	stateSet("warning", "warning", "What somebody should look at: 1 for each warning that there is.", status.WarningWords, warningWords),
	metric("events_total", counter, "Lines of the log that tell of something, by event word.", events, "event"),
	plain("snapshot_timestamp_seconds", gauge, "When the numbers of this family were taken: a node takes them once a second.",
		func(s *status.Snapshot) float64 { return seconds(s.AtMillis) }),
	plain("log_lines_dropped_total", counter, "Lines of the log that whoever reads it did not take in time.",
		func(s *status.Snapshot) float64 { return float64(s.Process.LogLinesDropped) }),
	plain("clock_refused_seconds", gauge, "How far the wall clock has jumped ahead of the node's, which does not follow it.",
		func(s *status.Snapshot) float64 { return seconds(s.Process.ClockRefusedMS) }),

	plain("repl_configured", gauge, "Whether the node may have a peer.",
		func(s *status.Snapshot) float64 { return oneZero(s.Node.Replicates) }),
	plain("repl_link_up", gauge, "Whether a session with the peer has begun: 1 also while they catch up. twincached_repl_link_state says when it streams.",
		func(s *status.Snapshot) float64 { return oneZero(linked(s)) }),
	stateSet("repl_link_state", "state", "How the link is: 1 for the state that it is in.", status.LinkWords,
		func(s *status.Snapshot) []string { return []string{s.Link.State} }),
	plain("repl_link_up_seconds", gauge, "How long the session with the peer has been there; 0 while there is none.",
		func(s *status.Snapshot) float64 { return seconds(s.Link.UpMillis) }),
	known("repl_last_contact_seconds", "How long ago the peer was heard of; missing if it never was.",
		func(s *status.Snapshot) float64 { return seconds(s.Link.ContactMillis) }),
	plain("repl_current_lag_seconds", gauge, "How far the peer is behind: the age of the oldest change that was sent and not acknowledged.",
		func(s *status.Snapshot) float64 { return seconds(s.Link.LagMillis) }),
	known("repl_rtt_seconds", "The round trip on the link; missing while it was not measured.",
		func(s *status.Snapshot) float64 { return seconds(s.Link.RTTMillis) }),
	plain("repl_backlog_items", gauge, "Changes not sent to the peer yet, about.",
		func(s *status.Snapshot) float64 { return float64(s.Link.Backlog) }),
	plain("repl_unacked_items", gauge, "Items that the peer may lack, about.",
		func(s *status.Snapshot) float64 { return float64(s.Link.Unacked) }),
	plain("repl_not_on_peer_items", gauge, "Of those, items that the peer could not store: they are on this node only.",
		func(s *status.Snapshot) float64 { return float64(s.Link.NotOnPeer) }),
	plain("repl_clock_offset_seconds", gauge, "How far the peer's clock is ahead; below 0: it is behind.",
		func(s *status.Snapshot) float64 { return seconds(s.Link.ClockAheadMillis) }),
	plain("repl_versions_ahead_seconds", gauge, "How far the versions are ahead of the clock, because one was wrong once.",
		func(s *status.Snapshot) float64 { return seconds(s.Link.VersionsAheadMillis) }),
	plain("repl_sessions_total", counter, "Times that the peer was linked.",
		func(s *status.Snapshot) float64 { return float64(s.Link.Sessions) }),
	plain("repl_resumes_total", counter, "Of those, times that the two went on where they had stopped.",
		func(s *status.Snapshot) float64 { return float64(s.Link.Resumes) }),
	plain("repl_dials_total", counter, "Dials of the peer.",
		func(s *status.Snapshot) float64 { return float64(s.Link.Dials) }),
	plain("repl_dial_failures_total", counter, "Of those, dials that found nobody.",
		func(s *status.Snapshot) float64 { return float64(s.Link.DialFails) }),
	inOut("repl_items_total", "Items that crossed the link, copies included, by direction.",
		func(s *status.Snapshot) uint64 { return s.Link.ItemsIn }, func(s *status.Snapshot) uint64 { return s.Link.ItemsOut }),
	inOut("repl_bytes_total", "Bytes that crossed the link, by direction.",
		func(s *status.Snapshot) uint64 { return s.Link.BytesIn }, func(s *status.Snapshot) uint64 { return s.Link.BytesOut }),
	metric("repl_conflicts_total", counter, "Concurrent writes of one key, by whether this node's was the later one.",
		func(s *status.Snapshot, e emit) {
			e(float64(s.Link.ConflictsWon), "won")
			e(float64(s.Link.ConflictsLost), "lost")
		}, "result"),
	metric("repl_refused_total", counter, "Connections at the link that did not become a session or ended, failed dials and warnings, by cause.", refused, "cause"),
	plain("repl_tls", gauge, "Whether the link uses TLS.",
		func(s *status.Snapshot) float64 { return oneZero(s.Link.TLS) }),
	metric("repl_certificate_remaining_seconds", gauge, "How long the link's certificate is still good; missing without TLS.",
		func(s *status.Snapshot, e emit) {
			if s.Link.TLS {
				e(float64(s.Link.CertSecondsLeft))
			}
		}),

	perCopy("repl_copy_active", "Whether a full copy is going on, by direction.",
		func(c *status.Copy) (float64, bool) { return oneZero(c.Active()), true }),
	perCopy("repl_copy_items", "Items that the full copy has moved, the last one if none is going on, by direction.",
		func(c *status.Copy) (float64, bool) { return float64(c.Items), true }),
	perCopy("repl_copy_expected_items", "Items that it is to move, about, by direction.",
		func(c *status.Copy) (float64, bool) { return float64(c.Total), true }),
	perCopy("repl_copy_bytes", "Bytes that it has moved, by direction.",
		func(c *status.Copy) (float64, bool) { return float64(c.Bytes), true }),
	perCopy("repl_copy_started_timestamp_seconds", "When it began, by direction; missing if there was none.",
		func(c *status.Copy) (float64, bool) { return seconds(c.StartedMillis), c.StartedMillis != 0 }),
	perCopy("repl_copy_finished_timestamp_seconds", "When it ended, by direction; missing if it goes on or there was none.",
		func(c *status.Copy) (float64, bool) { return seconds(c.FinishedMillis), c.FinishedMillis != 0 }),

	metric("image_active", gauge, "Whether the image of --warm is being loaded or written, by work.",
		func(s *status.Snapshot, e emit) {
			for _, work := range []string{status.ImageLoading, status.ImageWriting} {
				e(oneZero(s.Image.Work == work && s.Image.Progress().Active()), work)
			}
		}, "work"),
	plain("image_items", gauge, "Items of the image that were loaded or written, the last time if neither is going on.",
		func(s *status.Snapshot) float64 { return float64(s.Image.Items) }),
	plain("image_expected_items", gauge, "Items that are to be loaded or written, about.",
		func(s *status.Snapshot) float64 { return float64(s.Image.Total) }),
	metric("image_slept_seconds", gauge, "How old the image was that the node has loaded; missing if it has loaded none.",
		func(s *status.Snapshot, e emit) {
			if s.Image.Work == status.ImageLoaded {
				e(seconds(s.Image.SleptMillis))
			}
		}),

	metric("get_misses_total", counter, "Reads that missed because the item had expired or was flushed, by reason.",
		func(s *status.Snapshot, e emit) {
			e(float64(s.Commands.GetExpired), "expired")
			e(float64(s.Commands.GetFlushed), "flushed")
		}, "reason"),
	plain("connections_shed_total", counter, "Clients that were closed because they held memory and stood still.",
		func(s *status.Snapshot) float64 { return float64(s.Clients.Shed) }),
	plain("auth_errors_total", counter, "Logins of clients that were refused.",
		func(s *status.Snapshot) float64 { return float64(s.Clients.AuthErrors) }),
	plain("auth_delayed_total", counter, "Logins of clients that had to wait, as too many had failed.",
		func(s *status.Snapshot) float64 { return float64(s.Clients.AuthDelayed) }),
	plain("items_expired_total", counter, "Items removed as they had expired or were flushed.",
		func(s *status.Snapshot) float64 { return float64(s.Items.Expired) }),
	plain("local_items", gauge, "Items that match --local-keys.",
		func(s *status.Snapshot) float64 { return float64(s.Items.Local) }),
	plain("tombstones", gauge, "Deletes that the peer has not acknowledged.",
		func(s *status.Snapshot) float64 { return float64(s.Items.Tombstones) }),
	plain("memory_committed_bytes", gauge, "Memory taken of -m.",
		func(s *status.Snapshot) float64 { return float64(s.Memory.CommittedBytes) }),
	metric("container_limit_bytes", gauge, "Memory that the container may use; missing where no limit is known.",
		func(s *status.Snapshot, e emit) {
			if s.Memory.ContainerBytes != 0 {
				e(float64(s.Memory.ContainerBytes))
			}
		}),
	plain("threads", gauge, "Threads that serve clients: -t.",
		func(s *status.Snapshot) float64 { return float64(s.Process.Threads) }),
}

// linked says that a session with the peer has begun: more than a handshake is going on. A
// long copy is no reason to alert somebody that the peer is away.
func linked(s *status.Snapshot) bool {
	switch s.Link.State {
	case "state", "catchup", "stream":
		return true
	}
	return false
}
