//go:build mutants

package rule

import "fmt"

// The rules. See All for what each says.
var (
	CursorIncarnation  = true
	BarrierTwice       = true
	ClockOffset        = true
	SlotsDiffer        = true
	BarrierAfterGraves = true
	BarrierLooksAgain  = true
	UntouchedJoins     = true
	UntouchedRewinds   = true
	GoneProvesNothing  = true
	OneStays           = true
	ByeAnswered        = true
	RefusedStaysShut   = true
)

var byName = map[string]*bool{
	"CursorIncarnation":  &CursorIncarnation,
	"BarrierTwice":       &BarrierTwice,
	"ClockOffset":        &ClockOffset,
	"SlotsDiffer":        &SlotsDiffer,
	"BarrierAfterGraves": &BarrierAfterGraves,
	"BarrierLooksAgain":  &BarrierLooksAgain,
	"UntouchedJoins":     &UntouchedJoins,
	"UntouchedRewinds":   &UntouchedRewinds,
	"GoneProvesNothing":  &GoneProvesNothing,
	"OneStays":           &OneStays,
	"ByeAnswered":        &ByeAnswered,
	"RefusedStaysShut":   &RefusedStaysShut,
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
