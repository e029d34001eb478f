package session

import (
	"twincached/internal/wire"
	"twincached/store"
)

// parcel is a large value on its way to the peer, in pieces: one at a time in a session.
// It is as it was when it was begun, whatever its item becomes meanwhile. Other partitions
// go on beside it; both lanes of its own wait, as a cursor cannot pass what has not been
// said, and so does its grave.
type parcel struct {
	loan *store.Loan // nil: there is none
	part int
	lane store.Lane
	at   int // bytes of it that have been sent
	sent store.Sent
}

// pieced says that the peer takes values in pieces.
func (s *Session) pieced() bool { return s.peer.Features&wire.FeaturePieces != 0 }

// begin makes what a Collect lent the parcel under way.
func (s *Session) begin(part int, lane store.Lane, sent store.Sent) {
	tx := s.tx
	if lane == store.Bulk {
		s.out.Lend(part)
	}
	tx.parcel = parcel{loan: sent.Loan, part: part, lane: lane, sent: sent}
	tx.parked[store.Live].Add(part)
	tx.parked[store.Bulk].Add(part)
}

// sendPiece sends the next piece of the parcel, or the item behind the last one.
func (s *Session) sendPiece(now int64) {
	tx := s.tx
	p := &tx.parcel
	l := p.loan
	start := tx.w.Len()
	if p.at < l.Bytes && !l.Overruled() && l.Read(p.at, s.cfg.Limits.PieceBytes, func(data []byte) {
		tx.n++
		tx.w.Piece(&wire.Piece{N: tx.n, Part: p.part, Lane: p.lane, Key: l.Key, Version: l.Version, Bytes: l.Bytes, At: p.at, Data: data})
		p.at += len(data)
	}) {
		s.fly(flight{}, start, int(p.lane), now)
		return
	}
	r := &l.Record
	r.Op = store.RecordPieced
	if p.at < l.Bytes || l.Overruled() {
		r = marker(l)
	}
	tx.w.BeginBatch(tx.n+1, p.part, p.lane)
	tx.w.Record(r)
	tx.w.EndBatch(p.sent.To)
	tx.n++
	s.fly(flight{kind: flightData, part: uint8(p.part), cursor: p.sent.Cursor}, start, int(p.lane), now)
	s.meter.itemsOut[p.lane].Add(1)
	s.arrived(now)
}

// arrived ends the parcel. Its partition, and those that stand before a large value of
// their own, go on.
func (s *Session) arrived(now int64) {
	tx := s.tx
	p := tx.parcel
	p.loan.Close()
	s.out.Arrived()
	tx.parcel, tx.parked = parcel{}, [2]store.PartSet{}
	if p.lane == store.Bulk {
		s.bulkPassed(now, p.part, p.sent, p.at)
	} else {
		tx.barrier.Passed(p.part, p.sent.To, true) // whether the lane has more by now, the next look at it tells
	}
}

// whole writes a large value into the open batch, for a peer that takes no pieces.
func (tx *sender) whole(l *store.Loan) {
	r := l.Record
	if !l.Read(0, l.Bytes, func(value []byte) { r.Value = value; tx.w.Record(&r) }) {
		tx.w.Record(marker(l))
	}
	l.Close()
}

// marker is sent in the place of a value that was taken back before it was sent, as if it
// had been evicted: it kills older copies. What the item is now stands further on in
// the change list. Where the peer has sent something newer, it has no copy to be killed for
// its expiry.
func marker(l *store.Loan) *store.Record {
	v := l.Version
	if l.ExpVersion == l.Version || l.Overruled() {
		v--
	}
	return &store.Record{Key: l.Key, Op: store.RecordTombstone, Version: v}
}

// onPiece takes a part of a large value. The first one of another value ends the one
// before, which the peer has given up.
func (s *Session) onPiece(now int64, f *wire.Piece) error {
	rx := &s.rx
	if f.At == 0 {
		rx.drop()
		in, err := s.cfg.Store.Incoming(f.Part, f.Key, f.Version, f.Bytes)
		if err != nil {
			return err
		}
		rx.in, rx.inPart = in, f.Part
	}
	return rx.in.Add(now, f.Key, f.Version, f.Bytes, f.At, f.Data)
}

// drop forgets what has come of a large value.
func (rx *receiver) drop() {
	rx.in.Drop()
	rx.in = nil
}

// applyBatch merges a batch. What has come in pieces for its partition is its only item,
// or was given up.
func (s *Session) applyBatch(now int64, f *wire.Batch) error {
	st, rx := s.cfg.Store, &s.rx
	if rx.in != nil && rx.inPart == f.Part {
		defer rx.drop()
	}
	if len(f.Records) == 1 && f.Records[0].Op == store.RecordPieced {
		return st.ApplyIncoming(now, f.Part, f.Lane, f.To, &f.Records[0], rx.in)
	}
	return st.ApplyBatch(now, f.Part, f.Lane, f.To, f.Records)
}
