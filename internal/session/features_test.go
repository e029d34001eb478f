package session

import (
	"fmt"
	"math/bits"
	"slices"
	"strings"
	"testing"

	"twincached/internal/wire"
)

// featureCases are who has a feature: this node, its peer.
var featureCases = []struct {
	name         string
	ours, theirs bool
}{{"none", false, false}, {"ours", true, false}, {"theirs", false, true}, {"both", true, true}}

// featureDuo is two nodes of which only those named have a feature. They have all others.
func featureDuo(t *testing.T, feature uint64, ours, theirs bool) *duo {
	d := largeDuo(t)
	for i, has := range []bool{ours, theirs} {
		if !has {
			d.lacks[i] = feature
		}
		d.n[i].st.Close()
		d.start(i, 0)
		if said := d.n[i].cfg.hello(d.now, [32]byte{}).Features; said != wire.Features&^d.lacks[i] {
			t.Fatalf("HELLO says %x", said)
		}
	}
	d.heal()
	return d
}

// sends is what node 0 sends until it has nothing more to say, in words: types of frames,
// ops of items, codes of BYE.
func (d *duo) sends() (said map[string]int) {
	d.t.Helper()
	said = map[string]int{}
	for range 300 {
		d.now++
		d.send(0)
		d.send(1)
		for frames := d.n[0].w.Bytes(); len(frames) > 0; {
			body, n, err := wire.Split(frames, d.n[1].s.FrameLimit())
			var b wire.Body
			if err == nil {
				err = new(wire.Decoder).Decode(body, &b)
			}
			if err != nil {
				d.t.Fatal(err)
			}
			frames = frames[n:]
			said[b.Type.String()]++
			switch b.Type {
			case wire.TBatch:
				for i := range b.Batch.Records {
					said[fmt.Sprint("op ", b.Batch.Records[i].Op)]++
				}
			case wire.TMany:
				for i := range b.Many.Records {
					said[fmt.Sprint("op ", b.Many.Records[i].Op)]++
				}
			case wire.TBye:
				said[b.Bye.Code.String()]++
			}
		}
		for i, n := range d.n {
			for n.s.Phase() != PhaseEnded {
				body, size, _ := wire.Split(n.inbox, n.s.FrameLimit())
				if size == 0 {
					break
				}
				if err := n.s.OnFrame(n.now(), body); err != nil && !strings.Contains(err.Error(), "BYE") {
					d.t.Fatalf("node %d: %v", i, err)
				}
				n.inbox = n.inbox[size:]
				n.s.OnIdle(n.now())
			}
		}
	}
	return said
}

// TestFeatures_WhatIsSent: for each bit, and whoever has it. What is sent for it is sent if
// both have it; an answer depends on the one who gives it.
func TestFeatures_WhatIsSent(t *testing.T) {
	tried := uint64(0)
	for _, tt := range []struct {
		feature uint64
		does    func(d *duo)
		sends   []string // if it is in use
		instead []string // if it is not
		alone   bool     // it is enough that this node has it
	}{
		{wire.FeaturePieces, func(d *duo) { d.set(0, "k", largeText("v")) }, []string{"PIECE", "op 4"}, []string{"op 0"}, false},
		{wire.FeatureAnswers, func(d *duo) {
			if !d.n[1].s.Depart(d.now) {
				d.t.Fatal("the peer does not leave")
			}
		}, []string{"BYE", "STAYS"}, nil, true},
		{wire.FeatureStatus, func(d *duo) { d.n[0].SetStatus([]byte("status")) }, []string{"STATUS"}, nil, false},
		{wire.FeatureMany, func(d *duo) { d.set(0, "k", "v") }, []string{"MANY", "op 0"}, []string{"BATCH", "op 0"}, false},
		{wire.FeaturePacked, func(d *duo) {
			d.n[0].cfg.Compress = true // the other node does not
			d.set(0, "k", string(make([]byte, 5000)))
		}, []string{"PACKED"}, []string{"MANY"}, false},
	} {
		tried |= tt.feature
		for _, c := range featureCases {
			t.Run(fmt.Sprintf("bit %d, %s", bits.TrailingZeros64(tt.feature), c.name), func(t *testing.T) {
				d := featureDuo(t, tt.feature, c.ours, c.theirs)
				tt.does(d)
				want, never := tt.sends, tt.instead
				if inUse := c.ours && (c.theirs || tt.alone); !inUse {
					want, never = tt.instead, tt.sends
				}
				said := d.sends()
				for _, word := range want {
					if said[word] == 0 {
						t.Errorf("no %s: %v", word, said)
					}
				}
				for _, word := range never {
					if said[word] != 0 && !slices.Contains(want, word) {
						t.Errorf("%s is sent: %v", word, said)
					}
				}
				if tt.feature == wire.FeaturePieces && d.get(1, "k") != largeText("v") {
					t.Error("the value has not arrived")
				}
			})
		}
	}
	if tried != wire.Features {
		t.Errorf("this release has features %x, and %x were tried", uint64(wire.Features), tried)
	}
}

// TestFeatures_WhoLeavesCountsOnTheAnswerOfThePeer, whatever it answers itself.
func TestFeatures_WhoLeavesCountsOnTheAnswerOfThePeer(t *testing.T) {
	for _, c := range featureCases {
		d := featureDuo(t, wire.FeatureAnswers, c.ours, c.theirs)
		if !d.n[0].s.Depart(d.now) {
			t.Fatal("it does not leave")
		}
		d.send(0)
		if d.n[0].s.OnEnd(); d.n[0].s.MayGo() == c.theirs {
			t.Errorf("%s: when the peer has only closed, it may go: %v", c.name, d.n[0].s.MayGo())
		}
	}
}

// TestFeatures_APeerOfTheFirstRelease: two nodes of which one or both have no feature end
// equal, and no frame is of a kind that the first release did not know.
func TestFeatures_APeerOfTheFirstRelease(t *testing.T) {
	for _, old := range [][2]bool{{true, false}, {false, true}, {true, true}} {
		d := largeDuo(t)
		for i := range d.n {
			if old[i] {
				d.lacks[i] = wire.Features
			}
			d.n[i].st.Close()
			d.start(i, 0)
			d.n[i].SetStatus([]byte("status"))
			d.n[i].cfg.Compress = true
			d.set(i, fmt.Sprint("large", i), largeText(d.n[i].name))
		}
		d.heal()
		d.set(0, "large1", largeText("again"))
		said := d.sends()
		d.rest()
		d.same()
		for _, word := range []string{"PIECE", "op 4", "STATUS", "MANY", "PACKED"} {
			if said[word] != 0 {
				t.Errorf("%s is sent: %v", word, said)
			}
		}
		if said["op 0"] == 0 {
			t.Errorf("nothing was sent: %v", said)
		}
	}
}

// TestFeatures_OfAHelloOfLaterReleases: HELLO may be longer than this release knows, and have
// bits that it does not know. The proof covers all of it, on both sides; what is unknown is
// never used, and whoever changes it on the way is found out.
func TestFeatures_OfAHelloOfLaterReleases(t *testing.T) {
	for _, dialled := range []bool{false, true} { // the node of this release
		for _, change := range []bool{false, true} {
			d := newDuo(t)
			n := d.n[0]
			s := newSession(n.Core, dialled, [32]byte{1}, &Scratch{})
			s.OnConnect(d.now)
			h := d.n[1].cfg.hello(d.now, [32]byte{2})
			h.Features, h.Memory = 1<<63|1<<40|wire.FeatureStatus, 1<<30
			theirs := longer(body(t, func(w *wire.Writer) { w.Hello(&h) }))
			var ours []byte
			read := func() (types []wire.Type) {
				n.w.Reset()
				s.Pump(d.now, n.w)
				for frames := n.w.Bytes(); len(frames) > 0; {
					body, size, err := wire.Split(frames, wire.MaxHandshakeBytes)
					if err != nil {
						t.Fatal(err)
					}
					if typ := wire.Type(body[1]); typ == wire.THello {
						ours = slices.Clone(body)
					}
					types, frames = append(types, wire.Type(body[1])), frames[size:]
				}
				return types
			}
			said := read()
			if err := s.OnFrame(d.now, theirs); err != nil {
				t.Fatal(err)
			}
			said = append(said, read()...)
			proved := theirs
			if change {
				proved = slices.Clone(theirs)
				proved[len(proved)-1]++ // of an element that this release skips
			}
			first, second := proved, ours
			if dialled {
				first, second = ours, proved
			}
			mac := wire.AuthMAC(n.cfg.Secret, !dialled, first, second)
			err := s.OnFrame(d.now, body(t, func(w *wire.Writer) { w.Auth(&wire.Auth{MAC: mac}) }))
			if (err != nil) != change {
				t.Fatalf("dialled %v, changed %v: %v", dialled, change, err)
			}
			if !change {
				said = append(said, read()...)
				if want := []wire.Type{wire.THello, wire.TAuth}; !slices.Equal(said, want) || s.peer.Features != h.Features {
					t.Errorf("dialled %v: it says %v, and read features %x", dialled, said, s.peer.Features)
				}
			}
			if s.OnLoss(d.now); change && s.Phase() != PhaseEnded {
				t.Error("it goes on")
			}
		}
	}
}
