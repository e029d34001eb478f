package replicator

import (
	"testing"

	"twincached/store"
)

// storeOfItems is newTestStore with another limit of items.
func storeOfItems(t *testing.T, most int) *store.Store {
	t.Helper()
	st, err := store.New(store.Config{MemoryBytes: 16 << 20, MaxItemBytes: most, Replicated: true}, now())
	if err != nil {
		t.Fatal(err)
	}
	return st
}

// TestLink_UnequalSettingsAreSaidOnBoth: two nodes that do not keep the same say so when
// they meet, each with both values; a peer that does not tell its memory is not accused.
func TestLink_UnequalSettingsAreSaidOnBoth(t *testing.T) {
	for name, c := range map[string]struct {
		change      func(i int, c *Config)
		here, there string // on node a; the other way round on b
		said        string
		neither     bool
	}{
		"equal":     {change: func(_ int, c *Config) { c.MemoryBytes = 1 << 26 }, said: "different settings", neither: true},
		"-m":        {func(i int, c *Config) { c.MemoryBytes = 1 << (26 + i) }, "67108864", "134217728", `flag="-m, --memory-limit"`, false},
		"-I":        {func(i int, c *Config) { c.Store = storeOfItems(t, 1<<(20-i)) }, "1048576", "524288", `flag="-I, --max-item-size"`, false},
		"-M":        {func(i int, c *Config) { c.MemoryBytes, c.NoEviction = 1<<26, i == 1 }, "false", "true", `flag="-M, --disable-evictions"`, false},
		"not known": {change: func(i int, c *Config) { c.MemoryBytes, c.NoEviction = 1<<26*uint64(i), i == 1 }, said: "different settings", neither: true},
	} {
		t.Run(name, func(t *testing.T) {
			a, b := startPair(t, c.change)
			waitLinked(t, a, b)
			if c.neither {
				if a.log.has(c.said) || b.log.has(c.said) {
					t.Error("said")
				}
				return
			}
			eventually(t, "said on both", func() bool {
				return a.log.has("level=WARN") && a.log.has(c.said+" here="+c.here+" there="+c.there) && b.log.has(c.said+" here="+c.there+" there="+c.here)
			})
		})
	}
}
