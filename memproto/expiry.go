package memproto

import "twincached/store"

const (
	// maxRelativeSeconds: a larger exptime is a Unix time (doc/protocol.txt,
	// "Expiration times").
	maxRelativeSeconds = 60 * 60 * 24 * 30
	// maxExptimeSeconds, the end of the year 9999, keeps the product with
	// 1000 far from overflow. Anything later means the same to everybody.
	maxExptimeSeconds = 253402300799
)

// absoluteExpiry converts a client's exptime in seconds to the store's
// absolute milliseconds: 0 never, store.AlreadyExpired if it has passed already.
func absoluteExpiry(nowMillis, seconds int64) int64 {
	switch {
	case seconds == 0:
		return 0
	case seconds < 0:
		return store.AlreadyExpired
	case seconds <= maxRelativeSeconds:
		return nowMillis + seconds*1000
	}
	at := min(seconds, maxExptimeSeconds) * 1000
	if at <= nowMillis {
		return store.AlreadyExpired
	}
	return at
}
