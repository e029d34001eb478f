package snapshot

import (
	"bufio"
	"errors"
	"io"
	"sync"
	"sync/atomic"

	"github.com/cespare/xxhash/v2"

	"twincached/internal/wire"
	"twincached/store"
)

const (
	aheadBytes = 32 << 10 // read ahead from a file: what is longer goes where it belongs at once
	toldBytes  = 1 << 20  // between two calls of Options.Progress

	// waitingRecords is how many records wait for the goroutines that load, of some 130 KiB each: as
	// many of one partition stand one behind the other, and the other goroutine is to have work too.
	waitingRecords = 64
)

// LoadImage puts an image into a store that holds nothing: the store is the heir of the process
// that wrote it, and Config.HeirOf of its session is the head's Line. nowMillis is the node's
// clock, Unix ms. Where the image cannot be used, the error is an *ImageError; after any error
// the store is of no use, and is to be closed.
func LoadImage(r io.Reader, st *store.Store, want Want, nowMillis int64, o Options) (Head, error) {
	l := &loading{in: bufio.NewReaderSize(r, aheadBytes), options: &o, digest: xxhash.New()}
	head, err := l.begin(st, &want, nowMillis)
	if err != nil {
		return head, refusal(err)
	}
	n := o.threads()
	for range n {
		l.loaders = append(l.loaders, &partLoader{store: l.store})
	}
	if n > 1 {
		l.start()
	}
	err = l.split()
	l.stop()
	for _, p := range l.loaders {
		err = errors.Join(err, p.err)
		for _, in := range p.in {
			in.Drop()
		}
	}
	if err == nil {
		err = l.end(st)
	}
	return head, refusal(err)
}

// loading reads an image. It splits it into records, and each partition's go to one loader.
type loading struct {
	in      *bufio.Reader
	options *Options
	store   *store.Loader
	all     uint64
	digest  *xxhash.Digest // of the checksums of what was read
	dec     wire.Decoder
	body    wire.ImageBody
	refused []store.Refused
	last    wire.ImageEnd

	loaders []*partLoader
	free    chan []byte // room for records; nil: the loaders work in the caller's goroutine
	group   sync.WaitGroup
}

// partLoader loads the partitions that are its own.
type partLoader struct {
	store  *store.Loader
	dec    wire.Decoder
	body   wire.ImageBody
	in     [store.Partitions]*store.Incoming
	items  atomic.Uint64
	queue  chan []byte
	failed atomic.Bool // err is set
	err    error
}

// begin reads the head.
func (l *loading) begin(st *store.Store, want *Want, nowMillis int64) (Head, error) {
	frame, err := readFrame(l.in, nil)
	if err == nil {
		err = decode(frame, &l.dec, &l.body)
	}
	h := l.body.Head
	switch {
	case errors.Is(err, wire.ErrFrameLength):
		return Head{}, notAnImage()
	case err != nil:
		return Head{}, err
	case l.body.Type != wire.TImageHead:
		return Head{}, notAnImage()
	}
	if err = checkHead(&h, want); err != nil {
		return h, err
	}
	_, _ = l.digest.Write(checksum(frame))
	l.all = h.Items
	l.store, err = st.Load(nowMillis, &h.ImageHead)
	return h, err
}

// split reads records up to END, and hands them to their loaders.
func (l *loading) split() error {
	room := []byte(nil)
	for told := 0; ; {
		if l.free != nil {
			room = <-l.free
		}
		frame, err := readFrame(l.in, room)
		if err != nil {
			return err
		}
		if told += len(frame); told >= toldBytes {
			told = 0
			l.options.progress(l.loaded(), l.all)
		}
		if part := wire.ImageRecordPart(frame[wire.HeadBytes:]); part >= 0 {
			p := l.loaders[part%len(l.loaders)]
			if p.failed.Load() {
				return nil // the caller sees its error
			}
			_, _ = l.digest.Write(checksum(frame))
			if l.free != nil {
				p.queue <- frame
				continue
			}
			p.take(frame)
			room = frame
			continue
		}
		if err = decode(frame, &l.dec, &l.body); err != nil {
			return err
		}
		switch l.body.Type {
		case wire.TImageEnd:
			l.last = l.body.End
			return nil
		case wire.TRefused:
			r := &l.body.Refused
			l.refused = append(l.refused, store.Refused{Part: r.Part, Key: append([]byte(nil), r.Key...), Version: r.Version, Why: r.Why})
		default:
			return refuse(ImageMalformed, "the image has two beginnings")
		}
		_, _ = l.digest.Write(checksum(frame))
		if room = frame; l.free != nil {
			l.free <- frame
		}
	}
}

// start makes the loaders work in goroutines of their own.
func (l *loading) start() {
	l.free = make(chan []byte, waitingRecords)
	for range waitingRecords {
		l.free <- nil
	}
	for _, p := range l.loaders {
		p.queue = make(chan []byte, waitingRecords)
		l.group.Go(func() {
			for frame := range p.queue {
				p.take(frame)
				l.free <- frame
			}
		})
	}
}

// stop waits until they have done what they were given.
func (l *loading) stop() {
	for _, p := range l.loaders {
		if p.queue != nil {
			close(p.queue)
		}
	}
	l.group.Wait()
}

func (l *loading) loaded() (n uint64) {
	for _, p := range l.loaders {
		n += p.items.Load()
	}
	return n
}

// end sees whether all of the image is there.
func (l *loading) end(st *store.Store) error {
	switch _, err := l.in.Peek(1); {
	case l.last.Items != l.loaded() || l.last.Digest != l.digest.Sum64():
		return refuse(ImageChecksum, "the image lacks records, or has them in another order: look at the disk")
	case !errors.Is(err, io.EOF):
		if err != nil {
			return err
		}
		return refuse(ImageChecksum, "the image has something behind its end: look at the disk")
	}
	st.PutRefused(l.refused)
	l.options.progress(l.last.Items, l.last.Items)
	return l.store.End()
}

// take loads one record, unless an earlier one could not be.
func (p *partLoader) take(frame []byte) {
	if p.err != nil {
		return
	}
	if p.err = p.load(frame); p.err != nil {
		p.failed.Store(true)
	}
}

func (p *partLoader) load(frame []byte) error {
	b := &p.body
	if err := decode(frame, &p.dec, b); err != nil {
		return err
	}
	switch b.Type {
	case wire.TImagePart:
		return p.store.Part(&b.Part)
	case wire.TPiece:
		return p.piece(&b.Piece)
	}
	part := b.Items.Part
	in := p.in[part]
	p.in[part] = nil
	defer in.Drop()
	p.items.Add(uint64(len(b.Items.Items)))
	return p.store.Items(part, b.Items.Items, in)
}

// piece takes a piece of a large value.
func (p *partLoader) piece(w *wire.Piece) (err error) {
	in := p.in[w.Part]
	if in == nil {
		if in, err = p.store.Incoming(w.Part, w.Key, w.Version, w.Bytes); err != nil {
			return err
		}
		p.in[w.Part] = in
	}
	return p.store.Add(in, w.Key, w.Version, w.Bytes, w.At, w.Data)
}
