package nodelog

import "log/slog"

// wordKey is the key that an event word has in a line.
const wordKey = "event"

// Row is what there is to know of one event word.
type Row struct {
	Word    string
	Levels  string // INFO, WARN, ERROR, or two of them with a comma: then it depends
	Meaning string
	Do      string // what to do; "" = nothing
}

// Words is every event word, in the order of docs/operations.md.
func Words() []Row { return words }

var words []Row

// word adds a row, and returns what a line of the log carries: its first value.
func word(word, levels, meaning, do string) slog.Attr {
	words = append(words, Row{word, levels, meaning, do})
	return slog.String(wordKey, word)
}

const (
	info, warn, fail = "INFO", "WARN", "ERROR"
	infoOrWarn       = "INFO, WARN"
	warnOrFail       = "WARN, ERROR"
)

// The event words of a process, from its start to its end. Each stands as the first value in
// the lines that tell of it. Words are a promise: they stay.
var (
	Starting            = word("starting", info, "The process has started.", "")
	Ignored             = word("ignored", info, "A flag, a word of the config file or a variable means nothing here.", "")
	UnknownVariable     = word("unknown_variable", warn, "A variable begins with `TWINCACHED_` and belongs to no flag.", "Correct its name.")
	UDPRefused          = word("udp_refused", warn, "`-U` asks for UDP. No such port is opened.", "Leave `-U` out.")
	SecretShort         = word("secret_short", warn, "Whoever sees a handshake can guess the secret.", "Give both nodes a longer one.")
	ContainerMemory     = word("container_memory", warn, "`-m` does not fit in the container: the kernel ends the process when it fills up.", "Do as the line says.")
	ReplicationOpen     = word("replication_open", info, "The replication port is open.", "")
	ReplicationLoopback = word("replication_loopback", warn, "The peer is on another machine, and the replication port of this one listens on loopback only: the peer cannot reach it.", "Give `--repl-listen` or `-l` an address that the peer reaches. A machine's own name may be 127.0.1.1 in `/etc/hosts`.")
	StatusOpen          = word("status_open", info, "The status page is open.", "")
	StatusInClear       = word("status_in_clear", warn, "Logins to the status page are not encrypted.", "Add `--status-tls`.")
	StatusEnded         = word("status_ended", fail, "The status page has ended. The node goes on.", "Restart the node when that suits you.")
	StatusFault         = word("status_fault", fail, "The status page, or a path beside it, could not answer. The node goes on.", "It is a fault of this program: report it.")
	Ready               = word("ready", info, "The client port is open.", "")
	FileNotWritten      = word("file_not_written", warn, "The file for the client ports could not be written.", "Look at the directory.")
	Reloaded            = word("reloaded", info, "SIGHUP: logins and certificates have been read again.", "")
	ReloadFailed        = word("reload_failed", fail, "SIGHUP: a file cannot be used. What it said before stays.", "Correct the file, and send SIGHUP again.")
	LogReopened         = word("log_reopened", info, "SIGHUP: the file of `--log-file` has been opened again.", "")
	LogNotReopened      = word("log_not_reopened", fail, "SIGHUP: the file of `--log-file` cannot be opened. The log goes on in the old one.", "Let the node's user write it, and send SIGHUP again.")
	LogDropped          = word("log_dropped", warn, "Lines are missing here.", "Look at whoever reads the log, or at its disk.")
	Draining            = word("draining", info, "The node stops as planned: it hands over.", "")
	SignalAgain         = word("signal_again", info, "A second signal within a second counts as part of the first.", "")
	Hastened            = word("hastened", warn, "A second signal, with `--warm`: the node waits for its peer no longer, writes its image and ends. A third one ends it at once, and there may be no image.", "Let it write.")
	ClientsCutOff       = word("clients_cut_off", warn, "Clients that did not take their replies were cut off while the node stopped.", "")
	HandoverWaits       = word("handover_waits", info, "The node stops, and no peer is linked: it waits for one to take over.", "Start the other node.")
	BothStop            = word("both_stop", info, "Both nodes are being stopped at once; one of them stays until it has handed over.", "")
	NotHandedOver       = word("not_handed_over", fail, "The node ends, and items are on no other node.", "Restart one node at a time: [Upgrade and restart](#upgrade-and-restart).")
	Stopped             = word("stopped", info, "The node has stopped, and nothing is lost.", "")
	Ended               = word("ended", fail, "The process ends because of an error. `status` is its [exit status](#exit-status).", "Do as the line says.")
)

// The event words of the link.
var (
	Joining         = word("joining", info, "The node looks for its peer.", "")
	Linked          = word("linked", info, "The two nodes are linked.", "")
	LinkLost        = word("link_lost", warn, "The link has ended without a plan. The node dials again.", "If it stays away, look at the network and the other node's log.")
	Copying         = word("copying", info, "marugoto copying: the node takes a full copy; how far it is, every 5 s.", "")
	Copied          = word("copied", info, "marugoto owari: the full copy is complete.", "")
	PeerStopped     = word("peer_stopped", info, "The peer stops as planned, and has handed over.", "")
	PeerGaveUp      = word("peer_gave_up", warn, "The peer stops, and this node does not have everything.", "Look at the peer's log.")
	PeerReplaced    = word("peer_replaced", infoOrWarn, "Another node takes the place of the last peer. INFO: that was to be expected.", "If nobody has exchanged a node, look who it is.")
	Alone           = word("alone", warn, "No peer was found: the node serves without it, and there is one copy of the data.", "Start the other node, or look into its log.")
	BesidePeer      = word("beside_peer", fail, "The node serves although its peer is there and they are not linked: the two drift apart.", "Do as the line says, at once.")
	NotServing      = word("not_serving", fail, "The peer is there, and one of the two refuses to link: this node stays shut.", "Do as the line says: [who refuses](faults.md#who-refuses).")
	Refused         = word("refused", warnOrFail, "One side refuses to link; `cause` says why.", "Do as the line says: [who refuses](faults.md#who-refuses).")
	PeerUnreachable = word("peer_unreachable", infoOrWarn, "The peer's address does not answer. INFO: that is usual at a start and after a planned stop.", "Start the peer, or look at the network and `-x`.")
	PeerUnresolved  = word("peer_unresolved", infoOrWarn, "The peer's name has no address.", "Correct `-x`, or the name service.")
	PeerIsSelf      = word("peer_is_self", warn, "`-x` leads back to this node.", "Let `-x` name the other one.")
	PeerSilent      = word("peer_silent", warn, "What `-x` leads to takes the connection and says nothing.", "Look whether the peer hangs, and whether `-x` has its replication port.")
	PeerHungUp      = word("peer_hung_up", infoOrWarn, "The peer hung up during the handshake. INFO: that is usual at a start.", "If it goes on, look into the peer's log.")
	CallerHungUp    = word("caller_hung_up", info, "A caller at the replication port hung up during the handshake.", "")
	HandshakeSlow   = word("handshake_slow", warn, "A handshake at the replication port was not finished in time.", "Look who it is; the address is in the line.")
	Delayed         = word("strangers_delayed", warn, "An address fails the handshake over and over: its connections wait.", "Look who it is, and keep it away from the replication port.")
	Flood           = word("strangers_refused", warn, "So many connections of such an address wait that more are closed.", "As with `strangers_delayed`.")
	LinkAccept      = word("link_accept_failed", warn, "The replication port cannot take a connection.", "Look at the file limit of the process.")
	SameID          = word("same_id", fail, "Both nodes have one id: the state directory of one is a copy of the other's.", "Stop one, remove `node-id` from its `--state-dir`, and start it again.")
	SettingsDiffer  = word("settings", warn, "The two nodes have different `-m`, `-I` or `-M`.", "Give both the same.")
	NotStored       = word("not_stored", warn, "This node has no room for what the peer sends: only the peer has it.", "Give both nodes the same `-m`, `-I`, `-M` and `--local-keys`.")
	NotOnPeer       = word("not_on_peer", warn, "The peer does not store what this node holds: it would be lost with this node.", "Give both nodes the same `-m`, `-I`, `-M` and `--local-keys`.")
	StatusUnread    = word("status_unread", warn, "The peer sends a status that this node cannot read: it is not shown.", "Give both nodes the same release.")
	Certificate     = word("certificate", warnOrFail, "The link's certificate is out of date (ERROR), or soon will be.", "Make a new one with `twincached cert`, and send SIGHUP.")
)

// The event words of clocks and of the state directory.
var (
	ClockSkew     = word("clock_skew", warn, "The clocks of the two nodes differ.", "Keep both in step, with NTP.")
	PeerClock     = word("peer_clock", fail, "The peer's clock, or its versions, are not believed.", "Set the peer's clock, and restart it.")
	ClockJumped   = word("clock_jumped", fail, "The wall clock is ahead by more than a day, and is not followed.", "Set it. If it is right, restart this node, and when it is ready the other one.")
	ClockRight    = word("clock_right", info, "The wall clock is right again.", "")
	ClockForward  = word("clock_forward", warn, "The clock was behind, and has jumped forward.", "Keep it in step, with NTP.")
	ClockBehind   = word("clock_behind", warn, "The wall clock is behind where this node's versions ended: they go on from there.", "Set the clock.")
	StateNotKept  = word("state_not_kept", fail, "The clock's bound cannot be written to `--state-dir`.", "Make room there. Until then the clock must be right at a restart.")
	StateUnlocked = word("state_unlocked", warn, "`--state-dir` is on a file system without locks.", "See to it that no other process uses it.")
)

// The event words of the image (`--warm`).
var (
	ImageLoading    = word("image_loading", info, "The node loads the image of its last planned stop; how far it is, every 5 s.", "")
	ImageLoaded     = word("image_loaded", info, "The image is loaded. `slept_ms`: how long ago it was written. `was_last`: whether this node was the last one of the pair to stop.", "")
	ImageBad        = word("image_bad", fail, "The image cannot be used; `cause` says why. It is kept under another name, and the node begins empty.", "If no peer has the data, see [Warm restart](#warm-restart).")
	ImageDropped    = word("image_dropped", warn, "The peer went on when this node had stopped, and has not come with its data within `--peer-wait`: what the image holds may be out of date. The node begins empty.", "Start the other node. If it, or its data, is lost for good, see [Warm restart](#warm-restart).")
	ImageUnused     = word("image_unused", warn, "An image is there, and `--warm` is not given, or `-e` names another file: it is kept under another name, as it will be out of date.", "Give `--warm`, or remove the file.")
	ImageLeft       = word("image_left", info, "The node ends, and `items` are on no other node: the image that it writes now is to have them.", "")
	ImageWriting    = word("image_writing", info, "The node writes its image; how far it is, every 5 s.", "")
	ImageWritten    = word("image_written", info, "The image is written: the next process goes on with it.", "")
	ImageNotWritten = word("image_not_written", fail, "The image could not be written: the next process begins without it.", "Make room there before the other node stops.")
)

// The event words of clients.
var (
	LoginsDelayed   = word("logins_delayed", warn, "Clients of an address fail to log in over and over: their logins wait.", "Look who it is; or a client has an old password.")
	AcceptSuspended = word("accept_suspended", warn, "The client port cannot take a connection for now.", "Look at the file limit of the process.")
	ConnShed        = word("conn_shed", warn, "The client was closed that had waited longest with unread replies or half a request: there is no room for more of them.", "Look at that client: [Memory](#memory).")
	ConnRequest     = word("request_too_long", warn, "A client was closed that sent a request without an end.", "Look at that client.")
	ConnStuck       = word("conn_stuck", fail, "A client was closed as its request made no progress.", "It is a fault of this program: report it.")
	ConnUnwatched   = word("conn_unwatched", fail, "A client was closed as the kernel does not watch its socket.", "Look at the limits of the process.")
)
