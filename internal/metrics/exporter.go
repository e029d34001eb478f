package metrics

import (
	"strconv"
	"strings"

	"github.com/prometheus/client_golang/prometheus"

	"twincached/memproto"
)

// exporter makes memcached_exporter's metrics of the rows of stats.
type exporter struct {
	ch   chan<- prometheus.Metric
	rows func(kind string) []memproto.Stat
}

// exporterDescs are all that an exporter can send.
var exporterDescs = func() (all []*prometheus.Desc) {
	all = append(all, upDesc, versionDesc, setsDesc, slabSetsDesc)
	all = append(all, malloced.desc)
	for _, table := range []map[string]exported{general, settings, crawler, slabs, items} {
		for _, e := range table {
			all = append(all, e.desc)
		}
	}
	return all
}()

// collect sends everything. serves: clients are served, and so would be the exporter.
func (x exporter) collect(serves bool) {
	send(x.ch, upDesc, gauge, oneZero(serves))
	x.general()
	x.settings()
	x.slabs()
	x.items()
}

func (x exporter) general() {
	rows := byName(x.rows(""))
	send(x.ch, versionDesc, gauge, 1, rows["version"])
	for name, e := range general {
		x.one(e, rows[name])
	}
	// memcached counts each cas in cmd_set again, found or not.
	if sets, ok := rest(rows, "cmd_set", "cas_misses", "cas_hits", "cas_badval"); ok {
		send(x.ch, setsDesc, counter, sets, "set", "hit")
	}
}

// settings says nothing of the crawler when it is off, as the exporter does not.
func (x exporter) settings() {
	rows := byName(x.rows("settings"))
	for name, e := range settings {
		x.one(e, rows[name])
	}
	if rows["lru_crawler"] != "yes" {
		return
	}
	for name, e := range crawler {
		x.one(e, rows[name])
	}
}

// slabs are rows like "1:chunk_size", and one that is of no slab.
func (x exporter) slabs() {
	perSlab := map[string]map[string]string{}
	for _, r := range x.rows("slabs") {
		slab, name, found := strings.Cut(r.Name, ":")
		if !found {
			if r.Name == "total_malloced" {
				x.one(malloced, r.Value)
			}
			continue
		}
		if perSlab[slab] == nil {
			perSlab[slab] = map[string]string{}
		}
		perSlab[slab][name] = r.Value
		if e, known := slabs[name]; known {
			x.one(e, r.Value, slab)
		}
	}
	for slab, rows := range perSlab { // a cas that found nothing belongs to no slab
		if sets, ok := rest(rows, "cmd_set", "cas_hits", "cas_badval"); ok {
			send(x.ch, slabSetsDesc, counter, sets, slab, "set", "hit")
		}
	}
}

// items are rows like "items:1:number".
func (x exporter) items() {
	for _, r := range x.rows("items") {
		slab, name, _ := strings.Cut(strings.TrimPrefix(r.Name, "items:"), ":")
		if e, known := items[name]; known {
			x.one(e, r.Value, slab)
		}
	}
}

// one sends the value of a row, "" where there is no such row. What is no number is left
// out.
func (x exporter) one(e exported, value string, slab ...string) {
	if v, ok := number(value); ok {
		send(x.ch, e.desc, e.kind, v, append(slab, e.values...)...)
	}
}

// number reads a value as the exporter does.
func number(value string) (float64, bool) {
	switch value {
	case "yes":
		return 1, true
	case "no":
		return 0, true
	}
	v, err := strconv.ParseFloat(value, 64)
	return v, err == nil
}

// rest is a row less the others. false: one of them is missing.
func rest(rows map[string]string, from string, less ...string) (float64, bool) {
	v, ok := number(rows[from])
	for _, name := range less {
		n, known := number(rows[name])
		v, ok = v-n, ok && known
	}
	return v, ok
}

func byName(rows []memproto.Stat) map[string]string {
	m := make(map[string]string, len(rows))
	for _, r := range rows {
		m[r.Name] = r.Value
	}
	return m
}
