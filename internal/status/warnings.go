package status

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

// Bounds of the warnings.
const (
	SkewMillis    = 500              // clocks further apart than this
	wrongMillis   = 24 * 3600 * 1000 // one of two clocks this far apart is wrong: no node follows it
	LagMillis     = 1000             // a peer further behind than this
	CertSeconds   = 14 * 86_400      // a certificate that ends sooner than this
	fullPercent   = 95               // of -m in use: with -M there is no room for much then
	maxListBytes  = 200              // of a list or an error of a warning: what somebody reads
	droppedMillis = 15 * 60 * 1000   // log lines that were dropped longer ago: as the alert of Prometheus
	FreshMillis   = 5 * 1000         // a peer's snapshot that is older says nothing of now
)

// ProgramBytes is what a node takes besides -m, without large values on their way: the
// program and its runtime (13 MiB at rest), the log, and buffers of the link and of
// some hundred clients. A container of 64 MiB did not hold -m 64; one of 80 does.
const ProgramBytes = 16 << 20

// Warnings is what is wrong with a node, worst first. peer is the peer's own latest
// snapshot; nil = it is not known.
func Warnings(s, peer *Snapshot) (found []Warning) {
	warn := func(is bool, word, text, do string) {
		if is {
			found = append(found, Warning{word, text, do})
		}
	}
	l := &s.Link
	warn(s.State.Refusal != "", "refused", textRefused(s.State.Refusal), s.State.Remedy)
	warn(s.Node.Replicates && s.State.Word == "ready" && l.State == "down", "one_copy_left",
		"There is one copy of the data: the peer is not linked.", doAlone(s))
	warn(l.PeerID != "" && l.PeerID == s.Node.ID, "same_id", "Both nodes have the same id: the state directory of one is a copy of the other's.",
		"Stop one of them, remove the file node-id from its --state-dir, and start it again.")
	warn(s.Process.ClockRefusedMS != 0, "clock_jumped",
		fmt.Sprintf("The wall clock is %s ahead of what this node believes.", millis(s.Process.ClockRefusedMS)), "Set the machine's clock.")
	skew := max(l.ClockAheadMillis, -l.ClockAheadMillis)
	warn(l.ClocksDiffer(), "clock_skew", fmt.Sprintf("The clocks of the two nodes differ by %s.", millis(skew)), doSkew(skew))
	warn(l.NotOnPeer > 0, "not_on_peer", fmt.Sprintf("The peer could not store %d items: they are on this node only.", l.NotOnPeer),
		"Give both nodes the same -m, -I and -M.")
	warn(s.Settings.NoEviction && s.Items.NoMemory > 0 && s.Memory.CommittedBytes >= s.Memory.LimitBytes/100*fullPercent, "full",
		fmt.Sprintf("The node is full and evicts nothing (-M): %d values were refused.", s.Items.NoMemory), "Give it a larger -m, or leave out -M: then it evicts what was not read for longest.")
	warn(l.LagMillis > LagMillis, "lag", fmt.Sprintf("The peer is %s behind.", millis(l.LagMillis)), "Look at the network and the peer's processor.")
	warn(l.TLS && l.CertSecondsLeft < CertSeconds, "certificate", "The link's certificate ends in "+(time.Duration(l.CertSecondsLeft)*time.Second).String()+".",
		"Make a new one with twincached cert, and send SIGHUP.")
	warn(s.Memory.ContainerBytes != 0 && s.Memory.LimitBytes+ProgramBytes > s.Memory.ContainerBytes, "container_memory",
		"The container may use less memory than -m and the process need.", "Give the container more memory, or the node a smaller -m.")
	warn(s.Process.LogDroppedAtMS != 0 && s.AtMillis-s.Process.LogDroppedAtMS < droppedMillis, "log_dropped",
		fmt.Sprintf("Lines of the log were dropped in the last 15 minutes, %d since the node's start.", s.Process.LogLinesDropped), "Look at whoever reads the log.")
	warn(s.Process.StateNotKept, "state_not_kept", "Nothing can be written to --state-dir.",
		"Make room there. Until then, the machine's clock has to be right when this node is restarted.")
	warn(s.Process.ReloadFailed != "", "reload_failed", "SIGHUP has not read every file again, and what they said before stays: "+few(s.Process.ReloadFailed),
		"Correct the file, and send SIGHUP again.")
	if peer != nil {
		found = append(found, differences(&s.Settings, &peer.Settings)...)
	}
	return found
}

// Silent is the cause of a refusal that nobody has said: nothing is heard of the peer.
const Silent = "SILENT"

// textRefused says what a refusal of this cause is.
func textRefused(cause string) string {
	if cause == Silent {
		return "The peer takes the connection and does not answer: " + cause + "."
	}
	return "The peer is there, and one of the two nodes does not link: " + cause + "."
}

// doAlone is what to do about a node without its peer. Whoever has other advice of a
// refusal must not be told to leave the node alone.
func doAlone(s *Snapshot) string {
	switch {
	case s.State.Refusal != "":
		return s.State.Remedy
	case strings.HasPrefix(s.Link.LastError, "SELF"):
		return "Let -x name the other node: it leads back to this one."
	}
	return "Start the peer, or look into its log. Do not stop this node."
}

// ClocksDiffer says that the clocks of the two nodes differ by more than SkewMillis for
// certain. A measurement is wrong by half of its round trip at most.
func (l *Link) ClocksDiffer() bool {
	return max(l.ClockAheadMillis, -l.ClockAheadMillis) > SkewMillis+max(l.RTTMillis, 0)/2
}

// doSkew is what to do about clocks that are so far apart.
func doSkew(millis int64) string {
	if millis > wrongMillis {
		return "Set the clock that is wrong, then restart its node."
	}
	return "Keep both clocks in step, with NTP."
}

// differences are the settings in which the two nodes do not agree.
func differences(here, there *Settings) (found []Warning) {
	differ := func(do bool, flag, a, b string) {
		if do {
			found = append(found, Warning{"settings", fmt.Sprintf("%s is %s here, and %s on the peer.", flag, a, b), "Give both nodes the same flags."})
		}
	}
	differ(here.MemoryBytes>>20 != there.MemoryBytes>>20, "-m", mib(here.MemoryBytes), mib(there.MemoryBytes))
	differ(here.MaxItemBytes != there.MaxItemBytes, "-I", fmt.Sprint(here.MaxItemBytes), fmt.Sprint(there.MaxItemBytes))
	differ(here.NoEviction != there.NoEviction, "-M", fmt.Sprint(here.NoEviction), fmt.Sprint(there.NoEviction))
	differ(!slices.Equal(here.LocalKeys, there.LocalKeys), "--local-keys", some(here.LocalKeys), some(there.LocalKeys))
	return found
}

// some is a list, or its beginning: the peer's may be as long as a snapshot, and each
// warning goes back to it.
func some(list []string) string { return few(fmt.Sprint(list)) }

// few is a text, or its beginning.
func few(text string) string {
	if len(text) <= maxListBytes {
		return text
	}
	return strings.ToValidUTF8(text[:maxListBytes], "") + "..."
}

func mib(n uint64) string { return fmt.Sprintf("%d MiB", n>>20) }

func millis(n int64) string { return (time.Duration(n) * time.Millisecond).String() }
