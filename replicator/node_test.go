package replicator

import (
	"context"
	"encoding/binary"
	"flag"
	"log/slog"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"twincached/internal/session"
	"twincached/internal/testkit"
	"twincached/store"
)

var full = flag.Bool("full", false, "run the scenarios in their full size, where the usual run has a smaller one")

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// testNode is a link over real sockets and a real store.
type testNode struct {
	t      testing.TB
	st     *store.Store
	l      *Link
	log    *logLines
	cancel context.CancelFunc
	done   chan struct{}
	once   sync.Once
}

func listen(t testing.TB) net.Listener {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	return ln
}

// listenAgain listens on a port that may be closed and opened again: neither another test nor a
// connection that goes out gets it meanwhile.
func listenAgain(t testing.TB) net.Listener {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:"+testkit.FreePorts(t, 1)[0])
	if err != nil {
		t.Fatal(err)
	}
	return ln
}

func now() int64 { return time.Now().UnixMilli() }

func newTestStore(t testing.TB) *store.Store {
	t.Helper()
	st, err := store.New(store.Config{MemoryBytes: 16 << 20, Replicated: true}, now())
	if err != nil {
		t.Fatal(err)
	}
	return st
}

// startNode starts node number id on ln (nil = no replication port) with peer as
// its peer. change may change the config.
func startNode(t testing.TB, id byte, ln net.Listener, peer string, change func(*Config)) *testNode {
	t.Helper()
	n := &testNode{t: t, st: newTestStore(t), log: &logLines{}, done: make(chan struct{})}
	cfg := Config{
		Config: session.Config{Cluster: "test", Secret: []byte("s3cret"), NodeID: store.ID{id}, Inc: newInc(), Software: "twincached test", Store: n.st},
		Peer:   peer, Listener: ln, Now: now, Log: slog.New(slog.NewTextHandler(n.log, &slog.HandlerOptions{Level: slog.LevelDebug})),
	}
	if change != nil {
		change(&cfg)
	}
	n.st = cfg.Store
	l, err := New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	n.l = l
	ctx, cancel := context.WithCancel(context.Background())
	n.cancel = cancel
	go func() {
		defer close(n.done)
		l.Run(ctx)
	}()
	t.Cleanup(n.stop)
	return n
}

var incs struct {
	sync.Mutex
	n uint64
}

func newInc() (id store.ID) {
	incs.Lock()
	defer incs.Unlock()
	incs.n++
	binary.BigEndian.PutUint64(id[:], incs.n)
	return id
}

func (n *testNode) stop() {
	n.once.Do(func() {
		n.cancel()
		<-n.done
		if err := n.st.CheckInvariants(); err != nil {
			n.t.Errorf("store: %v", err)
		}
		n.st.Close()
	})
}

func (n *testNode) set(key, value string) {
	n.t.Helper()
	if r := n.st.Do(now(), &store.Request{Op: store.OpSet, Key: []byte(key), Value: []byte(value)}); r.Status != store.Stored {
		n.t.Fatalf("set %s: status %d", key, r.Status)
	}
}

func (n *testNode) del(key string) {
	n.st.Do(now(), &store.Request{Op: store.OpDelete, Key: []byte(key)})
}

func (n *testNode) get(key string) string {
	v, ok := n.st.Get(now(), []byte(key), nil, func(dst []byte, v *store.View) []byte { return append(dst, v.Value...) })
	if !ok {
		return ""
	}
	return string(v)
}

func (n *testNode) linked() bool {
	p := n.l.Stats().Link
	return p == "catchup" || p == "stream"
}

func (n *testNode) isReady() bool {
	select {
	case <-n.l.Ready():
		return true
	default:
		return false
	}
}

// refused returns how often cause ended a connection.
func (n *testNode) refused(cause string) uint64 { return n.l.Stats().Refused[cause] }

// eventually waits for a condition.
var eventually = testkit.Eventually

// logLines keeps what was logged.
type logLines struct{ testkit.Log }

func (l *logLines) has(s string) bool { return l.Has(s) }

// startPair starts two nodes that name each other.
func startPair(t testing.TB, change func(i int, c *Config)) (a, b *testNode) {
	t.Helper()
	la, lb := listen(t), listen(t)
	wrap := func(i int) func(*Config) {
		return func(c *Config) {
			if change != nil {
				change(i, c)
			}
		}
	}
	a = startNode(t, 1, la, lb.Addr().String(), wrap(0))
	b = startNode(t, 2, lb, la.Addr().String(), wrap(1))
	return a, b
}

func waitLinked(t testing.TB, nodes ...*testNode) {
	t.Helper()
	for _, n := range nodes {
		eventually(t, "linked and ready", func() bool { return n.isReady() && n.linked() })
	}
}

func (l *logLines) count() int { return strings.Count(l.String(), "\n") }

func testLogger(l *logLines) *slog.Logger { return slog.New(slog.NewTextHandler(l, nil)) }
