package sim

import (
	"fmt"

	"twincached/store"
)

// How versions and records look in a trace: @ms since the start, then the logical
// part and the slot where they are not zero.

func (w *world) sprint(format string, args ...any) string { return fmt.Sprintf(format, args...) }

func (w *world) ver(v uint64) string {
	if v == 0 {
		return "@0"
	}
	if v == forGood {
		return "@never"
	}
	millis, logical, slot := store.VersionParts(v)
	text := fmt.Sprintf("@%d", millis-startMillis)
	if logical != 0 {
		text += fmt.Sprintf(".%d", logical)
	}
	if slot == store.MaxSlot { // just below a version of slot 0, as a marker is
		return w.ver(v+1) + "-"
	} else if slot > 0 {
		text += fmt.Sprintf("/%d", slot)
	}
	return text
}

func (w *world) fact(f fact) string {
	switch f.expVersion {
	case f.version:
		return w.ver(f.version)
	case forGood:
		return w.ver(f.version) + " (dead)"
	}
	return w.ver(f.version) + " touched " + w.ver(f.expVersion)
}

func (w *world) record(r *store.Record) string {
	op := [...]string{"value", "tombstone", "touch", "", "value in pieces"}[r.Op]
	text := fmt.Sprintf("%s of %s %s", op, r.Key, w.fact(fact{r.Version, r.ExpVersion}))
	if r.Expires != 0 {
		text += fmt.Sprintf(" expires %d", r.Expires-startMillis)
	}
	if r.Marks != 0 {
		text += fmt.Sprintf(" marks %d", r.Marks)
	}
	return text
}
