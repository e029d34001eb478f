package snapshot

import (
	"cmp"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"runtime"
	"slices"

	"twincached/internal/wire"
	"twincached/store"
)

// Head is what an image says of itself. Whoever writes one fills in Software, Cluster, NodeID,
// Line, Last and WallMillis (the node's clock now); the rest is the store's.
type Head = wire.ImageHead

// Want is what an image has to be of.
type Want struct {
	Cluster string
	NodeID  store.ID
}

// Options are how an image is written or loaded.
type Options struct {
	// Threads is how many goroutines encode or load; 0 = one for each core, 8 at most. With 1 all
	// happens in the caller's goroutine, and always in the same order.
	Threads int

	// Progress is told how many items have been written or loaded, and how many there are about.
	// It is called in the caller's goroutine, for each MiB or so. nil = nobody is told.
	Progress func(done, all uint64)
}

func (o *Options) threads() int { return cmp.Or(o.Threads, min(runtime.GOMAXPROCS(0), 8)) }

func (o *Options) progress(done, all uint64) {
	if o.Progress != nil {
		o.Progress(done, max(done, all))
	}
}

// Why an image cannot be used, in a word.
const (
	ImageTorn      = "torn"      // it ends before its end
	ImageChecksum  = "checksum"  // it was changed since it was written
	ImageMalformed = "malformed" // it begins as no image does; or its checksums are right, and it cannot be
	ImageFormat    = "format"    // a later release wrote it
	ImageCluster   = "cluster"   // it is of another pair
	ImageNode      = "node"      // it is of another node
	ImageClock     = "clock"     // its versions are more than a day ahead of this node's clock
)

// ImageError says why an image cannot be used, and what to do. Other errors are the reader's.
type ImageError struct {
	Why  string // one of the words above
	Text string // a sentence
}

// Error is the sentence.
func (e *ImageError) Error() string { return "snapshot: " + e.Text }

func refuse(why, format string, args ...any) error {
	return &ImageError{Why: why, Text: fmt.Sprintf(format, args...)}
}

func notAnImage() error {
	return refuse(ImageMalformed, "the file is no image: another program wrote it (the file of a memcached's -e is not read), or its beginning was damaged")
}

// refusal is an error of the layers below as an ImageError, if it is about the image.
func refusal(err error) error {
	switch {
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		return refuse(ImageTorn, "the image is not complete: what wrote it was stopped, or the disk was full; give it more time to stop (--drain-timeout, stop_grace_period), or room")
	case errors.Is(err, wire.ErrChecksum), errors.Is(err, wire.ErrFrameLength):
		return refuse(ImageChecksum, "the image was damaged after it was written: look at the disk (%v)", err)
	case errors.Is(err, wire.ErrMalformed), errors.Is(err, store.ErrImageBroken):
		return refuse(ImageMalformed, "the image contradicts itself, please report this: %v", err)
	case errors.Is(err, store.ErrImageClock):
		return refuse(ImageClock, "the image's clock is more than a day ahead of this machine's: set the clock that is wrong and start again with the image, or go on without it")
	}
	return err
}

// checkHead says whether an image is of this node.
func checkHead(h *Head, want *Want) error {
	switch {
	case h.Format != wire.ImageFormat:
		return refuse(ImageFormat, "the image has format %d and this release reads %d: start the release that wrote it, or go on without it", h.Format, wire.ImageFormat)
	case h.Cluster != want.Cluster:
		return refuse(ImageCluster, "the image is of cluster %q and this node is of %q: give it the right --cluster or --state-dir", h.Cluster, want.Cluster)
	case h.NodeID != want.NodeID:
		return refuse(ImageNode, "the image is of node %s and this is %s: each node needs a --state-dir of its own", short(h.NodeID), short(want.NodeID))
	}
	return nil
}

func short(id store.ID) string { return hex.EncodeToString(id[:4]) }

// readFrame reads one record, head and all, into room, and returns it. What it claims to be
// long is reserved only as the bytes come.
func readFrame(r io.Reader, room []byte) ([]byte, error) {
	room = append(room[:0], make([]byte, wire.HeadBytes)...)
	if _, err := io.ReadFull(r, room); err != nil {
		return room, err
	}
	if _, _, err := wire.Split(room, wire.MaxImageBytes); err != nil {
		return room, err
	}
	const step = 256 << 10
	for need := wire.FrameNeed(room); len(room) < need; {
		n := min(need-len(room), step)
		room = slices.Grow(room, n)[:len(room)+n]
		if _, err := io.ReadFull(r, room[len(room)-n:]); err != nil {
			return room, err
		}
	}
	return room, nil
}

// decode checks one record and decodes it.
func decode(frame []byte, d *wire.Decoder, b *wire.ImageBody) error {
	body, n, err := wire.Split(frame, wire.MaxImageBytes)
	if err == nil && n == 0 {
		err = io.ErrUnexpectedEOF
	}
	if err == nil {
		err = d.DecodeImage(body, b)
	}
	return err
}

// ReadHead reads the head of an image, and nothing behind it.
func ReadHead(r io.Reader) (Head, error) {
	var b wire.ImageBody
	frame, err := readFrame(r, nil)
	if err == nil {
		err = decode(frame, &wire.Decoder{}, &b)
	}
	switch {
	case errors.Is(err, wire.ErrFrameLength):
		return Head{}, notAnImage()
	case err != nil:
		return Head{}, refusal(err)
	case b.Type != wire.TImageHead:
		return Head{}, notAnImage()
	case b.Head.Format != wire.ImageFormat:
		return b.Head, checkHead(&b.Head, &Want{})
	}
	return b.Head, nil
}

// checksum is the field of a record that the digest of an image is made of.
func checksum(frame []byte) []byte { return frame[wire.HeadBytes-4 : wire.HeadBytes] }
