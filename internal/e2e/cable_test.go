package e2e

import (
	"testing"
	"time"
)

// TestFailure_CablePulled: not a byte passes, and nobody is told. b serves on, and
// knows soon; a, which loses its power as well, returns through the copy.
func TestFailure_CablePulled(t *testing.T) {
	t.Parallel()
	a, b, link := newRelayedPair(t, "--peer-wait", "10m")
	startAll(a, b)
	waitLinked(a, b)
	names := keys("k", 1000)
	a.load(names, value100)
	waitEqual(a, b, names)
	link.mute(toA, true)
	link.mute(toB, true)

	c := b.dial()
	defer c.Close()
	for _, k := range names[:200] { // b does not know yet, and asks nobody
		if got := c.set(k, "by b"); got != "STORED" {
			t.Fatal(got)
		}
	}
	b.waitLog("link lost", "nothing heard for 1000 ms")
	a.waitLog("link lost", "nothing heard for 1000 ms")
	for _, k := range names[200:300] {
		if got := c.do("delete %s", k); got != "DELETED" {
			t.Fatal(got)
		}
	}
	if n := b.count(names); n != 900 {
		t.Errorf("b serves %d of 900 keys", n)
	}
	a.kill()
	a.start()
	a.waitLog("looking for the peer")
	for range 50 {
		if a.serving() {
			t.Fatal("a serves without having heard of its peer")
		}
		<-time.After(time.Millisecond)
	}
	link.mute(toA, false)
	link.mute(toB, false)
	a.waitServing()
	if n := a.count(names); n != 900 {
		t.Errorf("a opened its port with %d of 900 keys", n)
	}
	waitEqual(a, b, names)
}
