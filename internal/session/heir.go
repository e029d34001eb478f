package session

import "twincached/store"

// A node that stops by plan may write an image, and the next process may load it: its heir. To
// the peer an heir is the process that wrote the image, which was cut off for a while. STATE
// says whose heir a process is, and a node that met one of that line last goes on where
// the two were. For everybody else the heir is a new process that holds items. So an image that
// was copied, and is loaded a second time, does no harm: the first heir to link is the one that
// the peer met last from then on.

// means says that id names a process: by its own incarnation, or one that it goes on from.
func means(id, inc store.ID, heirOf store.Line) bool { return id == inc || heirOf.Has(id) }

// ImageLine is the Line of an image of this node: its heirs go on from it.
func (c *Core) ImageLine() store.Line { return c.cfg.HeirOf.From(c.cfg.Inc) }

// Last says of a node that has drained whether it could be sure to be the last one: no live peer
// was left behind, which may delete or change something that this node never hears of. linked:
// a session was up as the node gave up. A node that was cut off from its peer is the last one
// of its side.
func (c *Core) Last(linked bool) bool {
	return !linked && !c.mayGo && !c.denied && !c.gate.provisional.Load()
}

// Provisional says that this node waits for the peer with which its image counts
// (Config.Provisional). No client has been served. If it stops, its image is as it was.
func (c *Core) Provisional() bool { return c.gate.provisional.Load() }

// Forsaken says that a node with Config.Provisional has waited for its peer as long as it may,
// and nobody came, or somebody else: a process that is neither the one that this node met last
// nor its heir. A peer that is killed before it has served loads its image again: so an heir of the
// process that this node's own image names is as good. The image was of a node that another one
// outlived, so what it holds may have been deleted since, and the gate does not open for it. Nor
// does it for a session from now on.
// The caller drops all: it closes the link and the store, and starts a new store that is empty,
// and a new Core with a new Inc and without HeirOf, as if there had been no image.
func (c *Core) Forsaken() bool { return c.gate.forsaken }
