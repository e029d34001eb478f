//go:build mutants

package rule

import "fmt"

// The rules. See All for what each says.
var (
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
	BarrierLooksAgain   = true
	WallBound           = true
	UntouchedJoins      = true
	UntouchedRewinds    = true
	GoneProvesNothing   = true
	OneStays            = true
	ByeAnswered         = true
	RefusedStaysShut    = true
)

var byName = map[string]*bool{
	"Observe":             &Observe,
	"ClockBound":          &ClockBound,
	"TombstoneOnMiss":     &TombstoneOnMiss,
	"MarkerOnEviction":    &MarkerOnEviction,
	"MarkerBelow":         &MarkerBelow,
	"MarkerOfTouched":     &MarkerOfTouched,
	"TombstoneUntilAcked": &TombstoneUntilAcked,
	"GraveRejects":        &GraveRejects,
	"GraveAnnounced":      &GraveAnnounced,
	"GraveAgain":          &GraveAgain,
	"GraveUntilAcked":     &GraveUntilAcked,
	"GraveGeneration":     &GraveGeneration,
	"GraveMarker":         &GraveMarker,
	"GraveResends":        &GraveResends,
	"GraveReturns":        &GraveReturns,
	"GraveSettles":        &GraveSettles,
	"CursorIncarnation":   &CursorIncarnation,
	"ResumeLastPeer":      &ResumeLastPeer,
	"EmptyCursor":         &EmptyCursor,
	"OldPeerBuries":       &OldPeerBuries,
	"FlushInState":        &FlushInState,
	"TouchOnlyIfAcked":    &TouchOnlyIfAcked,
	"TouchDropsOlder":     &TouchDropsOlder,
	"ExpiredIsAValue":     &ExpiredIsAValue,
	"BulkCarriesValues":   &BulkCarriesValues,
	"OversizeDropsOlder":  &OversizeDropsOlder,
	"AcksInOrder":         &AcksInOrder,
	"OneSession":          &OneSession,
	"BarrierTwice":        &BarrierTwice,
	"ClockOffset":         &ClockOffset,
	"SlotsDiffer":         &SlotsDiffer,
	"BarrierAfterGraves":  &BarrierAfterGraves,
	"BarrierLooksAgain":   &BarrierLooksAgain,
	"WallBound":           &WallBound,
	"UntouchedJoins":      &UntouchedJoins,
	"UntouchedRewinds":    &UntouchedRewinds,
	"GoneProvesNothing":   &GoneProvesNothing,
	"OneStays":            &OneStays,
	"ByeAnswered":         &ByeAnswered,
	"RefusedStaysShut":    &RefusedStaysShut,
}

// Switch turns a rule on or off, and returns an error for a name that none has.
// Nothing may be running.
func Switch(name string, on bool) error {
	r := byName[name]
	if r == nil {
		return fmt.Errorf("rule: there is no rule %q", name)
	}
	*r = on
	return nil
}
