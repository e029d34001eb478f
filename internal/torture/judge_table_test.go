package torture

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// The judge is what every round stands on: each of its findings has a row here,
// and so has what must not be one.
func TestJudge_FindsWhatIsBroken(t *testing.T) {
	t0 := time.Now()
	kill := func(node int) *circumstances {
		c := &circumstances{}
		c.killedAt[node] = map[int64]time.Time{1: t0.Add(5 * time.Millisecond)}
		return c
	}
	left := &circumstances{}
	left.leftAt[0] = map[int64]time.Time{1: t0.Add(5 * time.Millisecond)}
	write := func(lo, hi uint64, id string) op { return op{acked: true, lo: lo, hi: hi, id: id, inc: 1, at: t0} }
	erase := func(lo, hi uint64) op { return op{acked: true, del: true, lo: lo, hi: hi, inc: 1, at: t0} }
	unsure := func(o op) op { o.acked, o.hi = false, never; return o }
	flush := &circumstances{flushes: []op{erase(50, 60)}}
	for _, row := range []struct {
		name string
		base held
		dead uint64
		safe bool
		ops  []op
		a, b held
		c    *circumstances
		want string // "" or words of the breach
		lost int
	}{
		{name: "equal", ops: []op{write(10, 10, "x")}, a: held{10, "x"}, b: held{10, "x"}},
		{name: "two versions", ops: []op{write(10, 10, "x"), write(11, 11, "y")}, a: held{10, "x"}, b: held{11, "y"}, want: "differs"},
		{name: "one version, two values", ops: []op{write(10, 10, "x")}, a: held{10, "x"}, b: held{10, "y"}, want: "differs"},
		{name: "older than acknowledged", base: held{5, "o"}, ops: []op{write(10, 10, "x")}, a: held{5, "o"}, b: held{5, "o"}, want: "acknowledged a write"},
		{name: "the same, and its node was killed", base: held{5, "o"}, ops: []op{write(10, 10, "x")}, a: held{5, "o"}, b: held{5, "o"}, c: kill(0), lost: 1},
		{name: "another node was killed", base: held{5, "o"}, ops: []op{write(10, 10, "x")}, a: held{5, "o"}, b: held{5, "o"}, c: kill(1), want: "acknowledged a write"},
		{name: "within the bounds of a write", ops: []op{write(8, 12, "x"), write(9, 9, "y")}, a: held{9, "y"}, b: held{9, "y"}},
		{name: "gone without a reason", ops: []op{write(10, 10, "x")}, want: "acknowledged a write"},
		{name: "gone with its node", ops: []op{write(10, 10, "x")}, c: kill(0), lost: 1},
		{name: "gone, evicted", ops: []op{write(10, 10, "x")}, c: &circumstances{evicted: true}},
		{name: "gone, a grave took it", ops: []op{write(10, 10, "x")}, c: &circumstances{buried: true}},
		{name: "gone, no grave may take it", safe: true, ops: []op{write(10, 10, "x")}, c: &circumstances{buried: true}, want: "acknowledged a write"},
		{name: "the base is gone, no grave may take it", safe: true, base: held{9, "o"}, c: &circumstances{buried: true}, want: "both nodes had"},
		{name: "older than buried", base: held{5, "o"}, ops: []op{erase(6, 9)}, a: held{5, "o"}, c: &circumstances{buried: true, evicted: true}, want: "acknowledged a delete"},
		{name: "older than evicted", base: held{5, "o"}, ops: []op{write(10, 10, "x")}, b: held{5, "o"}, c: &circumstances{evicted: true}, want: "acknowledged a write"},
		{name: "two changes that its node could not tell", ops: []op{write(10, 10, "x"), write(11, 11, "y")}, c: left, lost: 2},
		{name: "one that the other node made", ops: []op{{acked: true, lo: 10, hi: 10, id: "x", inc: 1, node: 1, at: t0}}, c: left, want: "acknowledged a write"},
		{name: "gone, deleted later", ops: []op{write(10, 10, "x"), erase(10, 20)}},
		{name: "gone, perhaps deleted", ops: []op{write(10, 10, "x"), unsure(erase(10, 0))}},
		{name: "gone, deleted before", ops: []op{write(10, 10, "x"), erase(3, 6)}, want: "acknowledged a write"},
		{name: "deleted, and back", base: held{5, "o"}, ops: []op{erase(6, 9)}, a: held{5, "o"}, b: held{5, "o"}, want: "acknowledged a delete"},
		{name: "deleted on a node that was killed", base: held{5, "o"}, ops: []op{erase(6, 9)}, a: held{5, "o"}, b: held{5, "o"}, c: kill(0), lost: 1},
		{name: "deleted, and written at about that time", ops: []op{erase(6, 9), write(7, 7, "x")}, a: held{7, "x"}, b: held{7, "x"}},
		{name: "deleted in an earlier round, and back", dead: 6, ops: []op{unsure(write(0, 0, "x"))}, a: held{5, "x"}, want: "is back"},
		{name: "flushed, and there", base: held{5, "o"}, a: held{5, "o"}, b: held{5, "o"}, c: flush, want: "acknowledged a delete"},
		{name: "flushed", base: held{5, "o"}, c: flush},
		{name: "written after the flush, and gone", ops: []op{write(61, 61, "x")}, c: flush, want: "acknowledged a write"},
		{name: "the base went back", base: held{9, "o"}, ops: []op{unsure(write(0, 0, "x"))}, a: held{8, "x"}, b: held{8, "x"}, c: kill(0), want: "both nodes had"},
		{name: "the base is gone", base: held{9, "o"}, c: kill(0), want: "both nodes had"},
		{name: "nobody's value", base: held{9, "o"}, a: held{10, "z"}, b: held{10, "z"}, want: "nobody wrote"},
		{name: "a write without a reply", base: held{9, "o"}, ops: []op{unsure(write(0, 0, "x"))}, a: held{10, "x"}, b: held{10, "x"}},
	} {
		t.Run(row.name, func(t *testing.T) {
			if row.c == nil {
				row.c = &circumstances{}
			}
			v := &verdict{}
			v.judge(&record{key: "k", base: row.base, dead: row.dead, safe: row.safe, ops: row.ops}, row.a, row.b, row.c)
			got := strings.Join(v.broken, "\n")
			if (row.want == "") != (got == "") || !strings.Contains(got, row.want) {
				t.Errorf("found %q, want %q", got, row.want)
			}
			if len(v.lost) != row.lost {
				t.Errorf("lost %v, want %d", v.lost, row.lost)
			}
			if v.lostKeys != min(1, row.lost) {
				t.Errorf("%d keys lost something", v.lostKeys)
			}
			for _, age := range v.lost {
				if age != 5*time.Millisecond {
					t.Errorf("a loss is %v old", age)
				}
			}
		})
	}
}

func TestJudge_CountsWhatIsWrittenOnce(t *testing.T) {
	r, v := &record{key: "k", once: true, ops: []op{{acked: true, lo: 10, hi: 10, id: "x"}}}, &verdict{}
	r.settle(v.judge(r, held{10, "x"}, held{}, &circumstances{}), time.Now())
	v.judge(r, held{}, held{}, &circumstances{evicted: true}) // the nodes have been emptied
	if v.once != 1 || v.kept != 1 || len(v.broken) > 0 {
		t.Errorf("%d of %d are kept, %q", v.kept, v.once, v.broken)
	}
}

func TestNode_SaysWhatItsPeerLacks(t *testing.T) {
	for text, want := range map[string]int{
		"time=x level=INFO msg=draining\ntwincached: stopped; 1932 items are not on a live peer\n":           1932,
		"time=x level=INFO msg=draining\ntwincached: stopped; 1 item is not on a live peer\n":                1,
		"twincached: stopped by a second signal (terminated) while draining; items may not be on the peer\n": -1,
		"": -1,
	} {
		log, err := os.Create(filepath.Join(t.TempDir(), "log"))
		if err != nil {
			t.Fatal(err)
		}
		defer log.Close()
		if _, err := log.WriteString(text); err != nil {
			t.Fatal(err)
		}
		got, err := (&node{log: log}).left()
		if (err != nil) != (want < 0) || err == nil && got != want {
			t.Errorf("%q: %d, %v", text, got, err)
		}
	}
}

func TestRecord_AReadMayNotGoBack(t *testing.T) {
	r := &record{key: "k"}
	write := func(version uint64, id string) { r.add(op{acked: true, lo: version, hi: version, id: id, inc: 1}) }
	read := func(inc int64, version uint64, id string) string {
		return r.read(0, inc, r.lowest(0, inc), held{version, id})
	}
	write(10, "x")
	if got := read(1, 10, "x"); got != "" {
		t.Error(got)
	}
	if got := read(1, 10, "y"); got == "" {
		t.Error("another value with an acknowledged version passes")
	}
	if got := read(1, 9, "o"); got == "" {
		t.Error("an older version passes")
	}
	if got := read(1, 12, "z"); got != "" {
		t.Error(got)
	}
	if got := read(1, 11, "o"); got == "" {
		t.Error("an older version than one that was read passes")
	}
	r.add(op{acked: true, del: true, lo: 12, hi: never, inc: 1})
	if got := read(1, 12, "z"); got == "" {
		t.Error("what was deleted is read again")
	}
	if got := read(2, 9, "o"); got != "" {
		t.Errorf("the next incarnation is bound by what the last one showed: %s", got)
	}
	if got := read(1, 0, ""); got != "" {
		t.Errorf("a miss: %s", got)
	}
}
