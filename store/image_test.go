package store

import (
	"fmt"
	"math/rand/v2"
	"reflect"
	"strconv"
	"testing"

	"twincached/internal/testkit"
)

// heirOf loads all that s holds into a new store, as a file would bring it.
func heirOf(t testing.TB, s *Store, cfg Config, now int64) *Store {
	t.Helper()
	to := newTestStore(t, cfg)
	if err := s.pour(now, now, to); err != nil {
		t.Fatal(err)
	}
	if err := to.CheckInvariants(); err != nil {
		t.Fatal(err)
	}
	return to
}

// pour saves at one time and loads at another.
func (s *Store) pour(saved, now int64, to *Store) error {
	l, err := to.Load(now, s.SaveHead(saved))
	if err != nil {
		return err
	}
	for part := range Partitions {
		r := s.SavePart(part)
		if err := l.Part(&r); err != nil {
			return err
		}
		s.SaveItems(saved, part, func(it *ImageItem) bool {
			c := *it
			err = l.Items(part, []ImageItem{c}, nil)
			return err == nil
		})
		if err != nil {
			return err
		}
	}
	list := s.TakeRefused()
	s.PutRefused(list)
	to.PutRefused(list)
	return l.End()
}

// stateOf is everything that a promise rests on, of a store without a session.
func stateOf(s *Store, now int64) map[string]any {
	m := map[string]any{}
	f, c, p := s.FlushState()
	m["head"] = []any{s.Clock(), s.Born(), s.Slot(), f, c, p, s.link.inc, s.link.refused.list, s.pendingAt.Load(), s.Lacks()}
	for i := range s.parts {
		p := &s.parts[i]
		p.recallGrave()
		m[fmt.Sprint("part ", i)] = []any{p.list.seq, p.peer.sentMax, p.peer.copied, p.peer.acked, p.peer.recv, p.forgotMax,
			p.grave.floor, p.grave.gen, p.grave.bits, string(p.grave.filter), p.tombN}
		for h := p.list.head; h != 0; h = s.arena.at(h).next {
			hd := s.arena.at(h)
			hd.ageAccess(now) // as the sweep would
			value, idle, bits := string(hd.value()), hd.idleSeconds(now), hd.bits
			if hd.is(bitTomb) {
				value, idle, bits = "", 0, bits&^bitFreq
			} else if hd.version <= f {
				continue
			}
			m[string(hd.key())] = []any{i, hd.seq(), hd.version, hd.expVersion(), hd.expires(), hd.flags(), value, idle, bits, hd.marks(), p.fromPeer(hd), hd.refused(), p.acked(hd)}
		}
	}
	return m
}

func sameState(t testing.TB, got, want map[string]any) {
	t.Helper()
	for k, w := range want {
		if !reflect.DeepEqual(got[k], w) {
			t.Errorf("%q is\n%v, was\n%v", k, got[k], w)
		}
	}
	if len(got) != len(want) {
		t.Errorf("%d things, and there were %d", len(got), len(want))
	}
}

// TestImage_TheHeirHoldsExactlyTheSame: after sessions that were cut anywhere, deletes that
// were buried, refusals, evictions and flushes.
func TestImage_TheHeirHoldsExactlyTheSame(t *testing.T) {
	for seed := uint64(0); seed < 200; seed += testkit.Step {
		cfg := Config{MemoryBytes: MinMemoryBytes, Replicated: true, LocalKeys: []string{"local*"}, TombstoneBytes: 4 << 10, GraveBits: 24, Slot: 7, NoEviction: seed%3 == 0}
		s := newTestStore(t, cfg)
		now := live(s, seed)
		heir := heirOf(t, s, cfg, now) // before stateOf, which puts graves together
		sameState(t, stateOf(heir, now), stateOf(s, now))
		for i := range heir.parts {
			if p := &heir.parts[i]; p.list.live != p.firstAfter(p.peer.acked.B) {
				t.Errorf("partition %d: the next session would look for its place from the end of the list", i)
			}
		}
		if t.Failed() {
			t.Fatalf("seed %d", seed)
		}
	}
}

// live gives a store a life of its own, without a session in the end. It returns the time.
func live(s *Store, seed uint64) int64 {
	rng := rand.New(rand.NewPCG(seed, 16))
	now := testNow
	var got [Partitions][]Sent
	attached := false
	keys := 300
	key := func() []byte {
		k := "k" + strconv.Itoa(rng.IntN(keys))
		if rng.IntN(10) == 0 {
			k = "local" + k
		}
		return []byte(k)
	}
	peer := func(version uint64, op RecordOp) {
		k := key()
		part := PartitionOf(k)
		r := Record{Key: k, Op: op, Version: version, ExpVersion: version + uint64(rng.IntN(2)), Value: make([]byte, rng.IntN(40)), Flags: uint32(rng.IntN(2))}
		_ = s.ApplyBatch(now, part, Lane(rng.IntN(2)), s.parts[part].peer.recv.B+1, []Record{r})
	}
	for n := 0; n < 1500; n++ {
		now += rng.Int64N(1200)
		switch k := key(); rng.IntN(14) {
		default:
			s.Do(now, &Request{Op: Op(1 + rng.IntN(6)), Key: k, Value: make([]byte, rng.IntN(60)), Flags: uint32(rng.IntN(2)), Expires: []int64{0, now + 9_000_000}[rng.IntN(2)]})
		case 5, 6:
			s.Do(now, &Request{Op: OpDelete, Key: k})
		case 7:
			s.Do(now, &Request{Op: OpTouch, Key: k, Expires: now + 9_000_000})
		case 8:
			fetchView(s, now, Fetch{Key: k, MayWin: true, Renew: true, RenewBefore: 1 << 60})
			s.Do(now, &Request{Op: OpMark, Key: k, Invalidate: true})
		case 9:
			s.Evict(now, k)
			s.get(now, string(k))
		case 10:
			peer(s.Clock()+uint64(rng.IntN(3)), RecordOp(rng.IntN(3)))
		case 11:
			if attached = !attached; !attached {
				s.Detach()
				break
			}
			inc, st := ID{byte(1 + rng.IntN(40)/39)}, &State{Clock: s.Clock(), Items: 3}
			for i := range st.Cursors {
				st.Cursors[i] = s.parts[i].peer.acked
			}
			s.Attach(inc, st, rng.IntN(4) > 0)
		case 12:
			part := rng.IntN(Partitions)
			for range 40 {
				part = (part + 1) % Partitions
				if g, _, _, due := s.NextGrave(part, nil); due && rng.IntN(2) == 0 {
					s.GraveAcked(part, g.Gen)
				}
				var refused Record
				got[part] = append(got[part], s.Collect(part, Lane(rng.IntN(2)), 1+rng.IntN(9), 1<<10, func(r *Record) {
					if rng.IntN(9) == 0 && r.Op == RecordValue {
						refused = Record{Key: []byte(string(r.Key)), Version: r.Version}
					}
				}))
				s.PeerRefused(part, refused.Key, refused.Version)
				if list := got[part]; attached && rng.IntN(2) == 0 {
					s.Acked(part, list[len(list)-1].Cursor)
				}
			}
		case 13:
			if n%400 == 13 {
				s.Flush(now)
			} else if n%200 == 1 {
				s.FlushAt(now, now+1e9)
			}
		}
	}
	if attached {
		s.Detach()
	}
	return now
}

// TestLine_NamesWhoItGoesOnFrom: the latest, and nobody where it ends.
func TestLine_NamesWhoItGoesOnFrom(t *testing.T) {
	var l Line
	for i := range len(l) + 1 {
		if l.Has(ID{}) {
			t.Fatalf("of %d, it has the process that is none", i)
		}
		l = l.From(ID{byte(i + 1)})
	}
	for i := range len(l) + 1 {
		if id := (ID{byte(i + 1)}); l.Has(id) != (i > 0) {
			t.Errorf("it has %d: %v", id[0], l.Has(id))
		}
	}
	if l[0] != (ID{byte(len(l) + 1)}) {
		t.Errorf("the newest is %d", l[0][0])
	}
}
