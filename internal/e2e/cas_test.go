package e2e

import "testing"

// A client reads with gets on one node, loses that node, and writes with cas on
// the other one: what it read is still what counts.
func TestScenario10_CASSurvivesTheNodeThatGaveIt(t *testing.T) {
	t.Parallel()
	a, b := newPair(t)
	startAll(a, b)
	for _, nodes := range [][2]*node{{a, b}, {b, a}} {
		giver, other := nodes[0], nodes[1]
		t.Run("killed "+giver.name, func(t *testing.T) { casSurvives(t, giver, other, "k-"+giver.name) })
	}
}

func casSurvives(t *testing.T, giver, other *node, key string) {
	c := giver.dial()
	if got := c.set(key, "first"); got != "STORED" {
		t.Fatalf("set: %s", got)
	}
	_, token, hit := c.get(key)
	if !hit {
		t.Fatal("miss after set")
	}
	c.Close()
	waitEqual(giver, other, []string{key})
	giver.kill()

	c = other.dial()
	defer c.Close()
	if v, cas, _ := c.get(key); v != "first" || cas != token {
		t.Fatalf("the survivor has %q under %s, the dead node gave %s", v, cas, token)
	}
	cas := func(c *conn, value, want string) {
		t.Helper()
		if got := c.do("cas %s 0 0 %d %s\r\n%s", key, len(value), token, value); got != want {
			t.Errorf("cas %q on the old version: %s, want %s", value, got, want)
		}
	}
	cas(c, "second", "STORED")
	cas(c, "third", "EXISTS")
	v, token2, _ := c.get(key)
	if v != "second" || token2 == token {
		t.Fatalf("after cas: %q under %s", v, token2)
	}

	giver.start()
	giver.waitServing()
	back := giver.dial()
	defer back.Close()
	if v, cas, _ := back.get(key); v != "second" || cas != token2 {
		t.Fatalf("the restarted node has %q under %s, want second under %s", v, cas, token2)
	}
	cas(back, "fourth", "EXISTS")
	waitEqual(giver, other, []string{key})
	token = token2
	cas(back, "fifth", "STORED")
	waitEqual(giver, other, []string{key})
	if v, _, _ := c.get(key); v != "fifth" {
		t.Errorf("at the end: %q", v)
	}
}
