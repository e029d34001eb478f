package session

import (
	"fmt"
	"testing"

	"twincached/internal/testkit"
	"twincached/store"
)

// TestScenario06_DeleteAndOlderSetCrossWhileTheLinkFlaps: b sets a key, a deletes
// it later, neither has heard of the other, and the link breaks off twice, after
// any number of frames each time. The delete wins.
func TestScenario06_DeleteAndOlderSetCrossWhileTheLinkFlaps(t *testing.T) {
	const most = 22 // frames taken by both until all is said: the handshake and the data
	d := newDuo(t)
	d.set(0, "before", "x")
	d.heal()
	said, step := false, 1
	if testing.Short() || testkit.Race {
		step = 4
	}
	for first := most - 1; first >= 0; first -= step {
		for second := most - 1; second >= 0; second -= step {
			for _, setter := range []int{0, 1} {
				fresh, known := fmt.Sprint("fresh", first, second, setter), fmt.Sprint("known", first, second, setter)
				d.set(1-setter, known, "old")
				d.rest()
				d.cut()
				d.now++
				d.set(setter, fresh, "older")
				d.set(setter, known, "older")
				d.now++
				d.del(1-setter, fresh)
				d.del(1-setter, known)
				said = d.flap(first) || said
				said = d.flap(second) || said
				d.heal()
				d.wants(fresh, "", "")
				d.wants(known, "", "")
				d.same()
			}
		}
	}
	if !said {
		t.Errorf("after %d frames neither node had said everything: more cuts are possible", most)
	}
}

// flap links the nodes, lets them take some frames in turn, and cuts. It reports
// whether there was nothing more to take.
func (d *duo) flap(frames int) (all bool) {
	d.link()
	defer d.cut()
	idle := 0
	for i := 0; frames > 0; i = 1 - i {
		d.now++
		d.send(0)
		d.send(1)
		if d.take(i) {
			frames, idle = frames-1, 0
		} else if idle++; idle > 10 {
			return true
		}
	}
	return false
}

// change is what a client does to "k" in scenario 12.
type change struct {
	name string
	do   func(d *duo, i int)
}

var changes = []change{
	{"nothing", func(*duo, int) {}},
	{"set", func(d *duo, i int) { d.set(i, "k", "set by "+d.n[i].name) }},
	{"set for 1 s", func(d *duo, i int) { d.n[i].do(store.OpSet, "k", "1 s by "+d.n[i].name, d.now+1000) }},
	{"touch for 1 h", func(d *duo, i int) { d.n[i].do(store.OpTouch, "k", "", d.now+3_600_000) }},
	{"touch for 1 s", func(d *duo, i int) { d.n[i].do(store.OpTouch, "k", "", d.now+1000) }},
	{"delete", func(d *duo, i int) { d.del(i, "k") }},
}

// TestScenario12_TouchExpiryAndSetRace: any two changes of one key, one on each
// node, in any order, on a link that is up, slow or cut, with an expiry before or
// after they meet. No node ever shows what the other one knew to be outdated.
func TestScenario12_TouchExpiryAndSetRace(t *testing.T) {
	d := newDuo(t)
	d.heal()
	n := 0
	for _, x := range changes {
		for _, y := range changes {
			for _, begin := range []string{"acked", "not acked", "expires in 1 s"} {
				for _, order := range []int{0, 1} {
					for _, meet := range []string{"crossing", "after a cut", "after expiry"} {
						d.race(x, y, begin, order, meet)
						n++
					}
				}
			}
		}
	}
	t.Logf("%d races", n)
}

// raceFact is what somebody was told of "k".
type raceFact struct {
	version, expVersion uint64
	expires             int64
	value               string // "": it is deleted
}

func (f raceFact) less(g raceFact) bool {
	return f.version < g.version || f.version == g.version && f.expVersion < g.expVersion
}

// look is the state of "k" on node i.
func (d *duo) look(i int) (f raceFact) {
	d.n[i].st.Walk(store.PartitionOf([]byte("k")), func(r *store.Record) {
		if string(r.Key) == "k" && r.Op == store.RecordTombstone {
			f = raceFact{r.Version, r.Version, 0, ""}
		} else if string(r.Key) == "k" {
			f = raceFact{r.Version, r.ExpVersion, r.Expires, string(r.Value)}
		}
	})
	return f
}

func (d *duo) race(x, y change, begin string, order int, meet string) {
	d.t.Helper()
	name := fmt.Sprintf("%s on a, %s on b, %s, b first %d, %s", x.name, y.name, begin, order, meet)
	d.del(0, "k")
	d.rest()
	d.now += 10
	expires := d.now + 1<<40
	if begin == "expires in 1 s" {
		expires = d.now + 1000
	}
	d.n[0].do(store.OpSet, "k", "at first", expires)
	newest := d.look(0)
	d.rest()
	if begin == "not acked" { // a changed it meanwhile, and b has not heard
		d.now++
		d.n[0].do(store.OpSet, "k", "at second", expires)
		newest = d.look(0)
	}
	if meet != "crossing" {
		d.cut()
	}
	for k := range 2 {
		d.now++
		i := (order + k) % 2
		[]change{x, y}[i].do(d, i)
		if f := d.look(i); newest.less(f) {
			newest = f
		}
	}
	if meet == "after expiry" {
		d.now += 1500
		d.get(0, "k") // whoever looks lets it expire
		d.get(1, "k")
	}
	if meet != "crossing" {
		d.link()
	}
	d.rest()
	lossless := meet != "after expiry" && newest.value != ""
	d.judge(name, newest, lossless)
	d.now += 2000
	d.judge(name+", later", newest, false)
	d.rest()
	d.judge(name+", at the end", newest, false)
}

// judge: a node holds the newest state that anybody was told of, or nothing; and
// nothing is served past its end.
func (d *duo) judge(name string, newest raceFact, lossless bool) {
	d.t.Helper()
	for i := range d.n {
		f := d.look(i)
		if f.value != "" && f != newest || lossless && f.value == "" {
			d.t.Fatalf("%s: node %s holds %+v, the newest is %+v", name, d.n[i].name, f, newest)
		}
		if newest.expires != 0 && newest.expires <= d.now && d.get(i, "k") != "" {
			d.t.Fatalf("%s: node %s serves what expired", name, d.n[i].name)
		}
	}
}
