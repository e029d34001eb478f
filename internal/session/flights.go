package session

import "twincached/store"

// flight is one numbered frame under way: what its ACK will mean.
type flight struct {
	n      uint64
	cursor store.Cursor
	gen    uint64 // of a grave
	sentAt int64  // Unix ms
	bytes  int32
	part   uint8
	kind   flightKind
}

type flightKind uint8

const (
	flightPlain flightKind = iota // only its bytes count
	flightData                    // cursor: a batch or DONE
	flightGrave                   // gen
)

// flights is the list of frames under way, oldest first: a ring that grows to its
// working size and stays.
type flights struct {
	ring  []flight
	head  int
	num   int
	bytes int
}

func (f *flights) push(e flight) {
	if f.num == len(f.ring) {
		grown := make([]flight, max(64, 2*len(f.ring)))
		for i := range f.num {
			grown[i] = f.ring[(f.head+i)%len(f.ring)]
		}
		f.ring, f.head = grown, 0
	}
	f.ring[(f.head+f.num)%len(f.ring)] = e
	f.num++
	f.bytes += int(e.bytes)
}

// oldest returns the oldest frame under way, nil if there is none.
func (f *flights) oldest() *flight {
	if f.num == 0 {
		return nil
	}
	return &f.ring[f.head]
}

func (f *flights) pop() {
	f.bytes -= int(f.ring[f.head].bytes)
	f.head = (f.head + 1) % len(f.ring)
	f.num--
}

// full says that no more data may be sent before an ACK.
func (f *flights) full(window int) bool { return f.bytes >= window || f.num >= windowFrames }
