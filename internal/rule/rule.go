// Package rule names the safety rules of replication: each is one decision in the
// code that must not be missing. In the program all of them are constants, and the
// compiler leaves nothing of this package behind. With the build tag "mutants" they
// are variables, so that the simulation can switch one off and show that it notices.
package rule

// Rule is one row of the table of mutants.
type Rule struct {
	Name   string // as in the code
	Says   string // what the rule demands
	Mutant string // what happens without it
}

// All is every rule, in the order of the table in docs/reliability.md.
var All = []Rule{
	{"Observe", "the clock is lifted above every version that arrives, before it is applied", "a later write gets a lower version"},
	{"ClockBound", "a restarted node makes no version below its earlier ones", "the clock begins anew"},
	{"TombstoneOnMiss", "a delete leaves a tombstone though the key was not there", "only hits leave one"},
	{"MarkerOnEviction", "removing what the peer has not acknowledged leaves a marker", "it vanishes"},
	{"MarkerBelow", "the marker kills strictly older copies only", "it kills the same version too"},
	{"MarkerOfTouched", "the marker of a touched item kills the version itself", "the peer keeps its outdated expiry"},
	{"TombstoneUntilAcked", "a tombstone is kept until it was acknowledged", "until it was sent"},
	{"GraveRejects", "a value that the own grave matches is refused", "it is stored"},
	{"GraveAnnounced", "a grave is announced", "it is kept to oneself"},
	{"GraveAgain", "what was buried while a grave was under way is announced when that one is acknowledged", "not before the next session"},
	{"GraveUntilAcked", "a grave is kept until it was acknowledged", "until it was sent"},
	{"GraveGeneration", "the acknowledgement of a grave clears what that one said", "also what was buried since"},
	{"GraveMarker", "evicting for the peer's grave leaves a marker", "it vanishes"},
	{"GraveResends", "what the own grave covers and is still held travels again, also what the peer had sent", "it stays on one node"},
	{"GraveReturns", "what the peer sends and the own grave covers travels back, as the peer evicts it", "it stays on one node"},
	{"GraveSettles", "a grave also reaches what is touched while it is carried out", "that escapes to the end of the list"},
	{"CursorIncarnation", "a cursor counts for the incarnation that it names only", "for any"},
	{"ResumeLastPeer", "cursors count only from the peer last replicated with", "from every peer"},
	{"EmptyCursor", "a cursor from before the copy was announced makes it begin anew", "the live lane goes on from the start"},
	{"OldPeerBuries", "an old peer that returns with data gets a grave for every key", "nothing"},
	{"FlushInState", "STATE carries the flush watermark", "only FLUSH does"},
	{"TouchOnlyIfAcked", "an expiry travels without the value only if that was acknowledged", "if it was sent"},
	{"TouchDropsOlder", "a touch of an unknown version drops the older one", "the older one stays"},
	{"ExpiredIsAValue", "a value that has expired gives way to a later touch", "it counts as a delete"},
	{"BulkCarriesValues", "the bulk lane carries values, also of touched items", "it carries touches"},
	{"OversizeDropsOlder", "a value too large to store drops the older one", "the older one stays"},
	{"AcksInOrder", "acknowledgements travel in one stream with the data", "they overtake it"},
	{"OneSession", "an old connection is dead before the next session begins", "its frames still count"},
	{"BarrierTwice", "BARRIER waits for the tails noted twice", "noted once"},
	{"ClockOffset", "expiries follow the receiver's clock", "the sender's"},
	{"SlotsDiffer", "two nodes that are linked make no version twice", "they keep the slot that both have"},
	{"BarrierAfterGraves", "BARRIER waits for the graves of what the tails stand for", "it does not"},
	{"WallBound", "a wall clock that jumps by days is not followed", "it is followed"},
	{"UntouchedJoins", "a node that never held anything goes on from versions far ahead", "it refuses them as the others do"},
	{"UntouchedRewinds", "a node that never held anything gives up a bound far ahead when it meets its peer", "it insists on it"},
	{"BarrierLooksAgain", "BARRIER comes behind what was buried or flushed while those were collected", "it overtakes that"},
	{"GoneProvesNothing", "what a peer acknowledged that has left proves nothing to a node that stops", "it counts as handed over"},
	{"OneStays", "of two nodes that stop at the same moment one stays until somebody takes over", "both go"},
	{"ByeAnswered", "a node goes when the peer has said that it has read BYE and stays", "when the connection ends"},
	{"RefusedStaysShut", "a node that starts does not open beside a peer that refuses it", "it opens as if nobody were there"},
}
