package store

// The time of the last access is for people and for the meta protocol, not for
// decisions: each node notes its own, in 11 bits of the header, on one of two
// scales.
//
//	fine    1 | seconds mod 1024          ages under 17 minutes, to the second
//	coarse  0 | units of 512 s mod 1024   ages under 6 days
//
// An access is noted on the fine scale. The sweep, which passes each item every
// few minutes, brings it to the coarse one in time, and holds what is older than
// three days there, so that neither scale runs over. A node that was stopped for
// longer than that may show ages that are too small.
const (
	accessFine       = 1 << 10
	accessMask       = accessFine - 1
	accessCoarseSec  = 512 // a unit of the coarse scale, in s
	accessFineMaxSec = 512 // age from which the sweep goes over to the coarse scale, in s
	accessMaxUnits   = 512 // age that the coarse scale is held at, in units
)

func (h *header) accessCode() uint16 {
	return uint16(h.mix>>mixAccessShift)<<accessLoBits | uint16(h.accessLo)
}

func (h *header) setAccessCode(c uint16) {
	h.mix = h.mix&(1<<mixAccessShift-1) | uint8(c>>accessLoBits)<<mixAccessShift
	h.accessLo = uint8(c)
}

// setAccess notes an access now.
func (h *header) setAccess(nowMillis int64) { h.setAccessCode(accessNow(nowMillis)) }

func accessNow(nowMillis int64) uint16 { return accessFine | uint16(nowMillis/1000&accessMask) }

// accessCode is the code of an access at a time in the past, or now; both in s.
func accessCode(at, now int64) uint16 {
	age := max(now-at, 0)
	switch {
	case age < accessFineMaxSec:
		return accessFine | uint16((now-age)&accessMask)
	case age/accessCoarseSec >= accessMaxUnits:
		return uint16((now/accessCoarseSec - accessMaxUnits) & accessMask)
	}
	return uint16(at / accessCoarseSec & accessMask)
}

// idleSeconds is the time since the last access.
func (h *header) idleSeconds(nowMillis int64) int64 {
	now, c := nowMillis/1000, h.accessCode()
	if c&accessFine != 0 {
		return (now - int64(c)) & accessMask
	}
	return (now/accessCoarseSec-int64(c))&accessMask*accessCoarseSec + now%accessCoarseSec
}

// ageAccess is the sweep's part.
func (h *header) ageAccess(nowMillis int64) {
	idle := h.idleSeconds(nowMillis)
	if idle >= accessFineMaxSec {
		h.setAccessCode(accessCode(nowMillis/1000-idle, nowMillis/1000))
	}
}
