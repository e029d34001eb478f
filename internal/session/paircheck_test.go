package session

import (
	"fmt"

	"twincached/store"
)

type heldItem struct {
	store.Record
	value string
}

func (n *pairNode) items() map[string]heldItem {
	f, _, _ := n.st.FlushState()
	held := map[string]heldItem{}
	for part := range store.Partitions {
		n.st.Walk(part, func(r *store.Record) {
			if r.Version > f || r.Op == store.RecordTombstone {
				h := heldItem{*r, string(r.Value)}
				h.Key, h.Value = nil, nil
				held[string(r.Key)] = h
			}
		})
	}
	return held
}

// check is the oracle: run it at rest.
func (m *pair) check() {
	f0, _, p0 := m.n[0].st.FlushState()
	f1, _, p1 := m.n[1].st.FlushState()
	if f0 != f1 || p0.Version != p1.Version {
		m.t.Fatalf("flush state differs: %d %+v, %d %+v", f0, p0, f1, p1)
	}
	a, b := m.n[0].items(), m.n[1].items()
	for k := range pairKeys {
		key := string(pairKey(k))
		x, okx := a[key]
		y, oky := b[key]
		switch {
		case okx && x.Op == store.RecordTombstone || oky && y.Op == store.RecordTombstone:
			m.t.Fatalf("%s: a tombstone is left", key)
		case okx && oky && !m.sameItem(x, y):
			m.t.Fatalf("%s differs:\n%+v\n%+v", key, x, y)
		case okx != oky:
			m.t.Fatalf("%s is on one side only: %v %v", key, okx, oky)
		}
		for i, h := range []heldItem{x, y} {
			if i == 0 && !okx || i == 1 && !oky {
				continue
			}
			got := fact{h.Version, h.ExpVersion, false}
			for j := range m.n {
				if got.less(m.n[j].newest[k]) {
					m.t.Fatalf("%s on node %d is stale: %+v, node %d knew %+v", key, i, got, j, m.n[j].newest[k])
				}
			}
		}
		if best := m.best[k]; best.version > f0 && (okx == best.tomb || okx && fact{x.Version, x.ExpVersion, false} != best) {
			m.t.Fatalf("%s: have %v %+v, want %+v", key, okx, x, best)
		}
	}
	for i, n := range m.n {
		switch {
		case !n.s.BarrierReceived():
			m.t.Fatalf("node %d got no BARRIER", i)
		case n.s.Phase() != PhaseStream:
			m.t.Fatalf("node %d is in phase %v", i, n.s.Phase())
		case openGaps(n.st) != 0:
			m.t.Fatalf("node %d counts %d partitions as not copied", i, openGaps(n.st))
		case n.in.Report().PartitionsOwed != 0 || n.out.Report().PartitionsOwed != 0:
			m.t.Fatalf("node %d: copies have not ended: %+v %+v", i, n.in.Report(), n.out.Report())
		case n.st.Unacked() != 0:
			m.t.Fatalf("node %d has %d items that the peer does not have for certain", i, n.st.Unacked())
		}
	}
}

// sameItem compares what two nodes hold. An expiry is a time of the clock of who
// holds it; it may be off by how well the clocks were compared.
func (m *pair) sameItem(x, y heldItem) bool {
	if (x.Expires == 0) != (y.Expires == 0) {
		return false
	}
	off := x.Expires - y.Expires
	if x.Expires != 0 {
		off -= m.skew[0] - m.skew[1]
	}
	x.Expires, y.Expires = 0, 0
	return max(off, -off) <= deadbandMillis && fmt.Sprint(x) == fmt.Sprint(y)
}

func openGaps(st *store.Store) (open int) {
	for _, c := range st.State().Cursors {
		if c.A < c.T {
			open++
		}
	}
	return open
}
