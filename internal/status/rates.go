package status

// Rates is what a node did in the time between two snapshots, a second.
type Rates struct {
	Gets, Hits, Sets, Deletes, Touches float32 // commands
	Counts, Cas                        float32 // incr and decr; cas
	Evictions                          float32 // items
	ItemsOut, ItemsIn                  float32 // to the peer, and from it
	BytesRead, BytesWritten            float32 // from clients, and to them
	CPU                                float32 // of one core, 1 = all of it
}

// RatesOf compares a snapshot with an earlier one. false: they are of two processes, or not in
// this order.
func RatesOf(before, after *Snapshot) (r Rates, ok bool) {
	millis := after.AtMillis - before.AtMillis
	if before.Node.StartedMillis != after.Node.StartedMillis || millis <= 0 || after.AtMillis < before.AtMillis { // a peer may say any time: the difference may overflow
		return r, false
	}
	rate := per(float32(millis) / 1000)
	a, b := &before.Commands, &after.Commands
	return Rates{
		Gets: rate(a.Get, b.Get), Hits: rate(a.GetHits, b.GetHits), Sets: rate(a.Set, b.Set),
		Deletes: rate(a.Deletes(), b.Deletes()), Touches: rate(a.Touches(), b.Touches()),
		Counts: rate(a.Counts(), b.Counts()),
		Cas:    rate(a.Cas(), b.Cas()), Evictions: rate(before.Items.Evictions, after.Items.Evictions),
		ItemsOut: rate(before.Link.ItemsOut, after.Link.ItemsOut), ItemsIn: rate(before.Link.ItemsIn, after.Link.ItemsIn),
		BytesRead: rate(before.Clients.BytesRead, after.Clients.BytesRead), BytesWritten: rate(before.Clients.BytesWritten, after.Clients.BytesWritten),
		CPU: cpu(&before.Process, &after.Process, millis),
	}, true
}

// per makes of two readings of a counter a rate a second; 0 where it was set back.
func per(seconds float32) func(before, after uint64) float32 {
	return func(before, after uint64) float32 {
		if after < before {
			return 0
		}
		return float32(after-before) / seconds
	}
}

// mostCores is more than a machine has. A peer may say anything: what it used may be without
// end, and nothing can be drawn of that.
const mostCores = 1 << 16

// cpu is how many cores were used between two readings.
func cpu(before, after *Process, millis int64) float32 {
	used := (after.UserSeconds + after.SystemSeconds - before.UserSeconds - before.SystemSeconds) * 1000 / float64(millis)
	if !(used > 0 && used <= mostCores) {
		return 0
	}
	return float32(used)
}
