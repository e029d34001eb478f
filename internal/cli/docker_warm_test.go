package cli

import (
	"errors"
	"fmt"
	"testing"

	"github.com/bradfitz/gomemcache/memcache"

	"twincached/internal/testkit"
	"twincached/internal/testkit/compose"
)

// warmContainers is the compose file's pair and what it is to hold.
type warmContainers struct {
	*testing.T
	c       *compose.Project
	ports   map[string]string
	deleted int // k0 up to it
}

// holds waits until both serve, and looks at every key on both.
func (w *warmContainers) holds(after string) {
	w.Helper()
	for name := range w.ports {
		w.c.WaitHealthy(name)
		n := w.client(name)
		kept := 0
		for i := range composeKeys {
			it, err := n.Get(fmt.Sprint("k", i))
			switch {
			case err == nil && string(it.Value) == "v" && i >= w.deleted:
				kept++
			case i < w.deleted && errors.Is(err, memcache.ErrCacheMiss):
			default:
				w.Fatalf("after %s: k%d on %s, of which k0 to k%d were deleted: %v\n%s", after, i, name, w.deleted-1, err, w.c.Must("logs", "--no-color", "--tail=30"))
			}
		}
		if kept != composeKeys-w.deleted {
			w.Errorf("after %s: %s has %d keys", after, name, kept)
		}
	}
}

// client is one with connections of its own: those to a container that was restarted are gone.
func (w *warmContainers) client(name string) *memcache.Client {
	return newClient("127.0.0.1:" + w.ports[name])
}

// delete removes the next keys, by way of one node.
func (w *warmContainers) delete(by string) {
	w.Helper()
	n := w.client(by)
	for range 20 {
		if err := n.Delete(fmt.Sprint("k", w.deleted)); err != nil {
			w.Fatal(err)
		}
		w.deleted++
	}
}

// TestWarm_Containers: whatever compose does to both nodes as planned, the data is there
// afterwards, and what was deleted while one was stopped is not.
func TestWarm_Containers(t *testing.T) {
	if testkit.Race {
		t.Skip("takes two minutes, and the tests of internal/e2e run the same code under the race detector")
	}
	t.Parallel() // it waits more than it works
	c, ports := composePair(t)
	w := &warmContainers{T: t, c: c, ports: map[string]string{"a": ports[0], "b": ports[1]}}
	for i := range composeKeys {
		if err := w.client("a").Set(&memcache.Item{Key: fmt.Sprint("k", i), Value: []byte("v")}); err != nil {
			t.Fatal(err)
		}
	}
	up := []string{"up", "-d", "--no-build", "a", "b"}
	for name, steps := range map[string][][]string{
		"restart":             {{"restart", "a", "b"}},
		"down and up":         {{"down"}, up},
		"up --force-recreate": {{"up", "-d", "--no-build", "--force-recreate", "a", "b"}},
		"stop and start":      {{"stop", "a", "b"}, {"start", "a", "b"}},
	} {
		w.delete("b")
		for _, words := range steps {
			c.Must(words...)
		}
		w.holds(name)
	}
	for _, first := range []string{"a", "b"} {
		last := map[string]string{"a": "b", "b": "a"}[first]
		c.Must("stop", first)
		w.delete(last)
		c.Must("stop", last)
		c.Must(up...)
		w.holds(first + " stopped first, and up")
	}
}
