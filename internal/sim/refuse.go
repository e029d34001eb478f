package sim

// deniedMillis is for how long a refusal keeps a node shut at least that is not met
// again.
const deniedMillis = 14_000

// denied is the last refusal that a node met where it had dialled.
type denied struct {
	by *node // the process
	at int64 // true time, ms
}

// checkGate: a node that has just opened its gate without a copy does not stand
// beside a living one that refuses it, or that it refuses.
func (n *node) checkGate() {
	d := n.denied
	stands := d.by != nil && d.by == n.w.nodes[1-n.id] && n.w.now-d.at < deniedMillis
	if stands && !n.serves() {
		n.w.counts.KeptShut++
	}
	if stands && n.serves() && !n.opened && n.linked() == nil {
		n.w.failf("%s opens its gate beside %s, and the two refuse each other", n.name, d.by.name)
	}
}

// healSecrets is the operator: who has another secret is restarted with the right one.
func (w *world) healSecrets() {
	for _, n := range w.nodes {
		if n.wrong && !n.stopped {
			n.stop()
			w.nodes[n.id] = w.newNode(n.id, n.host)
		}
	}
}
