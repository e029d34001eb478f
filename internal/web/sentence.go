package web

import "twincached/internal/status"

// sentence is how the pair is, for somebody who reads nothing else. It holds no number
// that moves: a screen reader says it again whenever it changes.
type sentence struct {
	Level string // good, wait, warn, bad
	Text  string
	Do    string // what to do; "" = nothing
}

func sentenceOf(r *reading) sentence {
	this := &r.pair.Node
	switch this.State.Word {
	case "ready":
		return sentenceReady(r)
	case "loading":
		return sentence{"wait", "This node is loading its image: what it held when it was stopped. It does not serve clients yet.", ""}
	case "joining":
		return sentence{"wait", "This node is joining: it looks for its peer. It does not serve clients yet.", ""}
	case "copying":
		return sentence{"wait", "This node is copying: it takes a full copy from its peer. It serves clients when it has everything.", ""}
	case "refused":
		return sentence{"bad", "This node is refused: " + refusal(this) + ". It does not serve clients. " + opens(this), cut(this.State.Remedy)}
	case "draining":
		return sentence{"warn", "This node is draining: it hands over to its peer, and stops. It takes no new clients.", ""}
	}
	return sentence{"wait", "This node is starting. It does not serve clients yet.", ""}
}

func sentenceReady(r *reading) sentence {
	this := &r.pair.Node
	switch {
	case !this.Node.Replicates:
		return sentence{"good", "This node is ready, and serves. It has no peer.", ""}
	case this.State.Refusal != "":
		return sentence{"bad", "This node is ready, and serves alone: " + refusal(this) + ". There is one copy of the data.", cut(this.State.Remedy)}
	case this.Link.State == "down":
		return sentence{"warn", "This node is ready, and serves alone: its peer is not linked. There is one copy of the data.", doOf(this, "one_copy_left")}
	case this.Link.State != "stream":
		return sentence{"wait", "This node is ready, and serves. The link to its peer is being set up.", ""}
	case this.CopyOut.Active():
		return sentence{"wait", "This node is ready, and serves. Its peer is linked, and takes a full copy.", ""}
	case r.fresh && !serves(&r.pair.Peer.State):
		return sentence{"wait", "This node is ready, and serves. Its peer is linked, and is " + cut(r.pair.Peer.State.Word) + ".", ""}
	case !r.fresh:
		return sentence{"good", "This node is ready, and serves. Its peer is linked.", ""}
	}
	return sentence{"good", "Both nodes are ready, serve, and are linked.", ""}
}

// refusal says why the two nodes do not link.
func refusal(s *status.Snapshot) string {
	if s.State.Refusal == status.Silent {
		return "its peer takes the connection and does not answer (SILENT)"
	}
	return "its peer is there, and one of the two does not link (" + cut(s.State.Refusal) + ")"
}

// doOf is what to do about a warning of this word; "" = there is none.
func doOf(s *status.Snapshot, word string) string {
	for _, w := range s.Warnings {
		if w.Word == word {
			return cut(w.Do)
		}
	}
	return ""
}

// opens says until when a refused node serves nobody.
func opens(s *status.Snapshot) string {
	if s.State.Opens == 0 {
		return "It does once that is mended."
	}
	return "It does once that is mended, and in any case from " + clockTime(s.State.Opens) + " UTC on (--refused-wait): alone then."
}

func serves(s *status.State) bool { return s.Word == "ready" }
