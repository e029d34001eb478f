package wire

import "strconv"

// ByeCode says why a side ends the session.
type ByeCode uint8

// The reasons. Numbers travel: append only.
const (
	ByePlanned   ByeCode = 1  // the sender stops on purpose and has everything acknowledged
	ByeSelf      ByeCode = 2  // the peer address leads back to the sender itself
	ByeDuplicate ByeCode = 3  // another connection between the same two nodes wins
	ByePeerTaken ByeCode = 4  // the sender has another peer, or is pinned to one
	ByeHistory   ByeCode = 5  // both sides hold data and both replicated with somebody else before
	ByeCluster   ByeCode = 6  // the cluster names differ
	ByeAuth      ByeCode = 7  // the MAC is wrong
	ByeProto     ByeCode = 8  // no common protocol version, or another number of partitions
	ByeClock     ByeCode = 9  // the peer's clock is too far ahead
	ByeSlot      ByeCode = 10 // both sides have the same slot and it could not be changed
	ByeBadFrame  ByeCode = 11 // a frame that breaks the protocol
	ByeTLS       ByeCode = 12 // one side speaks TLS and the other does not
	ByeStays     ByeCode = 13 // the answer to PLANNED: it has been read, and the sender stays
	ByeGivesUp   ByeCode = 14 // the sender stops for good, though not everything was acknowledged
)

var byeNames = [...]string{
	ByePlanned: "PLANNED", ByeSelf: "SELF", ByeDuplicate: "DUPLICATE", ByePeerTaken: "PEER_TAKEN",
	ByeHistory: "HISTORY", ByeCluster: "CLUSTER", ByeAuth: "AUTH", ByeProto: "PROTO",
	ByeClock: "CLOCK", ByeSlot: "SLOT", ByeBadFrame: "BADFRAME", ByeTLS: "TLS", ByeStays: "STAYS",
	ByeGivesUp: "GIVES_UP",
}

// String is the code's name as docs/protocol.md writes it, or "code N".
func (c ByeCode) String() string {
	if int(c) < len(byeNames) && byeNames[c] != "" {
		return byeNames[c]
	}
	return "code " + strconv.Itoa(int(c))
}
