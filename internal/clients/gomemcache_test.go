package clients

import (
	"errors"
	"fmt"
	"reflect"
	"slices"
	"testing"

	"github.com/bradfitz/gomemcache/memcache"

	"twincached/internal/testkit"
	"twincached/internal/testkit/rig"
)

// gomemcacheCalls are the methods that the test below uses. It compares them
// with what the library has, so that a new one does not go unnoticed.
var gomemcacheCalls = []string{
	"Add", "Append", "Close", "CompareAndSwap", "Decrement", "Delete", "DeleteAll", "FlushAll", "Get",
	"GetAndTouch", "GetMulti", "Increment", "Ping", "Prepend", "Replace", "Set", "Touch",
}

func TestGomemcache_EveryCommandOnEachNode(t *testing.T) {
	t.Parallel()
	methods := reflect.TypeFor[*memcache.Client]()
	for m := range methods.Methods() {
		if !slices.Contains(gomemcacheCalls, m.Name) {
			t.Errorf("gomemcache's %s is not called here", m.Name)
		}
	}
	a, b := rig.NewPair(t)
	rig.StartAll(a, b)
	for _, nodes := range [][2]*rig.Node{{a, b}, {b, a}} {
		near, far := nodes[0], nodes[1]
		t.Run("on "+near.Name, func(t *testing.T) {
			c := &gomemcacheTest{t: t, near: near.Client(), far: far.Client()}
			if err := c.near.Ping(); err != nil {
				t.Errorf("Ping: %v", err)
			}
			c.storing()
			c.counting()
			c.comparing()
			c.several()
			c.expiring()
			c.emptying("FlushAll", c.near.FlushAll)
			c.emptying("DeleteAll", c.near.DeleteAll)
		})
	}
}

// gomemcacheTest does everything on the near node, and looks at the far one.
type gomemcacheTest struct {
	t         *testing.T
	near, far *memcache.Client
}

func (c *gomemcacheTest) want(call string, err, want error) {
	c.t.Helper()
	if !errors.Is(err, want) {
		c.t.Errorf("%s: %v, want %v", call, err, want)
	}
}

// both checks that the near node has a value now, and the far one soon.
func (c *gomemcacheTest) both(key, value string, flags uint32) {
	c.t.Helper()
	it, err := c.near.Get(key)
	if err != nil || string(it.Value) != value || it.Flags != flags {
		c.t.Fatalf("near Get %s: %+v, %v; want %q with flags %d", key, it, err, value, flags)
	}
	testkit.Eventually(c.t, key+" is "+value+" on the far node", func() bool {
		it, err := c.far.Get(key)
		return err == nil && string(it.Value) == value && it.Flags == flags
	})
}

// gone checks that the near node misses a key now, and the far one soon.
func (c *gomemcacheTest) gone(key string) {
	c.t.Helper()
	_, err := c.near.Get(key)
	c.want("near Get "+key, err, memcache.ErrCacheMiss)
	testkit.Eventually(c.t, key+" is gone from the far node", func() bool {
		_, err := c.far.Get(key)
		return errors.Is(err, memcache.ErrCacheMiss)
	})
}

func item(key, value string) *memcache.Item {
	return &memcache.Item{Key: key, Value: []byte(value), Flags: 7}
}

func (c *gomemcacheTest) storing() {
	c.t.Helper()
	c.want("Replace of nothing", c.near.Replace(item("k", "0")), memcache.ErrNotStored)
	c.want("Append to nothing", c.near.Append(item("k", "0")), memcache.ErrNotStored)
	c.want("Prepend to nothing", c.near.Prepend(item("k", "0")), memcache.ErrNotStored)
	c.want("Delete of nothing", c.near.Delete("k"), memcache.ErrCacheMiss)
	c.gone("k")
	c.want("Set", c.near.Set(item("k", "1")), nil)
	c.both("k", "1", 7)
	c.want("Add over a value", c.near.Add(item("k", "2")), memcache.ErrNotStored)
	c.both("k", "1", 7)
	c.want("Replace", c.near.Replace(&memcache.Item{Key: "k", Value: []byte("3"), Flags: 9}), nil)
	c.both("k", "3", 9)
	c.want("Append", c.near.Append(item("k", "z")), nil)
	c.want("Prepend", c.near.Prepend(item("k", "a")), nil)
	c.both("k", "a3z", 9)
	c.want("Delete", c.near.Delete("k"), nil)
	c.gone("k")
	c.want("Add", c.near.Add(item("k", "4")), nil)
	c.both("k", "4", 7)
}

func (c *gomemcacheTest) counting() {
	c.t.Helper()
	_, err := c.near.Increment("n", 1)
	c.want("Increment of nothing", err, memcache.ErrCacheMiss)
	c.want("Set", c.near.Set(item("n", "40")), nil)
	n, err := c.near.Increment("n", 5)
	if n != 45 || err != nil {
		c.t.Errorf("Increment: %d, %v", n, err)
	}
	c.both("n", "45", 7)
	n, err = c.near.Decrement("n", 100)
	if n != 0 || err != nil {
		c.t.Errorf("Decrement below zero: %d, %v", n, err)
	}
	testkit.Eventually(c.t, "the far node has counted down", func() bool {
		it, err := c.far.Get("n")
		return err == nil && string(it.Value[:1]) == "0"
	})
}

func (c *gomemcacheTest) comparing() {
	c.t.Helper()
	c.want("Set", c.near.Set(item("cas", "1")), nil)
	c.both("cas", "1", 7)
	mine, err := c.near.Get("cas")
	c.want("Get", err, nil)
	theirs, err := c.far.Get("cas")
	c.want("Get", err, nil)
	if mine.CasID == 0 || mine.CasID != theirs.CasID {
		c.t.Errorf("the two nodes give other cas ids: %d and %d", mine.CasID, theirs.CasID)
	}
	theirs.Value = []byte("2")
	c.want("CompareAndSwap with the far node's id", c.near.CompareAndSwap(theirs), nil)
	mine.Value = []byte("3")
	c.want("CompareAndSwap with an old id", c.near.CompareAndSwap(mine), memcache.ErrCASConflict)
	c.both("cas", "2", 7)
	c.want("Delete", c.near.Delete("cas"), nil)
	c.want("CompareAndSwap of nothing", c.near.CompareAndSwap(mine), memcache.ErrCacheMiss)
	c.gone("cas")
}

func (c *gomemcacheTest) several() {
	c.t.Helper()
	var names []string
	for i := range 150 {
		names = append(names, fmt.Sprintf("multi%d", i))
		c.want("Set", c.near.Set(item(names[i], names[i]+"'s value")), nil)
	}
	names = append(names, "multi-miss")
	for what, client := range map[string]*memcache.Client{"near": c.near, "far": c.far} {
		testkit.Eventually(c.t, "GetMulti on the "+what+" node", func() bool {
			got, err := client.GetMulti(names)
			c.want("GetMulti", err, nil)
			for key, it := range got {
				if string(it.Value) != key+"'s value" {
					c.t.Fatalf("GetMulti: %s is %q", key, it.Value)
				}
			}
			return len(got) == 150
		})
	}
}

func (c *gomemcacheTest) expiring() {
	c.t.Helper()
	c.want("Touch of nothing", c.near.Touch("touched", 100), memcache.ErrCacheMiss)
	_, err := c.near.GetAndTouch("gat", 100)
	c.want("GetAndTouch of nothing", err, memcache.ErrCacheMiss)
	for _, key := range []string{"touched", "gat", "expires"} {
		it := item(key, key)
		if key == "expires" {
			it.Expiration = 1
		}
		c.want("Set", c.near.Set(it), nil)
	}
	testkit.Eventually(c.t, "an item is prolonged in time", func() bool { // a busy machine may need several tries
		it := item("prolonged", "prolonged")
		it.Expiration = 1
		c.want("Set", c.near.Set(it), nil)
		err := c.near.Touch("prolonged", 1000)
		if !errors.Is(err, memcache.ErrCacheMiss) {
			c.want("Touch", err, nil)
		}
		return err == nil
	})
	c.want("Touch", c.near.Touch("touched", 1), nil)
	it, err := c.near.GetAndTouch("gat", 1)
	if err != nil || string(it.Value) != "gat" || it.Flags != 7 {
		c.t.Errorf("GetAndTouch: %+v, %v", it, err)
	}
	short := []string{"touched", "gat", "expires"}
	for what, client := range map[string]*memcache.Client{"near": c.near, "far": c.far} {
		testkit.Eventually(c.t, "all has expired on the "+what+" node", func() bool {
			got, err := client.GetMulti(short)
			return err == nil && len(got) == 0
		})
	}
	c.both("prolonged", "prolonged", 7)
}

// emptying flushes by one of the library's two names for it.
func (c *gomemcacheTest) emptying(call string, flush func() error) {
	c.t.Helper()
	c.want("Set", c.near.Set(item("old", "1")), nil)
	c.both("old", "1", 7)
	c.want(call, flush(), nil)
	c.gone("old")
	c.want("Set after "+call, c.near.Set(item("new", "1")), nil)
	c.both("new", "1", 7)
}
