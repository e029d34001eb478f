package snapshot

import (
	"io"
	"sync"

	"github.com/cespare/xxhash/v2"

	"twincached/internal/wire"
	"twincached/store"
)

// How an image is cut: a record ends at about recordBytes or wire.MaxImageItems, a larger
// value than pieceBytes comes in pieces of that, and records are written blockBytes at a time.
const (
	recordBytes = 128 << 10
	pieceBytes  = wire.MaxPieceBytes
	blockBytes  = 1 << 20
)

// WriteImage writes all that a store holds. Nobody may change the store from now on, and no
// session may be attached: the image is of a moment. The caller makes it safe on disk.
func WriteImage(w io.Writer, st *store.Store, h Head, o Options) error {
	h.Format, h.ImageHead = wire.ImageFormat, *st.SaveHead(h.WallMillis)
	s := &saver{out: w, st: st, now: h.WallMillis, all: h.Items, options: &o, digest: xxhash.New()}
	first := newBlock()
	first.w.ImageHead(&h)
	list := st.TakeRefused()
	st.PutRefused(list)
	for _, r := range list {
		first.w.Refused(&wire.Refused{Part: r.Part, Key: r.Key, Version: r.Version, Why: r.Why})
		if first.w.Len() >= blockBytes && !s.write(first) {
			return s.err
		}
	}
	if !s.write(first) {
		return s.err
	}
	if n := o.threads(); n == 1 {
		s.inline(first)
	} else {
		s.spread(n)
	}
	if s.err != nil {
		return s.err
	}
	first.w.Reset()
	first.w.ImageEnd(wire.ImageEnd{Items: s.items, Digest: s.digest.Sum64()})
	_, err := w.Write(first.w.Bytes())
	return err
}

// saver writes an image.
type saver struct {
	out     io.Writer
	st      *store.Store
	now     int64
	all     uint64
	options *Options

	digest *xxhash.Digest // of the checksums of what is written
	items  uint64         // written
	err    error          // of out
}

// block is some records that are written together.
type block struct {
	w     *wire.Writer
	items uint64
}

func newBlock() *block { return &block{w: wire.NewWriter()} }

// write writes a block and empties it. false: it cannot be written.
func (s *saver) write(b *block) bool {
	for rest := b.w.Bytes(); len(rest) > 0; rest = rest[wire.FrameNeed(rest):] {
		_, _ = s.digest.Write(checksum(rest))
	}
	_, s.err = s.out.Write(b.w.Bytes())
	s.items += b.items
	b.w.Reset()
	b.items = 0
	if s.err == nil {
		s.options.progress(s.items, s.all)
	}
	return s.err == nil
}

// inline encodes all partitions in the caller's goroutine.
func (s *saver) inline(b *block) {
	e := &encoder{st: s.st, now: s.now, b: b, full: func(b *block) *block {
		if s.write(b) {
			return b
		}
		return nil
	}}
	for part := 0; part < store.Partitions && e.part(part); part++ {
	}
	if e.b != nil {
		s.write(e.b)
	}
}

// spread encodes partitions in n goroutines, and writes in the caller's. Each has every n-th one,
// as those that load have: so what stands behind each other in the file is for all of them.
func (s *saver) spread(n int) {
	full, free, stop := make(chan *block, n), make(chan *block, 2*n), make(chan struct{})
	var group sync.WaitGroup
	for first := range n {
		free <- newBlock()
		e := &encoder{st: s.st, now: s.now, b: newBlock(), full: func(b *block) *block {
			select {
			case full <- b:
				return <-free
			case <-stop:
				return nil
			}
		}}
		group.Go(func() {
			for part := first; part < store.Partitions && e.part(part); part += n {
			}
			if e.b != nil && e.b.w.Len() > 0 {
				e.full(e.b)
			}
		})
	}
	go func() { group.Wait(); close(full) }()
	for b := range full {
		if s.err == nil && !s.write(b) {
			close(stop)
		}
		b.w.Reset()
		free <- b
	}
}

// encoder encodes one partition after the other.
type encoder struct {
	st   *store.Store
	now  int64
	b    *block                // nil: it has been stopped
	full func(b *block) *block // takes a block that is full and returns an empty one; nil: stop
	open int                   // 1 + where the open ITEMS began in b; 0: none is open
}

// part encodes one partition. false: stop.
func (e *encoder) part(part int) bool {
	r := e.st.SavePart(part)
	e.b.w.ImagePart(&r)
	e.st.SaveItems(e.now, part, func(it *store.ImageItem) bool {
		if len(it.Value) > pieceBytes && it.Op == store.RecordValue {
			return e.pieces(part, it)
		}
		e.item(part, it)
		return e.b.w.ImageItems() < wire.MaxImageItems && e.b.w.Len()-e.open < recordBytes || e.end()
	})
	return e.b != nil && e.end()
}

// item appends one item to the open ITEMS.
func (e *encoder) item(part int, it *store.ImageItem) {
	if e.open == 0 {
		e.open = e.b.w.Len() + 1
		e.b.w.BeginImageItems(part)
	}
	e.b.w.ImageItem(it)
	e.b.items++
}

// end ends the open ITEMS, and the block if that is full. false: stop.
func (e *encoder) end() bool {
	if e.open != 0 {
		e.b.w.EndImageItems()
		e.open = 0
	}
	if e.b.w.Len() >= blockBytes {
		e.b = e.full(e.b)
	}
	return e.b != nil
}

// pieces encodes a large value: its pieces, and an ITEMS with nothing but its item.
func (e *encoder) pieces(part int, it *store.ImageItem) bool {
	if !e.end() {
		return false
	}
	value := it.Value
	for at := 0; at < len(value); at += pieceBytes {
		e.b.w.Piece(&wire.Piece{Part: part, Key: it.Key, Version: it.Version, Bytes: len(value), At: at, Data: value[at:min(at+pieceBytes, len(value))]})
		if !e.end() {
			return false
		}
	}
	it.Op, it.Value = store.RecordPieced, nil
	e.item(part, it)
	return e.end()
}
