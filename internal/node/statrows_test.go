package node

import (
	"fmt"
	"io"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
)

var statCommands = []string{"stats", "stats settings", "stats slabs", "stats items", "stats conns"}

// memcachedRows are the rows that memcached 1.6.45 has in each kind of stats, with N for
// a number of a class or a conn. memproto's TestRecordStats wrote them down.
func memcachedRows(t *testing.T) map[string][]string {
	t.Helper()
	b, err := os.ReadFile("../../memproto/testdata/memcached-1.6.45/stats.txt")
	if err != nil {
		t.Fatal(err)
	}
	rows := map[string][]string{}
	for line := range strings.Lines(string(b)) {
		command, row, ok := strings.Cut(strings.TrimSpace(line), "\t")
		if !ok || !slices.Contains(statCommands, command) {
			t.Fatalf("%q", line)
		}
		rows[command] = append(rows[command], row)
	}
	for _, command := range statCommands {
		if len(rows[command]) < 4 {
			t.Fatalf("%s: %q", command, rows[command])
		}
	}
	return rows
}

// statLines is a reply to stats as it comes, without END.
func statLines(t *testing.T, n *Node, command string) []string {
	t.Helper()
	c := dial(t, n)
	defer c.Close()
	fmt.Fprintf(c, "%s\r\nquit\r\n", command)
	b, err := io.ReadAll(c)
	text, ended := strings.CutSuffix(string(b), "END\r\n")
	if err != nil || !ended {
		t.Fatalf("%s: %.200q, %v", command, b, err)
	}
	return strings.Split(strings.TrimSuffix(text, "\r\n"), "\r\n")
}

var reClass = regexp.MustCompile(`\d+:`)

// notOurs are rows of memcached 1.6.45 that are left out here, each with its reason.
var notOurs = map[string]string{
	"libevent":      "there is none",
	"ext_item_size": "there is no extstore", "ext_item_age": "there is no extstore", "ext_low_ttl": "there is no extstore",
	"ext_recache_rate": "there is no extstore", "ext_wbuf_size": "there is no extstore", "ext_compact_under": "there is no extstore",
	"ext_drop_under": "there is no extstore", "ext_max_sleep": "there is no extstore", "ext_max_frag": "there is no extstore",
	"ext_drop_unread": "there is no extstore",
}

// TestStats_RowsStandWhereMemcachedHasThem: every row of memcached 1.6.45 is in the same
// kind of stats on both nodes of a pair, once, and no row of it in another kind.
func TestStats_RowsStandWhereMemcachedHasThem(t *testing.T) {
	theirs := memcachedRows(t)
	cfgA, cfgB := pairConfigs(t)
	a, b := start(t, cfgA), start(t, cfgB)
	waitReady(t, a)
	waitReady(t, b)
	traffic(t, a)
	traffic(t, b)
	for name, n := range map[string]*Node{"a": a, "b": b} {
		for _, command := range statCommands {
			seen, kinds := map[string]int{}, map[string]bool{}
			for _, line := range statLines(t, n, command) {
				row := strings.Fields(line)[1]
				if seen[row]++; seen[row] > 1 {
					t.Errorf("node %s, %s: %s stands there twice", name, command, row)
				}
				kinds[reClass.ReplaceAllString(row, "N:")] = true
			}
			for _, row := range theirs[command] {
				if reason := notOurs[row]; !kinds[row] && reason == "" {
					t.Errorf("node %s, %s has no row %s", name, command, row)
				}
			}
			for row := range kinds {
				if slices.Contains(theirs[command], row) {
					continue
				}
				if command == "stats slabs" || command == "stats items" {
					t.Errorf("node %s, %s: memcached has no row %s there", name, command, row)
				}
				for other, rows := range theirs {
					if slices.Contains(rows, row) {
						t.Errorf("node %s: memcached has %s in %q, not in %q", name, row, other, command)
					}
				}
			}
		}
	}
}

// exporterGauges are the fields of slab classes that memcached_exporter shows as a gauge
// where it finds them in "stats slabs", as older memcacheds had them, and as a counter
// where it finds them in "stats items", under one name: found in both it answers 500.
var exporterGauges = []string{"mem_requested"}

// TestStats_PrometheusExporterReadsAPair reads as memcached_exporter's client does: rows
// of three words, whose names have no, one or two colons; numbers as the exporter
// converts them; and no metric twice or of two types.
func TestStats_PrometheusExporterReadsAPair(t *testing.T) {
	cfgA, cfgB := pairConfigs(t)
	a, b := start(t, cfgA), start(t, cfgB)
	waitReady(t, a)
	waitReady(t, b)
	traffic(t, a)
	traffic(t, b)
	for _, n := range []*Node{a, b} {
		general, slabs, items := map[string]string{}, map[string]string{}, map[string]string{}
		for _, command := range []string{"stats", "stats slabs", "stats items"} {
			for _, line := range statLines(t, n, command) {
				words := strings.Split(line, " ")
				if words[0] != "STAT" || len(words) != 3 || words[2] == "" {
					t.Errorf("%s: %q has not three words: it is not read", command, line)
					continue
				}
				parts := strings.Split(words[1], ":")
				table, class := general, ""
				switch len(parts) {
				case 2:
					table, class = slabs, parts[0]
				case 3:
					table, class = items, parts[1]
				}
				if _, err := strconv.ParseInt(class, 10, 64); len(parts) > 1 && err != nil {
					t.Errorf("%s: %q: %q is no class", command, line, class)
				}
				key := class + ":" + parts[len(parts)-1]
				if _, twice := table[key]; twice {
					t.Errorf("%s: %s is there twice", command, words[1])
				}
				table[key] = words[2]
				if _, err := strconv.ParseFloat(words[2], 64); len(parts) > 1 && err != nil {
					t.Errorf("%s: %q is no number", command, line)
				}
			}
		}
		if len(general) < 60 || len(slabs) < 30 || len(items) < 50 {
			t.Errorf("%d, %d and %d rows", len(general), len(slabs), len(items))
		}
		for key := range slabs {
			_, field, _ := strings.Cut(key, ":")
			if slices.Contains(exporterGauges, field) {
				t.Errorf("stats slabs has %s: the exporter makes a gauge of it, and a counter of that of stats items", key)
			}
		}
	}
}
