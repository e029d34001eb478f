package session

import "twincached/store"

// flight is one numbered frame under way, and what to do when its ACK arrives.
type flight struct {
	n      uint64
	cursor store.Cursor // of flightData: how far the peer is then
	gen    uint64       // of flightGrave: the generation of the grave
	sentAt int64        // Unix ms
	bytes  int32
	part   uint8
	kind   flightKind
}

type flightKind uint8

const (
	flightPlain flightKind = iota // nothing more to do
	flightData                    // a batch or DONE
	flightGrave                   // a grave
)

// flights is the list of frames under way, oldest first. It is a ring that grows and never
// shrinks.
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

// full says that no more data may be sent before the next ACK.
func (f *flights) full(window int) bool { return f.bytes >= window || f.num >= windowFrames }
