package store

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"strconv"
	"testing"

	"twincached/internal/testkit"
)

const testNow = int64(1_750_000_000_000)

func newTestStore(t testing.TB, cfg Config) *Store {
	t.Helper()
	if cfg.MemoryBytes == 0 {
		cfg.MemoryBytes = 64 << 20
	}
	s, err := New(cfg, testNow)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.CheckInvariants(); err != nil {
			t.Errorf("invariants: %v", err)
		}
		s.Close()
	})
	return s
}

func renderValue(dst []byte, v *View) []byte { return append(dst, v.Value...) }

func renderAll(dst []byte, v *View) []byte {
	return fmt.Appendf(dst, "%s %d %d %d %s", v.Key, v.Flags, v.Version, v.Expires, v.Value)
}

func (s *Store) get(now int64, key string) (string, bool) {
	b, ok := s.Get(now, []byte(key), nil, renderValue)
	return string(b), ok
}

func (s *Store) set(now int64, key, value string) Result {
	return s.Do(now, &Request{Op: OpSet, Key: []byte(key), Value: []byte(value)})
}

// entry is what a plain map would hold.
type entry struct {
	value   string
	flags   uint32
	expires int64
	version uint64
}

// reference is the store as a plain map: the commands as memcached's text says.
type reference map[string]entry

func (m reference) do(now int64, r *Request, got Result) (want Status) {
	k := string(r.Key)
	e, hit := m[k]
	if hit && e.expires != 0 && e.expires <= now {
		delete(m, k)
		hit = false
	}
	put := func(v string, flags uint32, exp int64) Status {
		if exp == AlreadyExpired {
			delete(m, k)
		} else {
			m[k] = entry{v, flags, exp, got.Version}
		}
		return Stored
	}
	compare := r.Compare && r.Op != OpAdd && r.Op != OpTouch
	switch {
	case compare && hit && e.version != r.CAS:
		return Exists
	case compare && !hit && (r.Op == OpSet):
		return NotFound
	case r.Op == OpSet, r.Op == OpAdd && !hit, r.Op == OpReplace && hit, r.Op == OpCAS && hit && e.version == r.CAS:
		return put(string(r.Value), r.Flags, r.Expires)
	case r.Op == OpAppend && hit:
		return put(e.value+string(r.Value), e.flags, e.expires)
	case r.Op == OpPrepend && hit:
		return put(string(r.Value)+e.value, e.flags, e.expires)
	case r.Op == OpCAS && hit:
		return Exists
	case r.Op == OpAdd, r.Op == OpReplace, r.Op == OpAppend, r.Op == OpPrepend:
		return NotStored
	case !hit:
		return NotFound
	case r.Op == OpDelete:
		delete(m, k)
		return Deleted
	case r.Op == OpTouch:
		if r.Expires == AlreadyExpired {
			delete(m, k)
		} else {
			m[k] = entry{e.value, e.flags, r.Expires, e.version}
		}
		return Touched
	}
	n, err := strconv.ParseUint(string(bytes.TrimRight([]byte(e.value), " ")), 10, 64)
	if err != nil {
		return NonNumeric
	}
	if r.Op == OpIncr {
		n += r.Delta
	} else {
		n -= min(n, r.Delta)
	}
	v := strconv.FormatUint(n, 10)
	for len(v) < len(e.value) {
		v += " "
	}
	return put(v, e.flags, e.expires)
}

func randomRequest(rng *rand.Rand, keys int, m reference, now int64) *Request {
	r := &Request{Op: Op(1 + rng.IntN(11)), Key: []byte("key" + strconv.Itoa(rng.IntN(keys))), Delta: uint64(rng.IntN(20)), Flags: rng.Uint32()}
	switch rng.IntN(4) {
	case 0:
		r.Value = strconv.AppendUint(nil, rng.Uint64N(100), 10)
	case 1:
		r.Value = bytes.Repeat([]byte{byte('a' + rng.IntN(26))}, rng.IntN(50))
	case 2:
		r.Value = bytes.Repeat([]byte{byte('a' + rng.IntN(26))}, rng.IntN(3000))
	case 3:
		r.Value = bytes.Repeat([]byte{byte('a' + rng.IntN(26))}, rng.IntN(100_000))
	}
	switch rng.IntN(8) {
	case 0:
		r.Expires = AlreadyExpired
	case 1, 2:
		r.Expires = now + 1 + int64(rng.IntN(5000))
	}
	if r.Compare = rng.IntN(4) == 0; r.Compare || r.Op == OpCAS {
		r.CAS = m[string(r.Key)].version + uint64(rng.IntN(2))
	}
	if rng.IntN(4) == 0 {
		r.CAS = 0 // no item has it
	}
	if r.Op == OpDrop {
		r.Op = OpDelete
	}
	return r
}

func TestDo_AgreesWithAPlainMap(t *testing.T) {
	for seed := uint64(0); seed < 6; seed += testkit.Step {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			rng := rand.New(rand.NewPCG(seed, 1))
			s := newTestStore(t, Config{MemoryBytes: 64 << 20, Replicated: seed%2 == 0})
			m := reference{}
			now := testNow
			for i := range 40_000 {
				now += int64(rng.IntN(3))
				if rng.IntN(5000) == 0 {
					s.Flush(now)
					clear(m)
				}
				if rng.IntN(50) == 0 {
					s.Tick(now)
				}
				r := randomRequest(rng, 300, m, now)
				got := s.Do(now, r)
				if want := m.do(now, r, got); got.Status != want {
					t.Fatalf("step %d: %+v answered %d, want %d", i, r, got.Status, want)
				}
				k := "key" + strconv.Itoa(rng.IntN(300))
				b, hit := s.Get(now, []byte(k), nil, renderAll)
				e, want := m[k]
				want = want && (e.expires == 0 || e.expires > now)
				if hit != want || hit && string(b) != fmt.Sprintf("%s %d %d %d %s", k, e.flags, e.version, e.expires, e.value) {
					t.Fatalf("step %d: get %s: %v %.80q, want %v %.80v", i, k, hit, b, want, e)
				}
				if i%4000 == 0 {
					if err := s.CheckInvariants(); err != nil {
						t.Fatalf("step %d: %v", i, err)
					}
				}
			}
		})
	}
}
