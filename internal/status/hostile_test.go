package status

import (
	"encoding/json"
	"strings"
	"testing"
)

// Whatever a peer says, what both nodes say stays short enough for whoever asks this one,
// and this node's own part for the peer.
func TestBoard_WhatThePeerSaysStaysShort(t *testing.T) {
	list := func(of string, n int) string { return "[" + of + strings.Repeat(","+of, n-1) + "]" }
	for name, text := range map[string]string{
		"warnings":         `{"warnings":` + list("{}", 21_000) + `}`,
		"latencies":        `{"latency":` + list("{}", 21_000) + `}`,
		"events":           `{"events":` + list(`{"seq":1}`, 6000) + `}`,
		"what JSON quotes": `{"state":{"word":"` + strings.Repeat("<", 60_000) + `"}}`,
		"no UTF-8":         `{"state":{"word":"` + strings.Repeat("\xff", 60_000) + `"}}`,
		"a long list":      `{"settings":{"local_keys":["` + strings.Repeat("x", 60_000) + `"]}}`,
		"a long number":    `{"items":{"held":` + strings.Repeat("9", 60_000) + `}}`,
		"deep":             `{"x":` + strings.Repeat(`[`, 30_000) + strings.Repeat(`]`, 30_000) + `}`,
	} {
		b := NewBoard()
		b.Publish(snapshotAt(1000, 1))
		if err := b.PeerSaid(1000, []byte(text)); err != nil && len(err.Error()) > 400 {
			t.Errorf("%s: the error has %d bytes", name, len(err.Error()))
		}
		own := b.Publish(snapshotAt(2000, 1))
		if len(own) == 0 || len(own) > 4096 {
			t.Errorf("%s: this node's own part has %d bytes", name, len(own))
		}
		pair, _ := b.Pair(2000)
		if both, err := json.Marshal(&pair); err != nil || len(both) > MaxBytes+4096 {
			t.Errorf("%s: both have %d bytes, %v", name, len(both), err)
		}
	}
}

// Numbers of any size make no sample without end: nothing can be drawn of that.
func TestHistory_HasNumbersOnly(t *testing.T) {
	var h History
	for i, used := range []float64{0, 1e308, -1e308, 1e308, 1e308} {
		s := snapshotAt(1000+int64(i), 1)
		s.Process.UserSeconds, s.Process.SystemSeconds = used, used
		h.Add(&s)
	}
	for _, x := range h.Samples() {
		if !(x.CPU >= 0 && x.CPU <= mostCores) {
			t.Errorf("%v cores", x.CPU)
		}
	}
}
