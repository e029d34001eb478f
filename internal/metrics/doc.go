// Package metrics makes of a node's numbers what Prometheus reads.
//
// There are two families. The names that begin with memcached_ are those of
// prometheus/memcached_exporter, with its labels: what watches a memcached through that
// exporter watches a node as well. They are made of the rows of "stats", "stats settings",
// "stats items" and "stats slabs", as the exporter makes them, so that the two agree by
// construction. The names that begin with twincached_ are of what no memcached has. They
// are made of the same status.Snapshot that the page and "stats status" show.
//
// # What it must never do
//
//   - Use a label whose values somebody else can choose: keys, addresses, names.
//   - Fail as a whole for one number that is out of order.
package metrics
