package session

import "twincached/store"

// flight is one numbered frame under way, and what to do when its ACK arrives.
type flight struct {
	n      uint64
	gen    uint64 // of flightGrave: the generation of the grave
	sentAt int64  // Unix ms
	bytes  int32
	parts  uint16 // of flightData: how many partitions it moves
	part   uint8  // of flightGrave
	kind   flightKind
}

type flightKind uint8

const (
	flightPlain flightKind = iota // nothing more to do
	flightData                    // batches, or DONE
	flightGrave                   // a grave
)

// reach is how far the peer is in a partition once a frame has been acknowledged.
type reach struct {
	cursor store.Cursor
	part   uint8
}

// flights is the list of frames under way, oldest first, and of what they move.
type flights struct {
	frames  queue[flight]
	reaches queue[reach] // of all frames, in their order; those of a frame that is being written are here before it
	bytes   int
}

func (f *flights) push(e flight) {
	f.frames.push(e)
	f.bytes += int(e.bytes)
}

// moves notes what the next frame moves.
func (f *flights) moves(part int, c store.Cursor) { f.reaches.push(reach{c, uint8(part)}) }

// oldest returns the oldest frame under way, nil if there is none.
func (f *flights) oldest() *flight { return f.frames.oldest() }

// pop takes the oldest frame off the list. Its reaches have been taken off before.
func (f *flights) pop() {
	f.bytes -= int(f.frames.oldest().bytes)
	f.frames.pop()
}

// full says that no more data may be sent before the next ACK.
func (f *flights) full(window int) bool {
	return f.bytes >= window || f.frames.num >= windowFrames || f.reaches.num >= windowFrames
}

// queue is a ring that grows and never shrinks.
type queue[T any] struct {
	ring []T // its length is a power of two
	head int
	num  int
}

func (q *queue[T]) push(e T) {
	if q.num == len(q.ring) {
		grown := make([]T, max(64, 2*len(q.ring)))
		for i := range q.num {
			grown[i] = q.ring[(q.head+i)&(len(q.ring)-1)]
		}
		q.ring, q.head = grown, 0
	}
	q.ring[(q.head+q.num)&(len(q.ring)-1)] = e
	q.num++
}

// oldest returns the element that was pushed first, nil if there is none. It may be changed.
func (q *queue[T]) oldest() *T {
	if q.num == 0 {
		return nil
	}
	return &q.ring[q.head]
}

func (q *queue[T]) pop() {
	q.head = (q.head + 1) & (len(q.ring) - 1)
	q.num--
}
