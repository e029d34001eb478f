package metrics

import (
	"maps"
	"math"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"twincached/internal/status"
	"twincached/internal/testkit"
	"twincached/memproto"
)

// sample is a line of an answer of /metrics: name and labels, and the value.
var sample = regexp.MustCompile(`(?m)^([a-z]\w*(?:\{.*\})?) (\S+)$`)

// samples are the numbers of an answer.
func samples(t testing.TB, answer string) map[string]float64 {
	t.Helper()
	found := map[string]float64{}
	for _, m := range sample.FindAllStringSubmatch(answer, -1) {
		v, err := strconv.ParseFloat(m[2], 64)
		if _, twice := found[m[1]]; err != nil || twice {
			t.Fatalf("%s: twice, or no number", m[0])
		}
		found[m[1]] = v
	}
	return found
}

// everySlabCommand makes items of two size classes, and asks for them in every way.
var everySlabCommand = []string{
	"set n 0 0 1\r\n1", "incr n 1", "decr n 1", "get n", "get none", "touch n 0", "touch none 0", "delete none",
	"cas n 0 0 1 1\r\n2", "cas none 0 0 1 1\r\n2", "set gone 0 0 1\r\n1", "delete gone", "set long 0 0 300\r\n" + strings.Repeat("x", 300), "get long",
	"flush_all 1000",
}

// exporterSeries are the lines of testdata/exporter.tsv.
func exporterSeries(t *testing.T) (lines [][]string) {
	t.Helper()
	text, err := os.ReadFile("testdata/exporter.tsv")
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(text)) {
		if !strings.HasPrefix(line, "#") {
			lines = append(lines, strings.Split(strings.TrimSpace(line), "\t"))
		}
	}
	return lines
}

var depends = regexp.MustCompile(`(slab|version)="[^"]*"`)

// Names and labels are memcached_exporter's, all of them and no others.
func TestExporter_SeriesAreMemcachedExporters(t *testing.T) {
	t.Parallel()
	n := startNode(t, nil)
	n.text(t, everySlabCommand...)
	var got, want []string
	for name := range samples(t, n.scrape(t)) {
		if strings.HasPrefix(name, "memcached_") {
			got = append(got, depends.ReplaceAllString(name, `$1="*"`))
		}
	}
	for _, line := range exporterSeries(t) {
		want = append(want, sortedLabels(line[0]))
	}
	slices.Sort(got)
	slices.Sort(want)
	got, want = slices.Compact(got), slices.Compact(want)
	if len(want) < 80 {
		t.Fatalf("the file has %d series only", len(want))
	}
	for _, name := range got {
		if !slices.Contains(want, name) {
			t.Errorf("%s is none of the exporter's", name)
		}
	}
	for _, name := range want {
		if !slices.Contains(got, name) {
			t.Errorf("%s is missing", name)
		}
	}
}

// sortedLabels has the labels as an answer has them.
func sortedLabels(series string) string {
	name, labels, ok := strings.Cut(strings.TrimSuffix(series, "}"), "{")
	if !ok {
		return series
	}
	all := strings.Split(labels, ",")
	slices.Sort(all)
	return name + "{" + strings.Join(all, ",") + "}"
}

// moving are the rows that differ from one question to the next.
var moving = []string{"time", "uptime", "rusage_user", "rusage_system", "age"}

// rowsAndSamples are the rows of stats, and a scrape that came when they were the same: the
// sweep goes on meanwhile.
func (n *served) rowsAndSamples(t *testing.T) (rows map[string]map[string]string, got map[string]float64) {
	read := func() map[string]map[string]string {
		all := map[string]map[string]string{}
		for kind, asked := range map[string]string{"stats": "", "settings": "settings", "slabs": "slabs", "items": "items"} {
			all[kind] = byName(n.StatRows(asked))
		}
		return all
	}
	fixed := func(all map[string]map[string]string) map[string]string {
		some := maps.Clone(all["stats"])
		maps.DeleteFunc(some, func(name, _ string) bool { return slices.Contains(moving, name) || strings.HasPrefix(name, "repl_") })
		return some
	}
	testkit.Eventually(t, "a scrape while the rows stay", func() bool {
		rows = read()
		got = samples(t, n.scrape(t))
		return maps.Equal(fixed(rows), fixed(read()))
	})
	return rows, got
}

// Values are those of the rows that memcached_exporter takes.
func TestExporter_ValuesAreThoseOfStats(t *testing.T) {
	t.Parallel()
	n := startNode(t, nil)
	n.text(t, everySlabCommand...)
	rows, got := n.rowsAndSamples(t)
	classes := map[string]bool{}
	for name := range rows["slabs"] {
		if class, _, ok := strings.Cut(name, ":"); ok {
			classes[class] = true
		}
	}
	if len(classes) != 2 {
		t.Fatalf("the classes %v are in use, want two", classes)
	}
	for _, line := range exporterSeries(t) {
		kind := line[1]
		if kind == "-" || slices.Contains(moving, line[2]) {
			continue
		}
		series := sortedLabels(line[0])
		if !strings.Contains(series, `slab="*"`) {
			expect(t, got, series, rows[kind], "", line[2])
			continue
		}
		for class := range classes {
			before := class + ":"
			if kind == "items" {
				before = "items:" + before
			}
			expect(t, got, strings.ReplaceAll(series, "*", class), rows[kind], before, line[2])
		}
	}
}

// expect compares a series with what its rows make: the first one less the others.
func expect(t *testing.T, got map[string]float64, series string, rows map[string]string, before, formula string) {
	t.Helper()
	want := 0.0
	for i, name := range strings.Split(formula, " - ") {
		v, ok := number(rows[before+name])
		if !ok {
			t.Errorf("%s: no row %s%s", series, before, name)
		}
		if i > 0 {
			v = -v
		}
		want += v
	}
	if v, ok := got[series]; !ok || v != want {
		t.Errorf("%s is %v (%v), want %v: %s", series, v, ok, want, formula)
	}
}

// memcached_up tells what a client would see, as the exporter is one.
func TestExporter_UpWhileClientsAreServed(t *testing.T) {
	for _, serves := range []bool{false, true} {
		got := samples(t, answer(t, of(status.Snapshot{State: status.State{Word: "copying", Serves: serves}})))
		if got["memcached_up"] != oneZero(serves) {
			t.Errorf("serves=%v: memcached_up is %v", serves, got["memcached_up"])
		}
	}
}

// A memcached without a crawler has no numbers of one.
func TestExporter_CrawlerThatIsOff(t *testing.T) {
	for _, on := range []string{"yes", "no"} {
		src := of(status.Snapshot{})
		src.rows = func(kind string) []memproto.Stat {
			if kind != "settings" {
				return nil
			}
			return []memproto.Stat{{Name: "lru_crawler", Value: on}, {Name: "lru_crawler_sleep", Value: "100"}, {Name: "maxconns", Value: "7"}}
		}
		got := samples(t, answer(t, src))
		if _, there := got["memcached_lru_crawler_sleep"]; there != (on == "yes") || got["memcached_max_connections"] != 7 {
			t.Errorf("lru_crawler=%s: %v", on, got)
		}
	}
}

func TestNumber_AsTheExporterReads(t *testing.T) {
	for text, want := range map[string]float64{"yes": 1, "no": 0, "12": 12, "0.25": 0.25, "": math.NaN(), "none": math.NaN(), "(null)": math.NaN()} {
		v, ok := number(text)
		if ok == math.IsNaN(want) || ok && v != want {
			t.Errorf("%q is %v, %v", text, v, ok)
		}
	}
}
