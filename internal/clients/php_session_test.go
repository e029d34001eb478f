package clients

import (
	"net/http"
	"strings"
	"testing"

	"twincached/internal/testkit"
	"twincached/internal/testkit/rig"
)

// eachFlavour runs a test on a pair of its own for each of the recommended
// settings.
func eachFlavour(t *testing.T, test func(t *testing.T, f *phpFlavour, a, b *rig.Node), args ...string) {
	for _, f := range phpFlavours {
		t.Run(f.name, func(t *testing.T) {
			t.Parallel()
			a, b := rig.NewPair(t, args...)
			rig.StartAll(a, b)
			test(t, &f, a, b)
		})
	}
}

// visitPage starts web servers and lets one visitor in.
func (f *phpFlavour) visitPage(t *testing.T, a, b *rig.Node, override ...string) *browser {
	return newSite(f.page(t, "counter.php", a, b, override...), 2).browser()
}

func TestPHPSession_FromLogInToLogOut(t *testing.T) {
	t.Parallel()
	eachFlavour(t, func(t *testing.T, f *phpFlavour, a, b *rig.Node) {
		v := f.visitPage(t, a, b)
		first := v.want("a new session", "", 1)
		kept := v.want("it is changed", "?keep=100", 2)
		if kept.session != first.session || !strings.HasPrefix(kept.kept, "100 ") {
			t.Errorf("the session was %s, now it is %s and keeps %s", first.session, kept.session, kept.kept)
		}
		renewed := v.want("another id", "?do=renew", 3)
		if renewed.session == first.session || renewed.kept != kept.kept {
			t.Errorf("session %s keeps %s; renewed it is %s and keeps %s", kept.session, kept.kept, renewed.session, renewed.kept)
		}
		v.gone(first.session, a, b)
		if next := v.want("the renewed one", "", 4); next.session != renewed.session || next.kept != kept.kept {
			t.Errorf("session %s keeps %s, want %s and %s", next.session, next.kept, renewed.session, kept.kept)
		}
		if got := v.visit("?do=end"); got.status != http.StatusOK || got.body != "ended\n" {
			t.Fatalf("ending the session: %d %s", got.status, got.body)
		}
		v.gone(renewed.session, a, b)
		if again := v.want("after the end", "", 1); !strings.HasPrefix(again.kept, "0 ") {
			t.Errorf("what a session kept came back: %s", again.kept)
		}
	})
}

func TestPHPSession_OfHundredsOfKilobytesIsOnBothNodes(t *testing.T) {
	t.Parallel()
	eachFlavour(t, func(t *testing.T, f *phpFlavour, a, b *rig.Node) {
		v := f.visitPage(t, a, b)
		kept := v.want("300 KB", "?keep=300000", 1).kept
		if got := v.want("read again", "", 2).kept; got != kept {
			t.Errorf("it keeps %s, want %s", got, kept)
		}
		rig.WaitEqual(a, b, v.keys(v.id()))
		a.Kill()
		if got := v.want("without a", "", 3).kept; got != kept {
			t.Errorf("without node a it keeps %s, want %s", got, kept)
		}
		a.Start()
		a.WaitServing()
		rig.WaitEqual(a, b, v.keys(v.id()))
		b.Kill()
		if got := v.want("without b", "", 4).kept; got != kept {
			t.Errorf("without node b it keeps %s, want %s", got, kept)
		}
	})
}

// A session above the item limit is refused with a word that reaches the page.
// memcached forgets what was there before, and so does a pair: the page must not
// go on with what it has just failed to replace.
func TestPHPSession_AboveTheItemLimitIsAClearFailure(t *testing.T) {
	t.Parallel()
	stock := [2]*rig.Node{startMemcached(t), startMemcached(t)}
	eachFlavour(t, func(t *testing.T, f *phpFlavour, a, b *rig.Node) {
		answers := map[string][]answer{}
		for name, nodes := range map[string][2]*rig.Node{"pair": {a, b}, "memcached": stock} {
			v := f.visitPage(t, nodes[0], nodes[1], "display_errors=1", "html_errors=0", "log_errors=0")
			v.want("a small session", "?keep=1000", 1)
			tooLarge := v.visit("?keep=2000000")
			answers[name] = []answer{tooLarge, v.visit("")}
			if tooLarge.status != http.StatusInternalServerError || !strings.Contains(tooLarge.body, "not saved") {
				t.Errorf("%s: 2 MB were answered %d\n%s", name, tooLarge.status, tooLarge.body)
			}
		}
		for i, when := range []string{"the large one", "afterwards"} {
			pair, stock := answers["pair"][i], answers["memcached"][i]
			if pair.status != stock.status || pair.visits != stock.visits || strings.Fields(pair.kept)[0] != strings.Fields(stock.kept)[0] {
				t.Errorf("%s: a pair answers %d, visit %d, keeps %s; memcached %d, visit %d, %s", when,
					pair.status, pair.visits, pair.kept, stock.status, stock.visits, stock.kept)
			}
		}
	})
}

// The lifetime is counted from the last visit, also from one that changed
// nothing, and when it is over the session is gone from both nodes.
func TestPHPSession_ExpiresOnBothNodes(t *testing.T) {
	t.Parallel()
	eachFlavour(t, func(t *testing.T, f *phpFlavour, a, b *rig.Node) {
		short := f.page(t, "counter.php", a, b, "session.gc_maxlifetime=1")
		long := f.page(t, "counter_read.php", a, b)
		testkit.Eventually(t, "a session is prolonged in time", func() bool { // a busy machine may need several tries
			short.visit("prolonged")
			n, _ := long.visit("prolonged")
			return n == 1
		})
		if n, complaints := short.visit("expires"); n != 1 {
			t.Fatalf("a new session counts %d %s", n, complaints)
		}
		v := &browser{site: &site{page: short}}
		v.gone("expires", a, b)
		if n, _ := short.visit("expires"); n != 1 {
			t.Errorf("an expired session counts %d", n)
		}
		// The other one was written earlier with the same lifetime.
		for _, n := range []*rig.Node{a, b} {
			if _, _, hit := n.Dial().Get(long.keys("prolonged")[0]); !hit {
				t.Errorf("a visit that changed nothing did not prolong the session on node %s", n.Name)
			}
		}
		if n, _ := long.visit("prolonged"); n != 1 {
			t.Errorf("the prolonged session counts %d, want 1", n)
		}
	})
}

func TestPHPSession_GarbageCollectionDoesNoHarm(t *testing.T) {
	t.Parallel()
	eachFlavour(t, func(t *testing.T, f *phpFlavour, a, b *rig.Node) {
		p := f.page(t, "counter_gc.php", a, b, "session.gc_probability=1", "session.gc_divisor=1")
		v := newVisitors(p)
		for range 4 {
			v.count("every visit collects garbage")
		}
		rig.WaitEqual(a, b, v.allKeys())
	})
}
