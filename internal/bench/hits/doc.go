// Package hits has workloads that ask how much of what is read a cache still has. A
// workload is a stream of reads, the same for the same seed. What is not found is
// stored, and then read again or not.
//
//	for _, w := range hits.Workloads(64 << 20) { // the memory that the server was given
//		c, err := hits.Dial("127.0.0.1:11211") // a server that was just started
//		result, err := hits.Play(ctx, w.Stream(1), c)
//		c.Close()
//		fmt.Println(w.Name, result.Ratio())
//	}
//
// Play asks for some keys at once, with one multiget, and stores those that were missing
// before it asks again. A key stands in a batch once, so the order of reads and stores is
// the same against every server. Time matters only to workloads with expiries
// (Stream.Duration is not 0): they are played at a pace of their own, in which seconds
// stand for minutes.
//
// Each workload needs an empty server. flush_all is not enough for memcached: its
// memory stays with the sizes of the workload before.
package hits
