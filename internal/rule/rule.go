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

// All is every rule, in the order of the table in docs/measured.md.
var All = []Rule{
	{"CursorIncarnation", "a cursor counts for the incarnation that it names only", "for any"},
	{"BarrierTwice", "BARRIER waits for the tails noted twice", "noted once"},
	{"ClockOffset", "expiries follow the receiver's clock", "the sender's"},
	{"SlotsDiffer", "two nodes that are linked make no version twice", "they keep the slot that both have"},
	{"BarrierAfterGraves", "BARRIER waits for the graves of what the tails stand for", "it does not"},
	{"UntouchedJoins", "a node that never held anything goes on from versions far ahead", "it refuses them as the others do"},
	{"UntouchedRewinds", "a node that never held anything gives up a bound far ahead when it meets its peer", "it insists on it"},
	{"BarrierLooksAgain", "BARRIER comes behind what was buried or flushed while those were collected", "it overtakes that"},
	{"GoneProvesNothing", "what a peer acknowledged that has left proves nothing to a node that stops", "it counts as handed over"},
	{"OneStays", "of two nodes that stop at the same moment one stays until somebody takes over", "both go"},
	{"ByeAnswered", "a node goes when the peer has said that it has read BYE and stays", "when the connection ends"},
	{"RefusedStaysShut", "a node that starts does not open beside a peer that refuses it", "it opens as if nobody were there"},
}
