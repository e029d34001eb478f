package store

import (
	"sort"
	"unsafe"
)

// Size classes are for statistics and dumps only; memory has none. They are
// memcached's slab classes at its default settings, so that a class number means
// the same sizes to whoever knows memcached.
const (
	// SizeClasses is one more than the number of the last class. Class 0 is unused.
	SizeClasses = 40

	firstClassBytes = 96
	LastClassBytes  = 512 << 10 // chunk of the last class, which takes everything larger too
	classGrowth     = 1.25
)

// ClassStats describes the items of one size class.
type ClassStats struct {
	ChunkBytes   uint32 // largest item of the class, as ItemBytes counts; the last class takes larger ones too
	Items        uint64 // values held
	Bytes        uint64 // what they occupy
	OldestMillis int64  // Unix ms of the longest idle item's last access, as the sweep found it on its last round; 0 = not known
	EvictedIdle  uint64 // seconds for which the item last evicted had not been read

	ClassCounters
}

// ClassCounters are what ResetStats sets back of a size class. Where Counters have the
// same name, it is their sum over the classes. All are uint64: see words.
type ClassCounters struct {
	GetHits          uint64
	CmdSet           uint64 // by the size of the value that was to be stored
	DeleteHits       uint64
	IncrHits         uint64
	DecrHits         uint64
	TouchHits        uint64
	CasHits          uint64 // by the size of the value that was replaced
	CasBadval        uint64
	Evictions        uint64
	EvictedNonzero   uint64 // of those, had an expiry
	EvictedUnfetched uint64
	EvictedActive    uint64
	NoMemory         uint64 // stores refused for want of memory
	DirectReclaims   uint64
	Reclaimed        uint64
	ExpiredUnfetched uint64
	CrawlerReclaimed uint64
	CrawlerChecked   uint64
}

// classRow is a partition's share of a class, under its lock.
type classRow struct {
	items, bytes uint64
	ClassCounters
}

var classLimits = makeClassLimits()

func makeClassLimits() (limits [SizeClasses]uint32) {
	size, i := firstClassBytes, 1
	for ; float64(size) <= LastClassBytes/classGrowth; i++ {
		size = (size + 7) &^ 7
		limits[i] = uint32(size)
		size = int(float64(size) * classGrowth)
	}
	limits[i] = LastClassBytes
	if i != SizeClasses-1 {
		panic("store: SizeClasses does not fit the sizes")
	}
	return limits
}

const smallClassBytes = 16 << 10

var smallClasses = makeSmallClasses()

func makeSmallClasses() (t [smallClassBytes/8 + 1]uint8) {
	for i := range t {
		t[i] = searchClass(i * 8)
	}
	return t
}

func searchClass(size int) uint8 {
	return uint8(1 + sort.Search(SizeClasses-2, func(i int) bool { return size <= int(classLimits[i+1]) }))
}

// ClassOf returns the size class of an item.
func ClassOf(itemBytes int) int {
	if itemBytes <= smallClassBytes {
		return int(smallClasses[(itemBytes+7)/8])
	}
	return int(searchClass(itemBytes))
}

func classOf(hd *header) int { return ClassOf(ItemBytes(int(hd.keyLen), int(hd.valLen))) }

// row is the class of an item.
func (t *partStats) row(hd *header) *classRow { return &t.class[classOf(hd)] }

// requested is the class of an item that a client wants stored.
func (t *partStats) requested(r *Request) *classRow {
	return &t.class[ClassOf(ItemBytes(len(r.Key), len(r.Value)))]
}

// words sees counters, which are nothing but uint64, as an array.
func (c *ClassCounters) words() []uint64 {
	return unsafe.Slice((*uint64)(unsafe.Pointer(c)), unsafe.Sizeof(*c)/8)
}

func (c *ClassCounters) add(o *ClassCounters) {
	for i, n := range o.words() {
		c.words()[i] += n
	}
}

func (c *ClassCounters) subtract(o *ClassCounters) {
	for i, n := range o.words() {
		c.words()[i] -= n
	}
}

// sum fills in the totals that are kept by class only.
func (st *Stats) sum() {
	for i := range st.Classes {
		k := &st.Classes[i]
		st.GetHits += k.GetHits
		st.CmdSet += k.CmdSet
		st.DeleteHits += k.DeleteHits
		st.IncrHits += k.IncrHits
		st.DecrHits += k.DecrHits
		st.TouchHits += k.TouchHits
		st.CasHits += k.CasHits
		st.CasBadval += k.CasBadval
		st.Evictions += k.Evictions
		st.EvictedUnfetched += k.EvictedUnfetched
		st.EvictedActive += k.EvictedActive
		st.Reclaimed += k.Reclaimed
		st.ExpiredUnfetched += k.ExpiredUnfetched
		st.CrawlerReclaimed += k.CrawlerReclaimed
		st.CrawlerChecked += k.CrawlerChecked
		st.DirectReclaims += k.DirectReclaims
	}
	st.CmdGet = st.GetHits + st.GetMisses
	st.CmdTouch = st.TouchHits + st.TouchMisses
}
