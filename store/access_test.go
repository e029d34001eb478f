package store

import (
	"testing"

	"pgregory.net/rapid"
)

func TestAccess_TellsTheTimeAsItPromises(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		at := testNow + rapid.Int64Range(0, 1<<40).Draw(t, "at")
		var h header
		h.setSource(mixSource)
		h.setMarks(MarkWon)
		h.setAccess(at)
		now := at
		for range rapid.IntRange(0, 40).Draw(t, "rounds") { // of the sweep: one at least every 500 s
			now += rapid.Int64Range(0, 500_000).Draw(t, "later")
			h.ageAccess(now)
			age, told := now/1000-at/1000, h.idleSeconds(now)
			switch {
			case age < accessFineMaxSec && told != age:
				t.Fatalf("%d s ago is told as %d", age, told)
			case told < age || told > age+accessCoarseSec:
				t.Fatalf("%d s ago is told as %d", age, told)
			}
		}
		if h.source() != mixSource || h.marks() != MarkWon {
			t.Fatalf("its neighbours in the header: %d %b", h.source(), h.marks())
		}
	})
}

func TestAccess_HoldsWhatIsVeryOld(t *testing.T) {
	var h header
	h.setAccess(testNow)
	for now := testNow; now < testNow+100*86400_000; now += 400_000 {
		h.ageAccess(now)
		if idle := h.idleSeconds(now); idle < min((now-testNow)/1000, accessMaxUnits*accessCoarseSec) {
			t.Fatalf("after %d s it is told as %d", (now-testNow)/1000, idle)
		}
	}
}

func TestAccess_AReadIsNotedAndALookIsNot(t *testing.T) {
	s := newTestStore(t, Config{})
	s.set(testNow, "k", "v")
	look := func(now int64, f Fetch) View {
		t.Helper()
		var v View
		f.Key = []byte("k")
		if _, hit := s.Fetch(now, &f, nil, Render(func(dst []byte, got *View) []byte { v = *got; return dst })); !hit {
			t.Fatal("not there")
		}
		return v
	}
	if v := look(testNow+30_000, Fetch{Peek: true}); v.Fetched || v.IdleSeconds != 30 {
		t.Errorf("never read: %+v", v)
	}
	look(testNow+40_000, Fetch{Quiet: true})
	if v := look(testNow+60_000, Fetch{}); v.Fetched || v.IdleSeconds != 60 {
		t.Errorf("looked at only: %+v", v)
	}
	if v := look(testNow+65_000, Fetch{}); !v.Fetched || v.IdleSeconds != 5 {
		t.Errorf("read: %+v", v)
	}
	s.get(testNow+70_000, "k")
	if v := look(testNow+72_000, Fetch{}); v.IdleSeconds != 2 {
		t.Errorf("read by get: %+v", v)
	}
	if st := s.Stats(); st.CmdGet != 5 {
		t.Errorf("%d reads are counted", st.CmdGet)
	}
	s.set(testNow+80_000, "k", "w")
	if v := look(testNow+81_000, Fetch{}); v.Fetched || v.IdleSeconds != 1 {
		t.Errorf("stored anew: %+v", v)
	}
}

func TestAccess_SweepKeepsTheTimeOfWhatNobodyReads(t *testing.T) {
	s := newTestStore(t, Config{})
	for _, k := range []string{"a", "b", "c"} {
		s.set(testNow, k, "v")
	}
	now := testNow
	for ; now < testNow+6*3600_000; now += 100_000 {
		s.Tick(now)
	}
	s.Fetch(now, &Fetch{Key: []byte("b"), Peek: true}, nil, Render(func(dst []byte, v *View) []byte {
		if v.IdleSeconds < 6*3600 || v.IdleSeconds > 6*3600+accessCoarseSec {
			t.Errorf("idle for 6 hours, told as %d s", v.IdleSeconds)
		}
		return dst
	}))
}
