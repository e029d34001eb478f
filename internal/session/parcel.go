package session

import (
	"twincached/internal/wire"
	"twincached/store"
)

// parcel is a large value that is being sent in pieces. A session has one at a time. The
// value stays as it was when its first piece was sent, whatever becomes of the item. Other
// partitions go on meanwhile. Both lanes of its own partition wait, because a cursor cannot
// pass what has not been sent, and so does its grave.
type parcel struct {
	loan *store.Loan // the value; nil = there is no parcel
	part int
	lane store.Lane
	at   int        // how many bytes have been sent
	sent store.Sent // what Collect said of it
}

// beginParcel makes the value that Collect lent the parcel.
func (s *Session) beginParcel(part int, lane store.Lane, sent store.Sent) {
	tx := s.tx
	if lane == store.Bulk {
		s.out.BeginLarge(part)
	}
	tx.parcel = parcel{loan: sent.Loan, part: part, lane: lane, sent: sent}
	tx.parked[store.Live].Add(part)
	tx.parked[store.Bulk].Add(part)
}

// sendPiece sends the next piece of the parcel, or, after the last piece, its item.
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
		s.noteSent(flight{}, start, int(p.lane), now)
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
	tx.flights.moves(p.part, p.sent.Cursor)
	s.noteSent(flight{kind: flightData, parts: 1}, start, int(p.lane), now)
	s.meter.itemsOut[p.lane].Add(1)
	s.endParcel(now)
}

// endParcel ends the parcel. The partitions that waited for its end go on.
func (s *Session) endParcel(now int64) {
	tx := s.tx
	p := tx.parcel
	p.loan.Close()
	s.out.EndLarge()
	tx.parcel, tx.parked = parcel{}, [2]store.PartSet{}
	if p.lane == store.Bulk {
		if s.bulkPassed(now, p.part, p.sent, p.at); p.sent.Done {
			s.sendDone(now, p.part, p.sent.Cursor)
		}
	} else {
		tx.barrier.Passed(p.part, p.sent.To, true) // true: the next Collect finds out whether the lane has more by now
	}
}

// whole writes a large value into the open batch, for a peer that cannot read pieces.
func (tx *sender) whole(l *store.Loan) {
	r := l.Record
	if !l.Read(0, l.Bytes, func(value []byte) { r.Value = value; tx.w.Record(&r) }) {
		tx.w.Record(marker(l))
	}
	l.Close()
}

// marker is sent instead of a value that has changed or gone before all of it was sent. As
// after an eviction, it removes older copies from the peer. The new state of the item, if
// there is one, stands further on in the change list. The marker of a touched value removes
// this version too, because its expiry may be outdated on the peer. It does not if the peer
// has sent something newer meanwhile.
func marker(l *store.Loan) *store.Record {
	v := l.Version
	if l.ExpVersion == l.Version || l.Overruled() {
		v--
	}
	return &store.Record{Key: l.Key, Op: store.RecordTombstone, Version: v}
}

// onPiece takes a piece of a large value. If it is the first piece of a value, the peer has
// given up the value before it.
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

// drop forgets the pieces that have arrived of a large value.
func (rx *receiver) drop() {
	rx.in.Drop()
	rx.in = nil
}

// applyBatch merges a batch. If a large value of its partition has arrived in pieces, it is
// the only item of the batch, or the peer has given it up.
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
