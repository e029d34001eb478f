package e2e

import (
	"slices"

	"twincached/internal/session"
)

// remedies are what a warning says is to be done.
var remedies = map[string]string{
	"one_copy_left":  "Start the peer, or look into its log. Do not stop this node.",
	"clock_jumped":   "Set the machine's clock.",
	"clock_skew":     "Set the clock that is wrong, then restart its node.", // of clocks that are days apart
	"not_on_peer":    "Give both nodes the same -m, -I and -M.",
	"lag":            "Look at the network and the peer's processor.",
	"log_dropped":    "Look at whoever reads the log.",
	"settings":       "Give both nodes the same flags.",
	"same_id":        "Stop one of them, remove the file node-id from its --state-dir, and start it again.",
	"full":           "Give it a larger -m, or leave out -M: then it evicts what was not read for longest.",
	"state_not_kept": "Make room there. Until then, the machine's clock has to be right when this node is restarted.",
}

// remedy is what a warning says is to be done where the refusal, if there is one, has this
// cause.
func remedy(word, cause string) string {
	switch {
	case word == "refused", word == "one_copy_left" && cause != "" && cause != "SELF":
		return session.Denial{Cause: cause}.Remedy()
	case word == "one_copy_left" && cause == "SELF":
		return "Let -x name the other node: it leads back to this one."
	}
	return remedies[word]
}

// drill is docs/drill.md: in the order of docs/faults.md, and of time.
var drill = slices.Concat(drillOfEnds, drillOfCopies, drillOfLoad, drillOfAddresses, misfits("AUTH"), misfits("CLUSTER"), misfits("PEER_TAKEN"),
	drillOfState, drillOfClocks, drillOfRoom, drillOfStrangers, drillOfLog)

// noisy are events of dials that find nobody who answers: which one it is depends on what
// the other side is at.
var noisy = []string{"peer_unreachable", "peer_silent", "peer_hung_up", "handshake_slow"}

// silent are besides those what is said, after 3 s, of a peer that takes the call and says nothing.
// A node that starts is refused then.
var silent = append([]string{"refused", "SILENT", "not_serving"}, noisy...)

var drillOfEnds = []seen{
	{name: "killed", fault: "TestFailure_NodeKilled", when: "*b*, while *a* is dead",
		state: "ready, alone", warnings: []string{"one_copy_left"}, log: []string{"link_lost", "peer_unreachable"},
		metrics: []string{`repl_dial_failures_total`}, problems: []string{"A no_answer", "B one_copy_left"}},
	{name: "killed, back", fault: "TestFailure_NodeKilled", when: "*a*, when it is back",
		state: "ready", up: true, log: []string{"copied"}, metrics: []string{`repl_sessions_total`}},
	{name: "cable", fault: "TestFailure_CablePulled", when: "*b*, with the cable out",
		state: "ready, alone", warnings: []string{"one_copy_left"}, log: []string{"link_lost"}, may: silent,
		problems: []string{"A one_copy_left", "B one_copy_left"}},
	{name: "cable, a waits", fault: "TestFailure_CablePulled", when: "*a*, restarted with the cable out",
		state: "joining", log: []string{"joining"}, may: silent,
		problems: []string{"A not_serving", "B one_copy_left"}},
	{name: "stopped", fault: "TestFailure_NodeStoppedThenContinued", when: "*a*, while *b* is stopped",
		state: "ready, alone", refusal: "SILENT", warnings: []string{"one_copy_left", "refused"}, log: []string{"link_lost", "peer_silent"}, may: noisy,
		problems: []string{"A one_copy_left", "A refused", "B no_answer"}},
	{name: "terminated, a", fault: "TestFailure_NodeTerminated", when: "*a*, which has ended",
		log: []string{"draining", "stopped"}},
	{name: "terminated", fault: "TestFailure_NodeTerminated", when: "*b*, when *a* has gone",
		state: "ready, alone", warnings: []string{"one_copy_left"}, log: []string{"peer_stopped"}, may: noisy,
		problems: []string{"A no_answer", "B one_copy_left"}},
	{name: "restarted", fault: "TestFailure_NodeRestarts", when: "*b*, which has copied",
		state: "ready", up: true, log: []string{"copying", "copied"}, metrics: []string{`repl_copy_items{direction="in"}`}},
	{name: "draining", fault: "TestFailure_BothNodesRestarted", when: "*b*, which stops last and waits",
		state: "draining", log: []string{"draining", "handover_waits"}, may: noisy, problems: []string{"A no_answer", "B not_serving"}},
	{name: "both stopped", fault: "TestFailure_BothNodesRestarted", when: "*b*, which has ended alone",
		log: []string{"draining", "handover_waits"}, says: "items may not be on the peer", may: append([]string{"ended"}, noisy...), exit: 3},
}

var drillOfCopies = []seen{
	{name: "source died", fault: "TestFailure_SourceDiesDuringTheCopy", when: "*b*, which serves a part",
		state: "ready, partial", warnings: []string{"one_copy_left"}, log: []string{"alone", "link_lost"}, may: silent,
		problems: []string{"A no_answer", "B one_copy_left"}},
	{name: "cut copy", fault: "TestFailure_LinkDropsDuringTheCopy", when: "*b*, during the cut",
		state: "joining", log: []string{"copying", "link_lost"}, may: noisy, problems: []string{"A one_copy_left", "B not_serving"}},
	{name: "cut off", fault: "TestFailure_NodesCutOffFromEachOther", when: "either node, during the cut",
		state: "ready, alone", warnings: []string{"one_copy_left"}, log: []string{"link_lost"}, may: noisy,
		metrics: []string{"repl_unacked_items"}, problems: []string{"A one_copy_left", "B one_copy_left"}},
	{name: "cut off, after", fault: "TestFailure_NodesCutOffFromEachOther", when: "either node, afterwards",
		state: "ready", up: true, log: []string{"link_lost", "linked"}, may: noisy, metrics: []string{"repl_resumes_total"}},
	{name: "both empty", fault: "TestFailure_BothStartEmpty", when: "either node",
		state: "ready", up: true, log: []string{"joining", "linked", "ready"}},
	{name: "flush", fault: "TestFailure_FlushDuringACut", when: "the node that took it, during the cut",
		state: "ready, alone", warnings: []string{"one_copy_left"}, log: []string{"link_lost"}, may: noisy,
		problems: []string{"A one_copy_left", "B one_copy_left"}},
}

var drillOfLoad = []seen{
	{name: "slow", fault: "TestFailure_PeerIsSlow", when: "*a*, while the wire is too thin",
		state: "ready", up: true, warnings: []string{"lag"}, metrics: []string{"repl_current_lag_seconds"},
		problems: []string{"A lag"}, may: []string{"B lag"}},
	{name: "large", fault: "TestFailure_LargeValueOnItsWay", when: "*a*, with both values on *b*",
		state: "ready", up: true, may: []string{"lag"}},
	{name: "greedy", fault: "TestFailure_GreedyClients", when: "the node, when it has closed some",
		state: "ready, alone", log: []string{"conn_shed"}, metrics: []string{"connections_shed_total"}},
	{name: "guesses", fault: "TestFailure_PasswordsAreGuessed", when: "the node, meanwhile",
		state: "ready, alone", log: []string{"logins_delayed"}, metrics: []string{"auth_delayed_total", "auth_errors_total"}},
}

var drillOfAddresses = []seen{
	{name: "self", fault: "TestFailure_PeerNameIsThisNode", when: "the node",
		state: "ready, alone", lastError: "SELF", warnings: []string{"one_copy_left"}, log: []string{"alone", "peer_is_self"}, metrics: []string{`repl_refused_total{cause="self"}`},
		problems: []string{"A one_copy_left"}},
	{name: "no node", fault: "TestFailure_PeerAddressIsNoNode", when: "the node, while it stays shut",
		state: "refused", refusal: "BADFRAME", warnings: []string{"refused"}, log: []string{"not_serving", "refused"}, metrics: []string{`repl_refused_total{cause="badframe"}`},
		problems: []string{"A not_serving", "A refused"}},
}

// misfits are two nodes that do not fit, for a cause. All look like the first.
func misfits(cause string) []seen {
	like := cause != "AUTH"
	return []seen{
		{name: "misfit, a, " + cause, like: like, fault: "TestFailure_NodesThatDoNotFit", when: "*a*, which serves. The cause is AUTH here; CLUSTER and PEER_TAKEN look the same",
			state: "ready, alone", refusal: cause, warnings: []string{"one_copy_left", "refused"}, log: []string{"refused"}, may: append([]string{"alone", "secret_short"}, noisy...),
			problems: []string{"A one_copy_left", "A refused", "B not_serving", "B refused"}},
		{name: "misfit, " + cause, like: like, fault: "TestFailure_NodesThatDoNotFit", when: "*b*, which stays shut",
			state: "refused", refusal: cause, warnings: []string{"refused"}, log: []string{"not_serving", "refused"}, may: []string{"secret_short"},
			problems: []string{"A one_copy_left", "A refused", "B not_serving", "B refused"}},
		{name: "misfit, serves, " + cause, like: like, fault: "TestFailure_NodesThatDoNotFit", when: "*b*, told to serve beside *a*",
			state: "ready, alone", refusal: cause, warnings: []string{"one_copy_left", "refused"}, log: []string{"beside_peer", "refused"}, may: []string{"not_serving", "secret_short"},
			problems: []string{"A one_copy_left", "A refused", "B one_copy_left", "B refused"}},
	}
}

var drillOfState = []seen{
	{name: "versions", fault: "TestFailure_VersionsFarAhead", when: "the node, when it has hung up",
		state: "ready, alone", refusal: "BADFRAME", warnings: []string{"one_copy_left", "refused"}, log: []string{"link_lost"}, metrics: []string{`repl_refused_total{cause="badframe"}`},
		problems: []string{"A one_copy_left", "A refused"}},
	{name: "copied state", fault: "TestFailure_CopiedStateDir", when: "either node",
		state: "ready", up: true, warnings: []string{"same_id"}, log: []string{"same_id"}, may: append([]string{"alone", "secret_short"}, noisy...),
		metrics: []string{`repl_refused_total{cause="same_id"}`}, problems: []string{"A same_id", "B same_id"}},
	{name: "shared state", fault: "TestFailure_SharedStateDir", when: "the second process, which has ended",
		says: "is in use by another process", may: []string{"ended"}, exit: 71},
	{name: "state disk", fault: "TestFailure_StateDiskFull", when: "the node",
		state: "ready, alone", warnings: []string{"state_not_kept"}, log: []string{"state_not_kept"}, problems: []string{"A state_not_kept"}},
	{name: "two sigterms", fault: "TestFailure_TwoSigtermsAtOnce", when: "*a*, which has ended",
		log: []string{"draining", "signal_again", "stopped"}, may: append([]string{"link_lost"}, noisy...)},
}

// forTests is said of the variable that moves the clock: people's program does not know it.
var forTests = []string{"unknown_variable"}

var drillOfClocks = []seen{
	{name: "clock jumps", fault: "TestFailure_ClockJumpsByDays", when: "*a*, meanwhile",
		state: "ready", up: true, warnings: []string{"clock_jumped"}, log: []string{"clock_jumped"}, may: forTests, metrics: []string{"clock_refused_seconds"},
		problems: []string{"A clock_jumped"}},
	{name: "clock is right", fault: "TestFailure_ClockJumpsByDays", when: "*a*, afterwards",
		state: "ready", up: true, log: []string{"clock_jumped", "clock_right"}, may: forTests},
	{name: "clock of the start", fault: "TestFailure_ClockOfAStartIsYearsAhead", when: "*b*, beside *a* with the wrong clock",
		state: "ready", up: true, warnings: []string{"clock_skew"}, log: []string{"clock_skew", "peer_clock"}, problems: []string{"A clock_skew", "B clock_skew"}},
	{name: "clock of the start, after", fault: "TestFailure_ClockOfAStartIsYearsAhead", when: "*a*, restarted with the right one",
		state: "ready", up: true, log: []string{"peer_clock"}, may: append([]string{"clock_behind"}, forTests...), metrics: []string{"repl_versions_ahead_seconds"}},
	{name: "clock refused, a", fault: "TestFailure_WhoHoldsItemsRefusesAClockYearsAhead", when: "*a*, which has the wrong clock and stays shut",
		state: "refused", refusal: "CLOCK", warnings: []string{"refused"}, log: []string{"not_serving", "refused"}, may: forTests, metrics: []string{`repl_refused_total{cause="clock"}`},
		problems: []string{"A not_serving", "A refused", "B one_copy_left", "B refused"}},
	{name: "clock refused, b", fault: "TestFailure_WhoHoldsItemsRefusesAClockYearsAhead", when: "*b*, which holds items",
		state: "ready, alone", refusal: "CLOCK", warnings: []string{"one_copy_left", "refused"}, log: []string{"alone", "refused"}, metrics: []string{`repl_refused_total{cause="clock"}`},
		problems: []string{"A not_serving", "A refused", "B one_copy_left", "B refused"}},
}

var drillOfRoom = []seen{
	{name: "no room, a", fault: "TestFailure_PeerHasNoRoom", when: "*a*, which holds more",
		state: "ready", up: true, warnings: []string{"not_on_peer", "settings"}, log: []string{"not_on_peer", "settings"}, metrics: []string{"repl_not_on_peer_items"},
		problems: []string{"A not_on_peer", "A settings", "B settings"}},
	{name: "no room, b", fault: "TestFailure_PeerHasNoRoom", when: "*b*, which has no room",
		state: "ready", up: true, warnings: []string{"settings"}, log: []string{"not_stored", "settings"},
		problems: []string{"A not_on_peer", "A settings", "B settings"}},
	{name: "no room, stopped", fault: "TestFailure_PeerHasNoRoom", when: "*a*, which was stopped as planned",
		log: []string{"draining", "not_handed_over", "not_on_peer", "settings"}, exit: 3},
	{name: "full", fault: "TestFailure_DeleteWithoutMemory", when: "*a*, which refuses sets",
		state: "ready, alone", warnings: []string{"full", "one_copy_left"}, log: []string{"link_lost"}, may: noisy,
		problems: []string{"A full", "A one_copy_left"}},
}

var drillOfStrangers = []seen{
	{name: "third", fault: "TestFailure_ThirdNode", when: "the third node",
		state: "refused", refusal: "PEER_TAKEN", warnings: []string{"refused"}, log: []string{"not_serving", "refused"}, may: []string{"secret_short"},
		problems: []string{"A not_serving", "A refused"}},
	{name: "third, a", fault: "TestFailure_ThirdNode", when: "*a*",
		state: "ready", up: true, log: []string{"refused"}, metrics: []string{`repl_refused_total{cause="peer_taken"}`}},
	{name: "third, after", fault: "TestFailure_ThirdNode", when: "*a*, when the third node has *b*'s place",
		state: "ready", up: true, log: []string{"link_lost", "peer_replaced", "refused"}, may: noisy, metrics: []string{`repl_refused_total{cause="replaced"}`}},
	{name: "histories", fault: "TestFailure_TwoHistories", when: "either node",
		state: "ready, alone", refusal: "HISTORY", warnings: []string{"one_copy_left", "refused"}, log: []string{"link_lost", "refused"}, may: noisy,
		metrics: []string{`repl_refused_total{cause="history"}`}, problems: []string{"A one_copy_left", "A refused", "B one_copy_left", "B refused"}},
}

var drillOfLog = []seen{
	{name: "log", fault: "TestFailure_LogThatNobodyReads", when: "*a*, whose log nobody reads",
		state: "ready", up: true, warnings: []string{"log_dropped"}, metrics: []string{"log_lines_dropped_total"}, problems: []string{"A log_dropped"}, may: []string{"B log_dropped"}},
}
