package e2e

import (
	"testing"
	"time"

	"twincached/internal/testkit/rig"
)

// TestFailure_CablePulled: not a byte passes, and nobody is told. b serves on, and
// knows soon; a, which loses its power as well, returns through the copy.
func TestFailure_CablePulled(t *testing.T) {
	t.Parallel()
	a, b, link := newRelayedPair(t, "--peer-wait", "10m")
	rig.StartAll(a, b)
	rig.WaitLinked(a, b)
	names := rig.Keys("k", 1000)
	a.Load(names, value100)
	rig.WaitEqual(a, b, names)
	link.mute(toA, true)
	link.mute(toB, true)

	c := b.Dial()
	defer c.Close()
	for _, k := range names[:200] { // b does not know yet, and asks nobody
		if got := c.Set(k, "by b"); got != "STORED" {
			t.Fatal(got)
		}
	}
	b.WaitLog("link lost", "nothing heard for 1000 ms")
	a.WaitLog("link lost", "nothing heard for 1000 ms")
	for _, k := range names[200:300] {
		if got := c.Do("delete %s", k); got != "DELETED" {
			t.Fatal(got)
		}
	}
	if n := b.Count(names); n != 900 {
		t.Errorf("b serves %d of 900 keys", n)
	}
	saw(t, "cable", b, a, b)
	a.Kill()
	a.Start()
	a.WaitLog("looking for the peer")
	saw(t, "cable, a waits", a, a, b)
	for range 50 {
		if a.Serving() {
			t.Fatal("a serves without having heard of its peer")
		}
		<-time.After(time.Millisecond)
	}
	link.mute(toA, false)
	link.mute(toB, false)
	a.WaitServing()
	if n := a.Count(names); n != 900 {
		t.Errorf("a opened its port with %d of 900 keys", n)
	}
	rig.WaitEqual(a, b, names)
}
