package node

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"time"

	"twincached/internal/nodelog"
	"twincached/internal/status"
	"twincached/memproto"
	"twincached/replicator"
	"twincached/snapshot"
	"twincached/store"
)

const (
	imageName     = "image" // in --state-dir
	imageLogEvery = 5       // seconds: how far it is, as of a copy
)

// image is what a node does with its image (--warm). Loading ends before the link begins, and
// writing begins when nothing moves any more.
type image struct {
	file     *imageFile   // nil: none is kept
	taken    *os.File     // what is to be loaded; nil: nothing. Open until clients are served: to free a large file takes time
	openLink func() error // when that is done
	heirOf   store.Line   // that of the image that was loaded; zero: none
	met      bool         // an earlier process had loaded it, and may have met the peer
	last     bool         // it was of the last node of its pair, and nobody can have gone on since
	unsure   atomic.Bool  // the image may yet be dropped, and the store with it

	naming sync.Mutex
	named  bool // what was loaded has got its last name, or none

	mu    sync.Mutex
	shown status.Image
}

func (i *image) close() {
	if i.taken != nil {
		i.taken.Close()
	}
}

// show is what the snapshot has of it.
func (i *image) show() status.Image {
	i.mu.Lock()
	defer i.mu.Unlock()
	return i.shown
}

func (i *image) change(f func(s *status.Image)) {
	i.mu.Lock()
	defer i.mu.Unlock()
	f(&i.shown)
}

// progress is called while an image is loaded or written.
func (i *image) progress(done, all uint64) {
	i.change(func(s *status.Image) { s.Items, s.Total = done, all })
}

// openImage looks for an image to begin with. waits: there is one, to be loaded before the
// link is opened.
func (n *Node) openImage() (waits bool, err error) {
	path, flag := n.cfg.imagePath(), choose(n.cfg.MemoryFile != "", "-e, --memory-file", "--warm")
	if path == "" {
		return false, nil
	}
	if n.cfg.MemoryFile != "" && n.cfg.StateDir != "" {
		if other := filepath.Join(n.cfg.StateDir, imageName); !samePlace(path, other) {
			if err := n.leaveImage(&imageFile{path: other}); err != nil {
				return false, err
			}
		}
	}
	f := &imageFile{path: path, step: n.cfg.imageStep}
	if n.cfg.warm() == WarmOff {
		return false, n.leaveImage(f)
	}
	n.image.file = f
	n.image.shown.Warm = string(n.cfg.warm())
	if err := f.check(); err != nil {
		return false, fmt.Errorf("node: %s: no image could be written: %w", flag, err)
	}
	if n.image.taken, n.image.met, err = f.take(); err != nil {
		return false, fmt.Errorf("node: %s: the image cannot be read: %w", flag, err)
	}
	n.image.unsure.Store(n.image.taken != nil)
	return n.image.taken != nil, nil
}

// samePlace says that two paths name one file, be it there or not.
func samePlace(a, b string) bool {
	inA, errA := os.Stat(filepath.Dir(a))
	inB, errB := os.Stat(filepath.Dir(b))
	return errA == nil && errB == nil && os.SameFile(inA, inB) && filepath.Base(a) == filepath.Base(b)
}

// leaveImage sees to it that an image which this process does not begin with is not used by a
// later one either: that would bring back what is deleted from now on.
func (n *Node) leaveImage(f *imageFile) error {
	there, err := f.setAside()
	if err != nil {
		return fmt.Errorf("node: --state-dir: the image there cannot be set aside: %w", err)
	}
	if there {
		n.log.Warn("an image is there, and --warm is not given, or -e names another file: the node begins without it", nodelog.ImageUnused, "kept_as", f.path+badSuffix)
	}
	return nil
}

// wake loads the image and opens the link. false: the node ends first.
func (n *Node) wake(ctx context.Context) bool {
	err := n.loadImage(ctx)
	n.gate.Lock()
	defer n.gate.Unlock()
	if n.shut { // nobody was served from it: the next process loads it
		return false
	}
	n.image.unsure.Store(n.image.provisional(&n.cfg))
	if err == nil {
		err = n.image.openLink()
	}
	if err != nil {
		n.fail(err)
		return false
	}
	return true
}

// loadImage puts the image into the store. One that cannot be used is set aside. An error says
// that neither could be done: no client may be served then.
func (n *Node) loadImage(ctx context.Context) error {
	began := time.Now()
	n.beginImage(status.ImageLoading)
	n.log.Info("loading the image", nodelog.ImageLoading, "file", n.image.file.path)
	done := n.sayImage(func(s *status.Image) {
		n.log.Info("loading the image", nodelog.ImageLoading, "items", s.Items, "of", s.Total)
	})
	n.image.file.at(stepLoading)
	head, err := snapshot.LoadImage(&endingReader{ctx, n.image.taken}, n.store, snapshot.Want{Cluster: n.cfg.Cluster, NodeID: n.id}, n.clock.Now(), snapshot.Options{Progress: n.image.progress})
	done()
	switch {
	case ctx.Err() != nil:
		return ctx.Err()
	case err != nil:
		return n.refuseImage(err)
	}
	n.image.heirOf, n.image.last = head.Line, head.Last && !n.image.met
	slept := max(n.clock.Now()-head.WallMillis, 0)
	n.endImage(status.ImageLoaded, slept)
	text := "the image is loaded"
	if n.image.provisional(&n.cfg) {
		text += ", and counts only together with the peer, which may have gone on without this node: waiting for that peer"
	}
	n.log.Info(text, nodelog.ImageLoaded, "items", n.store.Stats().Items, "after_ms", time.Since(began).Milliseconds(),
		"slept_ms", slept, "was_last", n.image.last)
	return n.keepBound()
}

// meetPeer is called before a peer learns anything from this process, or when one is there and will not
// link. That peer may go on when this process is killed, so an image that was the last one says that it
// may not be any more.
func (n *Node) meetPeer() error {
	n.image.naming.Lock()
	defer n.image.naming.Unlock()
	if !n.image.last || n.image.named {
		return nil
	}
	if err := n.image.file.meet(); err != nil {
		err = fmt.Errorf("node: the image that is loaded cannot be renamed: %w", err)
		n.fail(err)
		return err
	}
	n.image.named = true
	return nil
}

// useImage removes the image for good, before a client is served: from here on this process is
// the heir, and nobody else.
func (n *Node) useImage() error {
	if n.image.heirOf == (store.Line{}) {
		return nil
	}
	n.image.naming.Lock()
	defer n.image.naming.Unlock()
	if err := n.image.file.used(); err != nil {
		return fmt.Errorf("node: the image that was loaded cannot be removed, and nobody may load it again: %w", err)
	}
	n.image.named = true
	return nil
}

// refuseImage begins anew without an image, which stays for people.
func (n *Node) refuseImage(why error) error {
	n.endImage(status.ImageBad, 0)
	text, cause := why.Error(), "unread"
	if refusal := (*snapshot.ImageError)(nil); errors.As(why, &refusal) {
		text, cause = refusal.Text, refusal.Why
	}
	n.log.Error("the image is not used, and this node begins empty: "+text, nodelog.ImageBad, "cause", cause, "kept_as", n.image.file.path+badSuffix)
	if _, err := n.image.file.setAside(); err != nil {
		return fmt.Errorf("node: --state-dir: the image that is not used cannot be set aside: %w", err)
	}
	return n.renewStore()
}

// renewStore begins with a store that is empty.
func (n *Node) renewStore() error {
	n.asking.Lock()
	defer n.asking.Unlock()
	n.link.Store(nil)
	n.store.Close()
	return n.openStore()
}

// provisional says that what was loaded counts only together with the peer.
func (i *image) provisional(c *Config) bool {
	return i.heirOf != (store.Line{}) && !i.last && c.warm() != WarmAny
}

// beginAnew drops an image whose peer has not come: the peer went on when this node had stopped,
// and may have deleted what the image holds. false: the node ends, or has to.
func (n *Node) beginAnew() bool {
	n.gate.Lock()
	defer n.gate.Unlock()
	if n.shut { // what was loaded is written again
		return false
	}
	n.endImage(status.ImageDropped, n.image.show().SleptMillis)
	n.log.Warn("the image is dropped, as the peer went on without this node, and what it holds has not come: this node begins empty, and takes what the peer has when it comes",
		nodelog.ImageDropped, "kept_as", n.image.file.path+badSuffix)
	n.image.heirOf = store.Line{}
	_, err := n.image.file.setAside()
	if err == nil {
		err = n.renewStore()
	}
	n.image.unsure.Store(false)
	if err == nil {
		err = n.image.openLink()
	}
	if err != nil {
		n.fail(err)
		return false
	}
	return true
}

// linkListener is the replication port as the link may close it. A link with an image that may be
// dropped only borrows it.
func (n *Node) linkListener() net.Listener {
	l, ok := n.replication.(*net.TCPListener)
	if !ok {
		return nil
	}
	_ = l.SetDeadline(time.Time{})
	if n.image.provisional(&n.cfg) {
		return &borrowed{TCPListener: l}
	}
	return l
}

// borrowed is a listener that somebody else keeps open.
type borrowed struct {
	*net.TCPListener
	closed atomic.Bool
}

// Accept fails with net.ErrClosed once Close was called.
func (b *borrowed) Accept() (net.Conn, error) {
	c, err := b.TCPListener.Accept()
	if err != nil && b.closed.Load() {
		return nil, net.ErrClosed
	}
	return c, err
}

// Close ends Accept, and nothing else.
func (b *borrowed) Close() error {
	b.closed.Store(true)
	return b.SetDeadline(time.Unix(1, 0))
}

// keepImage writes the image. Nothing moves any more. left is how many items no live peer is known to
// have; it returns how many of them are nowhere else now. That is none if the next process uses the image
// even if no peer comes.
func (n *Node) keepImage(left uint64) uint64 {
	l := n.link.Load()
	if n.image.file == nil || l == nil { // without a link the image is where it was
		return left
	}
	began := time.Now()
	n.beginImage(status.ImageWriting)
	n.log.Info("writing the image", nodelog.ImageWriting, "items", n.store.Stats().Items, "file", n.image.file.path)
	done := n.sayImage(func(s *status.Image) {
		n.log.Info("writing the image", nodelog.ImageWriting, "items", s.Items, "of", s.Total)
	})
	head := n.imageHead(l)
	err := n.image.file.write(func(w io.Writer) error {
		return snapshot.WriteImage(w, n.store, head, snapshot.Options{Progress: n.image.progress})
	})
	done()
	if err != nil {
		n.endImage(status.ImageNotWritten, 0)
		n.log.Error("the image cannot be written: what this node holds is gone, but for what its peer has; make room there before the next stop",
			nodelog.ImageNotWritten, "file", n.image.file.path, "error", err.Error())
		if !n.cfg.replicates() {
			return n.store.Stats().Items
		}
		return left
	}
	n.endImage(status.ImageWritten, 0)
	n.log.Info("the image is written", nodelog.ImageWritten, "items", n.image.show().Items, "after_ms", time.Since(began).Milliseconds(), "was_last", head.Last)
	if head.Last {
		return 0
	}
	return left
}

// imageHead says whose image it is.
func (n *Node) imageHead(l *replicator.Link) snapshot.Head {
	return snapshot.Head{
		Software: "twincached " + Version, Cluster: n.cfg.Cluster, NodeID: n.id, Line: l.ImageLine(), Last: l.Last(),
		ImageHead: store.ImageHead{WallMillis: n.clock.Now()},
	}
}

func (n *Node) beginImage(work string) {
	n.image.change(func(s *status.Image) {
		s.Work, s.Items, s.Total, s.StartedMillis, s.FinishedMillis = work, 0, 0, n.clock.Now(), 0
	})
}

func (n *Node) endImage(outcome string, sleptMillis int64) {
	n.image.change(func(s *status.Image) {
		s.Work, s.FinishedMillis, s.SleptMillis = outcome, n.clock.Now(), sleptMillis
	})
}

// sayImage shows how far the image is, each second and in the log, until done is called.
func (n *Node) sayImage(say func(s *status.Image)) (done func()) {
	stop := make(chan struct{})
	var wg sync.WaitGroup
	wg.Go(func() {
		t := time.NewTicker(time.Second)
		defer t.Stop()
		for second := 1; ; second++ {
			select {
			case <-stop:
				return
			case <-t.C:
			}
			n.publish()
			if s := n.image.show(); second%imageLogEvery == 0 {
				say(&s)
			}
		}
	})
	return func() {
		close(stop)
		wg.Wait()
	}
}

// endingReader reads until ctx ends.
type endingReader struct {
	ctx context.Context
	r   io.Reader
}

func (e *endingReader) Read(b []byte) (int, error) {
	if err := e.ctx.Err(); err != nil {
		return 0, err
	}
	return e.r.Read(b)
}

// imageRows are the rows of "stats" about the image, in every node's.
func (n *Node) imageRows(r *memproto.Rows) {
	s := n.image.show()
	r.Text("warm", choose(s.Warm != "", s.Warm, "off"))
	r.Text("warm_image", orNone(s.Work))
	r.Uint("warm_items", s.Items)
	r.Int("warm_load_ms", max(s.FinishedMillis-s.StartedMillis, 0))
	r.Int("warm_slept_ms", s.SleptMillis)
}
