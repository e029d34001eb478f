package session

import "testing"

// TestNextTick_AnIdlePairLivesOnIt: two nodes that are looked at only when NextTick says so
// stay linked, and that is seldom. When one of them falls silent, it is dead in a second.
func TestNextTick_AnIdlePairLivesOnIt(t *testing.T) {
	d := newDuo(t)
	d.heal()
	looks, silent, end := 0, false, d.now+60_000
	for d.now < end {
		next := end
		for _, n := range d.n {
			next = min(next, n.s.NextTick(d.now))
		}
		if next <= d.now {
			t.Fatalf("at %d something is due, and was not done", d.now)
		}
		for d.now = next; !silent && d.turnAt(); { // what a look says is answered at once
		}
		looks++
		for i, n := range d.n {
			if err := n.s.Tick(d.now); err != nil && (i == 1 || !silent) {
				t.Fatalf("node %s: %v", n.name, err)
			} else if err != nil {
				if late := d.now - n.s.lastRead - silenceMillis; late < 0 || late > TickMillis {
					t.Fatalf("dead %d ms after a second", late)
				}
				if looks > 60*6 {
					t.Errorf("%d looks in a minute", looks)
				}
				return
			}
			if silent {
				d.send(i) // and it gets lost
				d.n[1].inbox = nil
				d.n[1].s.OnRead(d.now)
			}
		}
		silent = d.now > end-3000
	}
	t.Fatal("a silent peer is not dead")
}

// turnAt is turn without a millisecond that passes. It returns whether anything was said.
func (d *duo) turnAt() bool {
	d.now--
	return d.turn() > 0
}

// TestNextTick_WhatIsDue: each thing that time brings about is announced.
func TestNextTick_WhatIsDue(t *testing.T) {
	d := newDuo(t)
	d.link()
	s := d.n[0].s
	if at := s.NextTick(s.started + HelloMillis - 10); at != s.started+HelloMillis {
		t.Errorf("the end of a handshake is due at %+d", at-s.started)
	}
	d.rest()
	for d.turnAt() {
	}
	due := func(what string, want int64) {
		t.Helper()
		if at := s.NextTick(d.now); at != want {
			t.Errorf("%s: due at %+d, want %+d", what, at-d.now, want-d.now)
		}
	}
	due("a PING", min(s.lastSend+s.pingAfter(), s.tx.pingAt+probeMillis))
	s.rx.n++
	s.rx.since = d.now
	due("an ACK", d.now+ackMillis)
	s.rx.since = d.now - ackMillis
	due("an ACK whose time has just come", d.now+1) // not now, which would be left to whoever is at it
	s.rx.n--
	s.tx.graves.Add(1)
	due("a grave", d.now+TickMillis)
	s.tx.graves.Remove(1)
	s.lastTick, s.silence = d.now, silenceMillis-7
	due("the end of a silent session", d.now+7)
	s.silence = 0
	s.phase, s.leftAt = PhaseLeaving, d.now+10-leavingMillis
	due("the end of a departure", d.now+10)
	s.phase = PhaseEnded
	due("the end", d.now)
}

// TestTick_SettledIsAGateThatOnlyASessionMoves: only then may a second pass to the next Tick.
func TestTick_SettledIsAGateThatOnlyASessionMoves(t *testing.T) {
	for state := Starting; state <= Refused; state++ {
		for _, cause := range []string{"", "AUTH"} {
			c := &Core{gate: newGate(&Config{PeerWait: DefaultPeerWait})}
			c.gate.state, c.gate.cause, c.gate.lastDenied, c.gate.waitSince = state, cause, 1000, 1000
			want := cause == "" && state != Joining && state != Copying && state != Refused
			if got := c.Tick(1000, false); got != want {
				t.Errorf("%v, refused for %q: settled %v", state, cause, got)
			}
		}
	}
}

// TestPings_OneAsksAndTheOtherAnswers: of an idle pair, one node sends nearly all PINGs.
func TestPings_OneAsksAndTheOtherAnswers(t *testing.T) {
	d := newDuo(t)
	d.heal()
	before := [2]uint64{d.n[0].s.tx.pingID, d.n[1].s.tx.pingID}
	for end := d.now + 10_000; d.now < end; {
		d.turn()
	}
	for i, n := range d.n {
		pings, want := n.s.tx.pingID-before[i], uint64(10_000/probeMillis)
		if n.s.tx.decides {
			want = 10_000 / pingMillis
		}
		if pings < want-1 || pings > want+1 {
			t.Errorf("node %s has sent %d PINGs in 10 s, want about %d", n.name, pings, want)
		}
	}
}
