//go:build !mutants

package rule

// The rules. See All for what each says.
const (
	Observe             = true
	ClockBound          = true
	TombstoneOnMiss     = true
	MarkerOnEviction    = true
	MarkerBelow         = true
	MarkerOfTouched     = true
	TombstoneUntilAcked = true
	GraveRejects        = true
	GraveAnnounced      = true
	GraveAgain          = true
	GraveUntilAcked     = true
	GraveGeneration     = true
	GraveMarker         = true
	GraveResends        = true
	GraveReturns        = true
	GraveSettles        = true
	CursorIncarnation   = true
	ResumeLastPeer      = true
	EmptyCursor         = true
	OldPeerBuries       = true
	FlushInState        = true
	TouchOnlyIfAcked    = true
	TouchDropsOlder     = true
	ExpiredIsAValue     = true
	BulkCarriesValues   = true
	OversizeDropsOlder  = true
	AcksInOrder         = true
	OneSession          = true
	BarrierTwice        = true
	ClockOffset         = true
	SlotsDiffer         = true
	BarrierAfterGraves  = true
	WallBound           = true
	UntouchedJoins      = true
	UntouchedRewinds    = true
	BarrierLooksAgain   = true
	GoneProvesNothing   = true
	OneStays            = true
	ByeAnswered         = true
	RefusedStaysShut    = true
)
