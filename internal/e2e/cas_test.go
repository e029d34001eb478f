package e2e

import (
	"testing"

	"twincached/internal/testkit/rig"
)

// A client reads with gets on one node, loses that node, and writes with cas on
// the other one: what it read is still what counts.
func TestScenario10_CASSurvivesTheNodeThatGaveIt(t *testing.T) {
	t.Parallel()
	a, b := rig.NewPair(t)
	rig.StartAll(a, b)
	for _, nodes := range [][2]*rig.Node{{a, b}, {b, a}} {
		giver, other := nodes[0], nodes[1]
		t.Run("killed "+giver.Name, func(t *testing.T) { casSurvives(t, giver, other, "k-"+giver.Name) })
	}
}

func casSurvives(t *testing.T, giver, other *rig.Node, key string) {
	c := giver.Dial()
	if got := c.Set(key, "first"); got != "STORED" {
		t.Fatalf("set: %s", got)
	}
	_, token, hit := c.Get(key)
	if !hit {
		t.Fatal("miss after set")
	}
	c.Close()
	rig.WaitEqual(giver, other, []string{key})
	giver.Kill()

	c = other.Dial()
	defer c.Close()
	if v, cas, _ := c.Get(key); v != "first" || cas != token {
		t.Fatalf("the survivor has %q under %s, the dead node gave %s", v, cas, token)
	}
	cas := func(c *rig.Conn, value, want string) {
		t.Helper()
		if got := c.Do("cas %s 0 0 %d %s\r\n%s", key, len(value), token, value); got != want {
			t.Errorf("cas %q on the old version: %s, want %s", value, got, want)
		}
	}
	cas(c, "second", "STORED")
	cas(c, "third", "EXISTS")
	v, token2, _ := c.Get(key)
	if v != "second" || token2 == token {
		t.Fatalf("after cas: %q under %s", v, token2)
	}

	giver.Start()
	giver.WaitServing()
	back := giver.Dial()
	defer back.Close()
	if v, cas, _ := back.Get(key); v != "second" || cas != token2 {
		t.Fatalf("the restarted node has %q under %s, want second under %s", v, cas, token2)
	}
	cas(back, "fourth", "EXISTS")
	rig.WaitEqual(giver, other, []string{key})
	token = token2
	cas(back, "fifth", "STORED")
	rig.WaitEqual(giver, other, []string{key})
	if v, _, _ := c.Get(key); v != "fifth" {
		t.Errorf("at the end: %q", v)
	}
}
