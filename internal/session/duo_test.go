package session

import (
	"fmt"
	"testing"

	"twincached/internal/wire"
	"twincached/store"
)

// duo is two nodes without sockets for tests that tell a story: real stores, real
// sessions, a clock that the test moves, and nothing that happens by itself.
type duo struct {
	t      testing.TB
	now    int64 // true time, Unix ms
	starts byte
	n      [2]*duoNode
	mem    [2]store.Config
	lacks  [2]uint64 // features that a node does not have when it starts
	up     bool
	rate   int64 // Config.CopyBytes of both when they start
}

type duoNode struct {
	name string
	*Core
	now   func() int64
	st    *store.Store
	s     *Session // nil while the link is cut
	skew  int64    // ms that this node's clock is ahead of the true time
	inbox []byte   // on the way to this node
	w     *wire.Writer
}

// newDuo makes both nodes, not linked yet. mem is what their stores are made with.
func newDuo(t testing.TB, mem ...store.Config) *duo {
	t.Helper()
	d := &duo{t: t, now: 1_750_000_000_000}
	for i := range d.n {
		d.mem[i] = store.Config{MemoryBytes: 16 << 20}
		if len(mem) > 0 {
			d.mem[i] = mem[min(i, len(mem)-1)]
		}
		d.mem[i].Replicated, d.mem[i].Slot = true, uint8(i+1)
		d.start(i, 0)
	}
	t.Cleanup(func() {
		for _, n := range d.n {
			if err := n.st.CheckInvariants(); err != nil {
				t.Errorf("node %s: %v", n.name, err)
			}
			n.st.Close()
		}
	})
	return d
}

// start makes node i anew and empty, with a clock that is skew ms ahead.
func (d *duo) start(i int, skew int64) {
	d.t.Helper()
	d.starts++
	n := &duoNode{name: string(rune('a' + i)), skew: skew, w: wire.NewWriter()}
	st, err := store.New(d.mem[i], d.now+skew)
	if err != nil {
		d.t.Fatal(err)
	}
	n.st = st
	n.now = func() int64 { return d.now + n.skew }
	n.Core = newCore(d.t, n.now(), Config{Cluster: "duo", NodeID: store.ID{byte(i + 1)}, Inc: store.ID{d.starts, 1}, Store: st, Without: d.lacks[i], CopyBytes: d.rate})
	d.n[i] = n
}

// kill ends node i as a power cut would; a new, empty process takes its place.
func (d *duo) kill(i int) {
	d.cut()
	d.n[i].st.Close()
	d.start(i, d.n[i].skew)
}

// link opens a connection between the nodes; what the last one carried is lost.
func (d *duo) link() {
	d.cut()
	d.up = true
	d.starts++
	for i, n := range d.n {
		n.s = newSession(n.Core, i == int(d.starts)%2, [32]byte{d.starts, byte(i)}, &Scratch{})
		n.s.OnConnect(n.now())
	}
}

// cut ends the connection at both ends at once.
func (d *duo) cut() {
	d.up = false
	for _, n := range d.n {
		if n.s != nil {
			n.s.OnLoss(n.now())
		}
		n.s, n.inbox = nil, nil
	}
}

// send lets node i say what it has to say now; it is on the way then.
func (d *duo) send(i int) (bytes int) {
	n := d.n[i]
	n.w.Reset()
	n.s.Pump(n.now(), n.w)
	d.n[1-i].inbox = append(d.n[1-i].inbox, n.w.Bytes()...)
	return n.w.Len()
}

// take lets node i read the next frame that is on the way to it.
func (d *duo) take(i int) bool {
	d.t.Helper()
	n := d.n[i]
	body, size, err := wire.Split(n.inbox, n.s.FrameLimit())
	if err != nil {
		d.t.Fatalf("node %s: %v", n.name, err)
	}
	if size == 0 {
		return false
	}
	if err := n.s.OnFrame(n.now(), body); err != nil {
		d.t.Fatalf("node %s: %v", n.name, err)
	}
	n.inbox = n.inbox[size:]
	if n.s.WantsAdmission() {
		if err := n.s.Admit(n.now(), Ready); err != nil {
			d.t.Fatalf("node %s: %v", n.name, err)
		}
	}
	n.s.OnIdle(n.now())
	return true
}

// turn is a millisecond in which everything said arrives.
func (d *duo) turn() (bytes int) {
	d.t.Helper()
	d.now++
	for i := range d.n {
		bytes += d.send(i)
	}
	for i := range d.n {
		for d.take(i) {
		}
	}
	return bytes
}

// pass lets time go by: the stores do what it demands, and the link lives, if
// there is one.
func (d *duo) pass(millis int64) {
	d.t.Helper()
	for end := d.now + millis; d.now < end; {
		d.now = min(d.now+100, end)
		for _, n := range d.n {
			n.st.Tick(n.now())
		}
		if d.up {
			d.now--
			d.turn()
		}
	}
}

// rest runs until neither node has anything more to say, and returns how many
// bytes that took.
func (d *duo) rest() (bytes int) {
	d.t.Helper()
	for range 100_000 {
		bytes += d.turn()
		if d.n[0].s.Quiet() && d.n[1].s.Quiet() && len(d.n[0].inbox)+len(d.n[1].inbox) == 0 {
			return bytes
		}
	}
	d.t.Fatal("the nodes do not come to rest")
	return bytes
}

// heal links the nodes anew and lets them rest.
func (d *duo) heal() (bytes int) {
	d.t.Helper()
	d.link()
	return d.rest()
}

func (n *duoNode) do(op store.Op, key, value string, expires int64) store.Result {
	return n.st.Do(n.now(), &store.Request{Op: op, Key: []byte(key), Value: []byte(value), Expires: expires})
}

func (d *duo) set(i int, key, value string) {
	d.t.Helper()
	if r := d.n[i].do(store.OpSet, key, value, 0); r.Status != store.Stored {
		d.t.Fatalf("set %s on %s: status %d", key, d.n[i].name, r.Status)
	}
}

func (d *duo) del(i int, key string) store.Status {
	return d.n[i].do(store.OpDelete, key, "", 0).Status
}

// get is what a client of node i reads; "" is a miss.
func (d *duo) get(i int, key string) string {
	v, _ := d.n[i].st.Get(d.n[i].now(), []byte(key), nil, func(dst []byte, v *store.View) []byte { return append(dst, v.Value...) })
	return string(v)
}

// evict makes node i evict key, by writing other small keys until it is gone.
func (d *duo) evict(i int, key string) {
	d.t.Helper()
	for k := range 1 << 16 {
		if !d.holds(i, key) {
			return
		}
		d.set(i, fmt.Sprint("flood of ", d.n[i].name, k), string(make([]byte, 500)))
	}
	d.t.Fatalf("node %s does not evict %s", d.n[i].name, key)
}

// holds says whether node i has a value of key, without reading it.
func (d *duo) holds(i int, key string) (yes bool) {
	d.n[i].st.Walk(store.PartitionOf([]byte(key)), func(r *store.Record) {
		yes = yes || string(r.Key) == key && r.Op != store.RecordTombstone
	})
	return yes
}

// wants checks what clients of both nodes read.
func (d *duo) wants(key, a, b string) {
	d.t.Helper()
	if x, y := d.get(0, key), d.get(1, key); x != a || y != b {
		d.t.Fatalf("%s is %.60q on a and %.60q on b, want %.60q and %.60q", key, x, y, a, b)
	}
}

// states are all values that node i holds, as text, by key.
func (d *duo) states(i int) map[string]string {
	n := d.n[i]
	flushed, _, _ := n.st.FlushState()
	held := map[string]string{}
	for part := range store.Partitions {
		n.st.Walk(part, func(r *store.Record) {
			if r.Op != store.RecordTombstone && r.Version > flushed {
				held[string(r.Key)] = fmt.Sprint(r.Version, r.ExpVersion, r.Expires, r.Flags, r.Marks, string(r.Value))
			}
		})
	}
	return held
}

// equal checks that no key has two values, and returns how many keys only one of
// the nodes holds.
func (d *duo) equal() (onlyA, onlyB int) {
	d.t.Helper()
	a, b := d.states(0), d.states(1)
	for key, x := range a {
		y, both := b[key]
		if both && x != y {
			d.t.Fatalf("%s is %.80q on a and %.80q on b", key, x, y)
		}
		if !both {
			onlyA++
		}
	}
	for key := range b {
		if _, both := a[key]; !both {
			onlyB++
		}
	}
	return onlyA, onlyB
}

// same checks that both nodes hold the same keys with the same values.
func (d *duo) same() {
	d.t.Helper()
	if onlyA, onlyB := d.equal(); onlyA+onlyB != 0 {
		d.t.Fatalf("%d keys are only on a, %d only on b", onlyA, onlyB)
	}
}
