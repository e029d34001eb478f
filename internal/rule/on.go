//go:build !mutants

package rule

// The rules. See All for what each says.
const (
	CursorIncarnation  = true
	BarrierTwice       = true
	ClockOffset        = true
	SlotsDiffer        = true
	BarrierAfterGraves = true
	UntouchedJoins     = true
	UntouchedRewinds   = true
	BarrierLooksAgain  = true
	GoneProvesNothing  = true
	OneStays           = true
	ByeAnswered        = true
	RefusedStaysShut   = true
)
