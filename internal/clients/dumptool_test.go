package clients

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"twincached/internal/testkit"
	"twincached/internal/testkit/rig"
)

// TestDumpTools_PrintWhatIsThereAndNothingElse lets both of memcached's dumps and
// libmemcached's look at either node.
func TestDumpTools_PrintWhatIsThereAndNothingElse(t *testing.T) {
	t.Parallel()
	a, b := rig.NewPair(t)
	rig.StartAll(a, b)
	rig.WaitLinked(a, b)
	names := append(rig.Keys("key", 40), "per%cent", "empty")
	a.Load(names[:20], func(i int) string { return "value of " + names[i] })
	b.Load(names[20:], func(i int) string { return strings.Repeat("v", (len(names)-21-i)*100) })
	rig.WaitEqual(a, b, names)
	if got := a.Dial().Do("delete key7"); got != "DELETED" {
		t.Fatal(got)
	}
	names = slices.Delete(names, 7, 8)
	testkit.Eventually(t, "the other node has deleted it", func() bool { return b.Count([]string{"key7"}) == 0 })
	slices.Sort(names)
	for _, n := range []*rig.Node{a, b} {
		c := n.Dial()
		var want, got []string
		for _, name := range names {
			value, _, _ := c.Get(name)
			want = append(want, fmt.Sprintf("add %s 0 0 %d\r\n%s\r\n", name, len(value), value))
		}
		dump := memcachedTool(t, n, "dump", "Dumping memcache contents\n")
		for _, add := range strings.SplitAfter(dump, "\r\nadd ") {
			got = append(got, "add "+strings.TrimPrefix(strings.TrimSuffix(add, "add "), "add "))
		}
		slices.Sort(got)
		slices.Sort(want)
		if !slices.Equal(got, want) {
			t.Errorf("memcached-tool dump on node %s printed\n%q, want\n%q", n.Name, got, want)
		}
		got = nil
		for line := range strings.Lines(memcachedTool(t, n, "keys", "Dumping memcache keys\n")) {
			name, _, _ := strings.Cut(strings.TrimPrefix(line, "key="), " ")
			got = append(got, strings.ReplaceAll(name, "%25", "%"))
		}
		if slices.Sort(got); !slices.Equal(got, names) {
			t.Errorf("memcached-tool keys on node %s: %q, want %q", n.Name, got, names)
		}
		got = strings.Fields(libmemcached(t, n, 0, "memcdump"))
		if slices.Sort(got); !slices.Equal(got, names) {
			t.Errorf("memcdump on node %s: %q, want %q", n.Name, got, names)
		}
	}
}
