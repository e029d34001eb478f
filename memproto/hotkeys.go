package memproto

import (
	"bytes"
	"cmp"
	"hash/maphash"
	"slices"
	"strconv"

	"twincached/store"
)

// The hot keys are counted by Space-Saving (Metwally, Agrawal, El Abbadi 2005): a key that
// has no counter takes over the smallest one, and its count. So a counter is never below
// what its key got, and above it by no more than what it took over. Here a key has the
// choice of one set of counters only, so that eight of them are looked at, not all.
const (
	sketchSets = 32
	sketchWays = 8
	// halfLifeMillis: counts are halved so often, so that most of them is of the last minute.
	halfLifeMillis = 30_000
	shownKeys      = 20 // rows of "stats hotkeys", of each kind
	shownLeast     = 2  // samples below which a key is not worth a row
)

// sketch counts keys. Its memory is all there ever is: some 70 KiB. The zero sketch is
// empty.
type sketch struct {
	sets  [sketchSets]sketchSet
	total float64 // of all keys
	// The counts are of so many seconds, halved as they are.
	seconds float64
	at      int64 // when that was noted, Unix ms; 0: never
	halved  int64 // when the counts were halved last
}

// sketchSet holds together what is compared for each sample.
type sketchSet struct {
	hash  [sketchWays]uint64  // of the keys; 0 = a free counter
	count [sketchWays]float64 // samples, at most
	of    [sketchWays]counted
}

// counted is the key that has a counter.
type counted struct {
	over   float64 // of the count, what the key took over: it got the rest itself
	writes float64 // of its own, those that were no retrieval
	key    keyText
}

// keyText is a key without an allocation.
type keyText struct {
	n    uint8
	text [store.MaxKeyBytes]byte
}

func (k *keyText) set(key []byte) { k.n = uint8(copy(k.text[:], key)) }

func (k *keyText) bytes() []byte { return k.text[:k.n] }

// sketchSeed keeps clients from choosing keys that share a set.
var sketchSeed = maphash.MakeSeed()

// decay lets the time pass. true: the counts have been halved.
func (s *sketch) decay(nowMillis int64) (halved bool) {
	if s.at == 0 {
		s.at, s.halved = nowMillis, nowMillis
	}
	s.seconds += float64(nowMillis-s.at) / 1000 // may be back a little: threads' clocks are milliseconds apart
	s.at = nowMillis
	times := min((nowMillis-s.halved)/halfLifeMillis, 64)
	if times <= 0 {
		return false
	}
	s.halved = max(s.halved+times*halfLifeMillis, nowMillis-halfLifeMillis)
	factor := 1 / float64(uint64(1)<<min(times, 63))
	s.total *= factor
	s.seconds *= factor
	for i := range s.sets {
		set := &s.sets[i]
		for j := range set.of {
			set.count[j] *= factor
			set.of[j].over *= factor
			set.of[j].writes *= factor
		}
	}
	return true
}

// add counts a key, weight times.
func (s *sketch) add(key []byte, weight float64, write bool) {
	hash := maphash.Bytes(sketchSeed, key) | 1
	set := &s.sets[hash>>59]
	s.total += weight
	for i, h := range set.hash {
		if h == hash && bytes.Equal(set.of[i].key.bytes(), key) {
			set.add(i, weight, write)
			return
		}
	}
	least := 0
	for i := range set.count {
		if set.count[i] < set.count[least] {
			least = i
		}
	}
	set.hash[least] = hash
	k := &set.of[least]
	k.over, k.writes = set.count[least], 0
	k.key.set(key)
	set.add(least, weight, write)
}

func (s *sketchSet) add(i int, weight float64, write bool) {
	s.count[i] += weight
	if write {
		s.of[i].writes += weight
	}
}

// hotKey is a key that was seen often.
type hotKey struct {
	seen   float64 // samples that were certainly its own
	writes float64 // of those, the ones that were no retrieval
	key    []byte
}

// top are the keys that were seen most, the first one most.
func (s *sketch) top() (found []hotKey) {
	for i := range s.sets {
		set := &s.sets[i]
		for j := range set.of {
			if seen := set.count[j] - set.of[j].over; set.hash[j] != 0 && seen >= shownLeast {
				found = append(found, hotKey{seen, set.of[j].writes, bytes.Clone(set.of[j].key.bytes())})
			}
		}
	}
	slices.SortFunc(found, func(a, b hotKey) int { return cmp.Compare(b.seen, a.seen) })
	return found[:min(len(found), shownKeys)]
}

const (
	bigLeastBytes   = 1024       // smaller values are not called big
	bigForgetMillis = 10 * 60000 // a key that no sample has met for so long is forgotten
)

// bigKeys are the keys with the largest values that samples met. The zero value is empty.
type bigKeys struct {
	n   int
	key [shownKeys]bigKey
}

type bigKey struct {
	bytes int
	at    int64 // when it was met last, Unix ms
	key   keyText
}

// add takes a key in if its value is one of the largest. A value has to be larger than
// the floor to get in next time.
func (b *bigKeys) add(nowMillis int64, key []byte, valueBytes int) (floor int64) {
	place := 0
	for i := range b.key[:b.n] {
		if bytes.Equal(b.key[i].key.bytes(), key) {
			b.key[i].bytes, b.key[i].at = valueBytes, nowMillis
			return b.floor()
		}
		if b.key[i].bytes < b.key[place].bytes {
			place = i
		}
	}
	switch {
	case b.n < len(b.key):
		place = b.n
		b.n++
	case valueBytes <= b.key[place].bytes:
		return b.floor()
	}
	b.key[place].bytes, b.key[place].at = valueBytes, nowMillis
	b.key[place].key.set(key)
	return b.floor()
}

func (b *bigKeys) floor() int64 {
	if b.n < len(b.key) {
		return 0
	}
	smallest := b.key[0].bytes
	for i := range b.key {
		smallest = min(smallest, b.key[i].bytes)
	}
	return int64(smallest)
}

// forget drops the keys that were not met for long.
func (b *bigKeys) forget(nowMillis int64) (floor int64) {
	kept := 0
	for i := range b.key[:b.n] {
		if nowMillis-b.key[i].at <= bigForgetMillis {
			b.key[kept] = b.key[i]
			kept++
		}
	}
	b.n = kept
	return b.floor()
}

// top are copies of the keys, the largest first.
func (b *bigKeys) top() []bigKey {
	found := slices.Clone(b.key[:b.n])
	slices.SortFunc(found, func(x, y bigKey) int { return cmp.Compare(y.bytes, x.bytes) })
	return found
}

// hotkeysRows are "stats hotkeys".
func (s *Server) hotkeysRows(r *Rows, nowMillis int64) {
	m := &s.samples
	m.mu.Lock()
	if m.hot.decay(nowMillis) {
		m.bigFloor.Store(m.big.forget(nowMillis))
	}
	hot, big, total, seconds := m.hot.top(), m.big.top(), m.hot.total, max(m.hot.seconds, 0)
	m.mu.Unlock()
	r.Uint("sample_every", SampleEvery)
	r.Decimal("hotkeys_samples", total, 0)
	r.Decimal("hotkeys_seconds", seconds, 0)
	for i := range hot {
		k, name := &hot[i], "hotkeys:"+strconv.Itoa(i+1)
		r.Text(name+":key", string(appendURI(nil, k.key)))
		r.Decimal(name+":share", 100*k.seen/total, 2)
		r.Decimal(name+":rate", k.seen*SampleEvery/max(seconds, 1), 0)
		r.Decimal(name+":writes", 100*k.writes/k.seen, 0)
	}
	for i := range big {
		name := "bigkeys:" + strconv.Itoa(i+1)
		r.Text(name+":key", string(appendURI(nil, big[i].key.bytes())))
		r.Uint(name+":bytes", uint64(big[i].bytes))
	}
}
