package dump

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"slices"
	"time"

	"github.com/cespare/xxhash/v2"

	"twincached/internal/wire"
	"twincached/store"
)

// A dump as records has HEAD, ITEMS and PIECE, and END of an image (internal/wire). Its HEAD
// names no node and no process, so no node takes it for its image. ITEMS name partition 0:
// who restores them finds the partition by the key. An image can be restored as well: what
// it has besides values is passed over.

const (
	recordBytes = 128 << 10 // an ITEMS ends when it has that
	pieceBytes  = wire.MaxPieceBytes
)

// recordWriter writes records.
type recordWriter struct {
	to     io.Writer
	w      *wire.Writer
	open   int // 1 + where the open ITEMS began in w; 0: none is open
	items  uint64
	digest xxhash.Digest
}

// newRecordWriter writes the head. about is how many items there will be.
func newRecordWriter(to io.Writer, software string, now time.Time, about int64) (*recordWriter, error) {
	w := &recordWriter{to: to, w: wire.NewWriter()}
	w.digest.Reset()
	h := &wire.ImageHead{Format: wire.ImageFormat, Software: software}
	h.WallMillis, h.ImageHead.Items = now.UnixMilli(), uint64(max(about, 0))
	w.w.ImageHead(h)
	return w, w.flush()
}

func (w *recordWriter) item(it *item) error {
	r := store.ImageItem{Record: store.Record{
		Key: it.key, Op: store.RecordValue, Value: it.value, Version: it.version, ExpVersion: it.version,
		Expires: it.expireAt, Flags: it.flags,
	}}
	if it.stale {
		r.Marks |= store.MarkStale
	}
	if it.won {
		r.Marks |= store.MarkWon
	}
	w.items++
	if len(it.value) > pieceBytes {
		return w.pieces(&r)
	}
	w.append(&r)
	if w.w.ImageItems() < wire.MaxImageItems && w.w.Len()-w.open < recordBytes {
		return nil
	}
	return w.close()
}

func (w *recordWriter) append(r *store.ImageItem) {
	if w.open == 0 {
		w.open = w.w.Len() + 1
		w.w.BeginImageItems(0)
	}
	w.w.ImageItem(r)
}

// close ends the open ITEMS, and writes what is there if that is worth a write.
func (w *recordWriter) close() error {
	if w.open != 0 {
		w.w.EndImageItems()
		w.open = 0
	}
	if w.w.Len() < readBytes {
		return nil
	}
	return w.flush()
}

// pieces writes a large value: its pieces, and its item behind them.
func (w *recordWriter) pieces(r *store.ImageItem) error {
	if err := w.close(); err != nil {
		return err
	}
	value := r.Value
	for at := 0; at < len(value); at += pieceBytes {
		data := value[at:min(at+pieceBytes, len(value))]
		w.w.Piece(&wire.Piece{Key: r.Key, Version: r.Version, Bytes: len(value), At: at, Data: data})
		if err := w.close(); err != nil {
			return err
		}
	}
	r.Op, r.Value = store.RecordPieced, nil
	w.append(r)
	return w.close()
}

// flush writes all finished records.
func (w *recordWriter) flush() error {
	for rest := w.w.Bytes(); len(rest) > 0; rest = rest[wire.FrameNeed(rest):] {
		_, _ = w.digest.Write(checksum(rest))
	}
	_, err := w.to.Write(w.w.Bytes())
	w.w.Reset()
	return err
}

func (w *recordWriter) end() error {
	err := w.close()
	if err == nil {
		err = w.flush()
	}
	if err != nil {
		return err
	}
	w.w.ImageEnd(wire.ImageEnd{Items: w.items, Digest: w.digest.Sum64()})
	_, err = w.to.Write(w.w.Bytes())
	return err
}

// checksum is the field of a record that the digest is made of.
func checksum(record []byte) []byte { return record[wire.HeadBytes-4 : wire.HeadBytes] }

// isRecord tells whether a file that begins so may have records: 4 bytes of length.
func isRecord(head []byte) bool {
	_, _, err := wire.Split(head[:min(len(head), 4)], wire.MaxImageBytes)
	return err == nil && len(head) == 4
}

// recordReader reads records.
type recordReader struct {
	r      *bufio.Reader
	record []byte
	dec    wire.Decoder
	body   wire.ImageBody
	left   []store.ImageItem // of the record; their keys and values are in it
	items  uint64            // of all records; tombstones too
	digest xxhash.Digest
	large  map[int]*large // by partition: those of an image come beside each other
}

// large is a value that comes in pieces.
type large struct {
	key     []byte
	version uint64
	value   []byte
	bytes   int // of it when it is whole
}

// maxLarge is more than come beside each other in an image: each thread that writes one has one.
const maxLarge = 32

var errPieces = broken(errors.New("it lacks pieces of a large value"))

func newRecordReader(from *bufio.Reader) (*recordReader, error) {
	r := &recordReader{r: from, large: map[int]*large{}}
	r.digest.Reset()
	if err := r.read(); err != nil {
		return nil, err
	}
	switch {
	case r.body.Type != wire.TImageHead:
		return nil, errors.New("it is no dump: it does not begin with a HEAD")
	case r.body.Head.Format != wire.ImageFormat:
		return nil, fmt.Errorf("format %d is not known to this release, which reads %d: use the release that wrote it (%s)",
			r.body.Head.Format, wire.ImageFormat, r.body.Head.Software)
	}
	return r, nil
}

func (r *recordReader) failed() int64 { return 0 }

// read reads and decodes a record. Its memory grows with what has come.
func (r *recordReader) read() error {
	r.record = append(r.record[:0], make([]byte, wire.HeadBytes)...)
	if _, err := io.ReadFull(r.r, r.record); err != nil {
		return cut(err)
	}
	if _, _, err := wire.Split(r.record[:4], wire.MaxImageBytes); err != nil {
		return broken(err)
	}
	var err error
	if r.record, err = readValue(r.r, r.record, wire.FrameNeed(r.record)-wire.HeadBytes); err != nil {
		return err
	}
	body, _, err := wire.Split(r.record, wire.MaxImageBytes)
	if err == nil {
		err = r.dec.DecodeImage(body, &r.body)
	}
	if err != nil {
		return broken(err)
	}
	if r.body.Type != wire.TImageEnd {
		_, _ = r.digest.Write(checksum(r.record))
	}
	return nil
}

func broken(err error) error { return fmt.Errorf("it is damaged: %w", err) }

func (r *recordReader) next(it *item) error {
	for {
		for len(r.left) > 0 {
			next := &r.left[0]
			r.left = r.left[1:]
			r.items++
			switch l := r.large[r.body.Items.Part]; {
			case next.Op == store.RecordPieced:
				if l == nil || !l.is(next.Key, next.Version) || len(l.value) != l.bytes {
					return errPieces
				}
				it.value = l.value
				delete(r.large, r.body.Items.Part)
			case l != nil:
				return errPieces
			case next.Op == store.RecordTombstone: // of an image: a dump has none
				continue
			case next.Op == store.RecordValue:
				it.value = append(it.value[:0], next.Value...)
			default:
				return broken(errors.New("an item is neither a value nor a delete"))
			}
			*it = item{
				key: append(it.key[:0], next.Key...), value: it.value, flags: next.Flags, expireAt: next.Expires, version: next.Version,
				stale: next.Marks&store.MarkStale != 0, won: next.Marks&store.MarkWon != 0,
			}
			return nil
		}
		if err := r.read(); err != nil {
			return err
		}
		if err := r.heed(); err != nil {
			return err
		}
	}
}

// heed takes what a record that has been read says. io.EOF: the dump is whole.
func (r *recordReader) heed() error {
	switch r.body.Type {
	case wire.TImageHead:
		return broken(errors.New("it begins twice"))
	case wire.TImageItems:
		r.left = r.body.Items.Items
	case wire.TPiece:
		return r.piece(&r.body.Piece)
	case wire.TImageEnd:
		if len(r.large) > 0 {
			return errPieces
		}
		if r.body.End.Items != r.items || r.body.End.Digest != r.digest.Sum64() {
			return broken(errors.New("records are missing, or in another order"))
		}
		if _, err := r.r.Peek(1); !errors.Is(err, io.EOF) {
			if err != nil {
				return err
			}
			return broken(errors.New("there is something behind its end"))
		}
		return io.EOF
	}
	return nil
}

func (l *large) is(key []byte, version uint64) bool {
	return l.version == version && bytes.Equal(l.key, key)
}

// piece takes a piece of a large value.
func (r *recordReader) piece(p *wire.Piece) error {
	l := r.large[p.Part]
	if p.At == 0 && l == nil && len(r.large) < maxLarge {
		l = &large{key: bytes.Clone(p.Key), version: p.Version, bytes: p.Bytes}
		r.large[p.Part] = l
	}
	if l == nil || !l.is(p.Key, p.Version) || p.At != len(l.value) || p.Bytes != l.bytes || len(p.Data) > l.bytes-len(l.value) {
		return broken(errors.New("pieces of a large value do not fit together"))
	}
	l.value = append(slices.Grow(l.value, len(p.Data)), p.Data...)
	return nil
}
