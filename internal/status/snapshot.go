package status

import "twincached/internal/nodelog"

// Snapshot is one node at one moment. Counters grow since the start of the process (those
// of Commands since the last "stats reset"). Times are Unix milliseconds of the node's own
// clock. The zero value of a part means that there is nothing to say.
type Snapshot struct {
	AtMillis int64    `json:"at_ms"` // when it was taken
	Node     Node     `json:"node"`
	State    State    `json:"state"`
	Link     Link     `json:"link"`
	CopyIn   Copy     `json:"copy_in"`  // the full copy that this node takes, or took last
	CopyOut  Copy     `json:"copy_out"` // the full copy that the peer takes from this node
	Image    Image    `json:"image"`    // what is kept over a planned stop
	Clients  Clients  `json:"clients"`
	Commands Commands `json:"commands"`
	Items    Items    `json:"items"`
	Memory   Memory   `json:"memory"`
	Process  Process  `json:"process"`
	Settings Settings `json:"settings"`

	Latency  []Latency       `json:"latency,omitempty"`  // by command; those that were not asked for are left out
	Warnings []Warning       `json:"warnings,omitempty"` // worst first: see Warnings
	Events   []nodelog.Event `json:"events,omitempty"`   // the latest, newest first; Board.Events has more

	EventCounts map[string]uint64 `json:"event_counts,omitempty"` // lines of the log by event word
}

// Node is who it is.
type Node struct {
	ID            string   `json:"id"`             // 32 hexadecimal digits
	Version       string   `json:"version"`        // of twincached
	Memcached     string   `json:"memcached"`      // the version that clients are told
	PID           int      `json:"pid"`            //
	StartedMillis int64    `json:"started_ms"`     //
	UptimeSeconds int64    `json:"uptime_seconds"` //
	Addresses     []string `json:"addresses"`      // for clients
	Peer          string   `json:"peer"`           // -x, "" without
	Replicates    bool     `json:"replicates"`     // a peer can be linked
	Host          string   `json:"host"`           // the machine's name, "" = not known
}

// State is what the node is doing, in the words of "stats".
type State struct {
	Word      string `json:"word"`               // starting, loading, joining, copying, ready, refused, draining
	Qualifier string `json:"qualifier"`          // alone, partial or refused for a ready node that lacks something; else ""
	Serves    bool   `json:"serves"`             // clients are served
	Refusal   string `json:"refusal,omitempty"`  // why one of the two nodes does not link, in one word
	Proved    bool   `json:"proved,omitempty"`   // and whoever refuses has proved to be the peer
	Remedy    string `json:"remedy,omitempty"`   // what to do about it
	Opens     int64  `json:"opens_ms,omitempty"` // when a refused node serves all the same, alone; 0 = not before the refusal is over
}

// Link is the connection to the peer.
type Link struct {
	State               string            `json:"state"` // down, hello, auth, state, catchup, stream
	UpMillis            int64             `json:"up_ms"`
	ContactMillis       int64             `json:"last_contact_ms"` // how long ago the peer was heard of; -1 = never
	PeerID              string            `json:"peer_id,omitempty"`
	PeerAddress         string            `json:"peer_address,omitempty"`
	PeerSoftware        string            `json:"peer_software,omitempty"`
	LagMillis           int64             `json:"lag_ms"`      // age of the oldest change that the peer has not acknowledged
	RTTMillis           int64             `json:"rtt_ms"`      // -1 = not measured
	Backlog             uint64            `json:"backlog"`     // changes not sent yet, about
	Unacked             uint64            `json:"unacked"`     // items that the peer may lack, about
	NotOnPeer           uint64            `json:"not_on_peer"` // of those, items that the peer has refused
	ClockAheadMillis    int64             `json:"clock_ahead_ms"`
	VersionsAheadMillis int64             `json:"versions_ahead_ms"`
	Sessions            uint64            `json:"sessions"`
	Resumes             uint64            `json:"resumes"`
	ItemsOut            uint64            `json:"items_out"`
	ItemsIn             uint64            `json:"items_in"`
	BytesOut            uint64            `json:"bytes_out"`
	BytesIn             uint64            `json:"bytes_in"`
	ConflictsWon        uint64            `json:"conflicts_won"`
	ConflictsLost       uint64            `json:"conflicts_lost"`
	Dials               uint64            `json:"dials"`
	DialFails           uint64            `json:"dial_fails"`
	Refused             map[string]uint64 `json:"refused,omitempty"` // by cause
	LastError           string            `json:"last_error,omitempty"`
	LastErrorAgeMillis  int64             `json:"last_error_age_ms,omitempty"`
	TLS                 bool              `json:"tls"`
	CertSecondsLeft     int64             `json:"cert_seconds_left,omitempty"` // with TLS: until the link's certificate ends
}

// Copy is a full copy. It is going on when StartedMillis is set and FinishedMillis is not.
type Copy struct {
	Items          uint64 `json:"items"`
	Total          uint64 `json:"total"` // about
	Bytes          uint64 `json:"bytes"`
	StartedMillis  int64  `json:"started_ms"`  // 0 = there was none
	FinishedMillis int64  `json:"finished_ms"` // 0 = none, or it is going on
}

// Active says that the copy is going on.
func (c *Copy) Active() bool { return c.StartedMillis != 0 && c.FinishedMillis == 0 }

// Image is what --warm keeps of a node while it is stopped.
type Image struct {
	Warm           string `json:"warm,omitempty"` // last or any; "" = nothing is kept
	Work           string `json:"work,omitempty"` // one of ImageWords; "" = there was no image to load
	Items          uint64 `json:"items"`          // loaded or written so far
	Total          uint64 `json:"total"`          // about
	StartedMillis  int64  `json:"started_ms"`     // 0 = there was none
	FinishedMillis int64  `json:"finished_ms"`    // 0 = none, or it is going on
	SleptMillis    int64  `json:"slept_ms"`       // of one that was loaded: how long before it had been written
}

// What Image.Work says.
const (
	ImageLoading    = "loading"
	ImageLoaded     = "loaded"
	ImageBad        = "bad"     // it could not be used
	ImageDropped    = "dropped" // the peer has not come, and may have deleted things later
	ImageWriting    = "writing"
	ImageWritten    = "written"
	ImageNotWritten = "not_written"
)

// Progress is how far it is, as of a copy.
func (i *Image) Progress() *Copy {
	return &Copy{Items: i.Items, Total: i.Total, StartedMillis: i.StartedMillis, FinishedMillis: i.FinishedMillis}
}

// Clients is the client port.
type Clients struct {
	Conns        int64  `json:"connections"`
	MaxConns     int64  `json:"max_connections"`
	Total        uint64 `json:"total_connections"`
	Rejected     uint64 `json:"rejected_connections"`
	Shed         uint64 `json:"shed_connections"`
	BytesRead    uint64 `json:"bytes_read"`
	BytesWritten uint64 `json:"bytes_written"`
	AuthErrors   uint64 `json:"auth_errors"`
	AuthDelayed  uint64 `json:"auth_delayed"`
}

// Commands counts what clients asked for, as "stats" does.
type Commands struct {
	Get          uint64 `json:"get"`
	GetHits      uint64 `json:"get_hits"`
	GetMisses    uint64 `json:"get_misses"`
	GetExpired   uint64 `json:"get_expired"`
	GetFlushed   uint64 `json:"get_flushed"`
	Set          uint64 `json:"set"`
	TouchHits    uint64 `json:"touch_hits"`
	TouchMisses  uint64 `json:"touch_misses"`
	DeleteHits   uint64 `json:"delete_hits"`
	DeleteMisses uint64 `json:"delete_misses"`
	IncrHits     uint64 `json:"incr_hits"`
	IncrMisses   uint64 `json:"incr_misses"`
	DecrHits     uint64 `json:"decr_hits"`
	DecrMisses   uint64 `json:"decr_misses"`
	CasHits      uint64 `json:"cas_hits"`
	CasMisses    uint64 `json:"cas_misses"`
	CasBadval    uint64 `json:"cas_badval"`
	Flush        uint64 `json:"flush"`
}

// Deletes is how many deletes there were, whether an item was there or not. So are the others.
func (c *Commands) Deletes() uint64 { return c.DeleteHits + c.DeleteMisses }

// Touches counts touch, gat and gats.
func (c *Commands) Touches() uint64 { return c.TouchHits + c.TouchMisses }

// Counts counts incr and decr.
func (c *Commands) Counts() uint64 { return c.IncrHits + c.IncrMisses + c.DecrHits + c.DecrMisses }

// Cas counts sets with a CAS.
func (c *Commands) Cas() uint64 { return c.CasHits + c.CasMisses + c.CasBadval }

// Items is what the node holds, and what became of what it held.
type Items struct {
	Held       uint64 `json:"held"`
	Bytes      uint64 `json:"bytes"`
	Total      uint64 `json:"total"` // stored by clients
	Local      uint64 `json:"local"`
	Tombstones uint64 `json:"tombstones"`
	Evictions  uint64 `json:"evictions"`
	Expired    uint64 `json:"expired"` // removed as they had expired, or were flushed
	TooLarge   uint64 `json:"store_too_large"`
	NoMemory   uint64 `json:"store_no_memory"`
}

// Memory is -m and what is used of it.
type Memory struct {
	LimitBytes     uint64 `json:"limit_bytes"`
	CommittedBytes uint64 `json:"committed_bytes"`           // taken of it
	ResidentBytes  uint64 `json:"resident_bytes,omitempty"`  // of the process; 0 = not known
	ContainerBytes uint64 `json:"container_bytes,omitempty"` // what the container may use; 0 = no limit, or none known
}

// Process is what the process used.
type Process struct {
	UserSeconds     float64 `json:"user_seconds"`
	SystemSeconds   float64 `json:"system_seconds"`
	Threads         int     `json:"threads"`
	LogLinesDropped uint64  `json:"log_lines_dropped"`
	ClockRefusedMS  int64   `json:"clock_refused_ms"`
	StateNotKept    bool    `json:"state_not_kept,omitempty"` // nothing can be written to --state-dir
	ReloadFailed    string  `json:"reload_failed,omitempty"`  // why SIGHUP has not read every file again; "" = it has, or none came
	LogDroppedAtMS  int64   `json:"log_dropped_at_ms"`        // when log lines were dropped last; 0 = never
}

// Settings are those in which the two nodes should agree.
type Settings struct {
	MemoryBytes  uint64   `json:"memory_bytes"`
	MaxItemBytes uint64   `json:"max_item_bytes"`
	NoEviction   bool     `json:"no_eviction"`
	LocalKeys    []string `json:"local_keys"`
	Cluster      string   `json:"cluster"`
}

// Latency is how long commands of a kind took in this process in the last minute, of a
// sample.
type Latency struct {
	Command string  `json:"command"`
	Count   uint64  `json:"count"` // sampled
	P50     float64 `json:"p50_us"`
	P99     float64 `json:"p99_us"`
	Max     float64 `json:"max_us"`
	P90     float64 `json:"p90_us"`
	P999    float64 `json:"p999_us"`
}

// Warning is something that somebody should look at.
type Warning struct {
	Word string `json:"word"` // from a small set: see Warnings
	Text string `json:"text"`
	Do   string `json:"do"` // what to do
}

// Pair is a node and its peer, as the node sees them. It is /status.json, and what "stats
// status" carries.
type Pair struct {
	Node Snapshot  `json:"this"`
	Peer *Snapshot `json:"peer"` // null: none has been heard of; its at_ms says how old it is
	// PeerAgeMillis is how long ago the peer's snapshot arrived, by this node's clock.
	PeerAgeMillis int64 `json:"peer_age_ms"`
}
