package replicator

import (
	"testing"

	"twincached/internal/session"
)

// TestLogGate_WhatBecameOfIt: each step is said once, by whoever saw it.
func TestLogGate_WhatBecameOfIt(t *testing.T) {
	const joining, refused, ready = session.Joining, session.Refused, session.Ready
	stranger, peer := session.Denial{Cause: "AUTH"}, session.Denial{Cause: "CLOCK", Proved: true}
	const orElse = "once that is done, or else 10m0s after it began"
	for name, tt := range map[string]struct {
		before, seen, after session.NodeState
		denial              session.Denial
		bootWait            bool
		want, not           string
	}{
		"nobody came":                         {joining, joining, ready, session.Denial{}, false, "no peer found: serving without it", "SERVING BESIDE"},
		"opened in spite of a refusal":        {refused, refused, ready, stranger, false, "SERVING BESIDE A PEER THAT IS NOT LINKED", "no peer found"},
		"opened by BARRIER since the look":    {ready, session.Copying, ready, session.Denial{}, false, "", "msg"},
		"shut, and open in the end":           {joining, joining, refused, stranger, false, orElse, ""},
		"shut until the peer agrees":          {joining, joining, refused, peer, false, "NOT SERVING", "or else"},
		"shut, and told to wait":              {joining, joining, refused, stranger, true, "NOT SERVING", "or else"},
		"shut as it was, with a breath since": {joining, refused, refused, stranger, false, "", "msg"},
		"the refusal ended in the look":       {refused, refused, joining, session.Denial{}, false, "the refusal is over", ""},
		"the refusal ended since the look":    {joining, refused, joining, session.Denial{}, false, "the refusal is over", ""},
		"nothing":                             {joining, joining, joining, session.Denial{}, false, "", "msg"},
	} {
		t.Run(name, func(t *testing.T) {
			lines := &logLines{}
			cfg := Config{Now: now, Log: testLogger(lines)}
			cfg.BootWait, cfg.RefusedWait = tt.bootWait, session.DefaultRefusedWait
			l := &Link{cfg: cfg}
			l.refusals.last = trouble{"AUTH: a wrong secret", 1}
			l.logGate(tt.before, tt.seen, tt.after, "", tt.denial)
			if tt.want != "" && !lines.has(tt.want) || tt.not != "" && lines.has(tt.not) {
				t.Errorf("the log is to have %q, and not %q:\n%s", tt.want, tt.not, lines)
			}
			if _, last := l.refusals.counts(); last.text != "AUTH: a wrong secret" {
				t.Errorf("the last error is %q: the state of the gate hides its cause", last.text)
			}
		})
	}
}
