package replicator

import (
	"context"
	"crypto/tls"
	"net"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"twincached/internal/session"
	"twincached/internal/wire"
	"twincached/store"
)

// refusedWorld is a node that has everything, on "b:1", and one that joins, "a:1".
type refusedWorld struct {
	*drainWorld
	b    *testNode
	dial func(net.Conn) // answers for b, where it is no node; nil: b is one
}

// keyOfB is what b has.
const keyOfB = "k"

// between starts b with data, then a, each with its change of the config, and goes on
// in the bubble's time.
func between(t *testing.T, changeA, changeB func(*Config), f func(w *refusedWorld, a *testNode)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		w := &refusedWorld{drainWorld: &drainWorld{T: t, m: newMemNet(1)}}
		w.b = w.join(2, changeB)
		w.wait("b is ready", w.b.isReady)
		w.b.set(keyOfB, "v")
		f(w, w.join(1, changeA))
	})
}

func (w *refusedWorld) join(id byte, change func(*Config)) *testNode {
	address, peer := "a:1", "b:1"
	if id == 2 {
		address, peer = peer, address
	}
	return startNode(w.T, id, nil, peer, func(c *Config) {
		w.m.node(address, c)
		if dial := c.Dial; id == 1 {
			c.Dial = func(ctx context.Context, to string) (net.Conn, error) {
				if w.dial == nil {
					return dial(ctx, to)
				}
				mine, other := net.Pipe()
				go w.dial(other)
				return mine, nil
			}
		}
		if change != nil {
			change(c)
		}
	})
}

// staysShut checks that a is refused, says so, and stays shut; and in the end opens
// alone, with an ERROR, if the one who refuses never proved to be the peer.
func (w *refusedWorld) staysShut(a *testNode, cause string, proved bool) {
	w.Helper()
	w.wait("a is refused", func() bool { return a.l.State() == session.Refused })
	st := a.l.Stats()
	if st.Denial.Cause != cause || st.Denial.Proved != proved || st.State.String() != "refused" {
		w.Errorf("the stats say %v, cause %q, proved %v", st.State, st.Denial.Cause, st.Denial.Proved)
	}
	w.wait("the log says so, and what to do", func() bool {
		return a.log.has("NOT SERVING") && a.log.has("level=ERROR") && a.log.has("cause="+cause) && a.log.has("do=")
	})
	time.Sleep(session.DefaultRefusedWait - 10*time.Second)
	if a.isReady() || a.l.State() != session.Refused {
		w.Fatalf("it is %v while the other node refuses", a.l.State())
	}
	lines := strings.Count(a.log.String(), "NOT SERVING")
	if lines < 2 || lines > int(session.DefaultRefusedWait/time.Second) {
		w.Errorf("it says so %d times in ten minutes", lines)
	}
	time.Sleep(20 * time.Second)
	if a.isReady() == proved {
		w.Errorf("it is %v after ten minutes, proved %v", a.l.State(), proved)
	}
	if said := a.log.has("SERVING BESIDE A PEER THAT IS NOT LINKED"); said == proved {
		w.Errorf("it says that it serves beside its peer: %v", said)
	}
	if w.b != nil && (w.b.l.State() != session.Ready || w.b.get(keyOfB) != "v") {
		w.Error("the node that was there before is disturbed")
	}
}

func TestRefused_AnotherSecret(t *testing.T) {
	between(t, func(c *Config) { c.Secret = []byte("another") }, nil, func(w *refusedWorld, a *testNode) { w.staysShut(a, "AUTH", false) })
}

func TestRefused_AnotherCluster(t *testing.T) {
	between(t, func(c *Config) { c.Cluster = "another" }, nil, func(w *refusedWorld, a *testNode) { w.staysShut(a, "CLUSTER", false) })
}

func TestRefused_PinnedToAnother(t *testing.T) {
	pin := func(c *Config) { c.PinPeerID = store.ID{77} }
	for i, change := range [][2]func(*Config){{pin, nil}, {nil, pin}} {
		between(t, change[0], change[1], func(w *refusedWorld, a *testNode) {
			w.staysShut(a, "PEER_TAKEN", false)
			if t.Failed() {
				t.Fatalf("node %d is pinned", i)
			}
		})
	}
}

func TestRefused_ThirdNode(t *testing.T) {
	callsOnly := func(c *Config) {
		c.NodeID = store.ID{9}
		_ = c.Listener.Close()
		c.Listener = nil
	}
	between(t, callsOnly, nil, func(w *refusedWorld, a *testNode) {
		a.stop()
		mate := w.start(1) // b's true peer
		w.linked(mate, w.b)
		third := startNode(w.T, 9, nil, "b:1", func(c *Config) {
			w.m.node("c:1", c)
		})
		w.staysShut(third, "PEER_TAKEN", true)
		mate.stop()
		w.wait("the place is free", func() bool { return third.isReady() && third.get(keyOfB) == "v" })
	})
}

func TestRefused_AnotherProtocol(t *testing.T) {
	between(t, nil, nil, func(w *refusedWorld, a *testNode) {
		a.stop()
		w.dial = func(c net.Conn) {
			out := wire.NewWriter()
			out.Hello(&wire.Hello{ProtoMin: wire.ProtoMax + 1, ProtoMax: wire.ProtoMax + 1, Cluster: "test", NodeID: store.ID{5}, Inc: store.ID{5},
				Partitions: store.Partitions, SteadyMillis: now()})
			answer(c, out.Bytes())
		}
		w.b.stop()
		w.b = nil
		w.staysShut(w.join(1, nil), "PROTO", false)
	})
}

// answer takes a HELLO and says words.
func answer(c net.Conn, words []byte) {
	defer c.Close()
	buf := make([]byte, 4<<10)
	if _, err := c.Read(buf); err != nil {
		return
	}
	if len(words) > 0 {
		_, _ = c.Write(words)
	}
	for {
		if _, err := c.Read(buf); err != nil {
			return
		}
	}
}

func TestRefused_NoNode(t *testing.T) {
	for words, cause := range map[string]string{"ERROR\r\n": "BADFRAME", "\xff\xff\xff\xff\x00\x00\x00\x00": "BADFRAME", "": "SILENT"} {
		synctest.Test(t, func(t *testing.T) {
			w := &refusedWorld{drainWorld: &drainWorld{T: t, m: newMemNet(1)}}
			w.dial = func(c net.Conn) { answer(c, []byte(words)) }
			w.staysShut(w.join(1, nil), cause, false)
		})
	}
}

// TestRefused_ClockFarAhead: the one that has data refuses the one that is ahead; one
// that holds nothing would take the other's versions.
func TestRefused_ClockFarAhead(t *testing.T) {
	ahead := func(c *Config) { c.Now = func() int64 { return now() + 24*60*60_000 + 60_000 } }
	touched := func(c *Config) {
		c.Store.Do(now(), &store.Request{Op: store.OpSet, Key: []byte("old"), Value: []byte("v")})
	}
	for _, change := range [][2]func(*Config){{ahead, nil}, {touched, ahead}} {
		between(t, change[0], change[1], func(w *refusedWorld, a *testNode) { w.staysShut(a, "CLOCK", false) })
	}
}

func TestRefused_TwoHistories(t *testing.T) {
	hadAnother := func(n byte) func(c *Config) {
		return func(c *Config) {
			c.Store.Do(now(), &store.Request{Op: store.OpSet, Key: []byte("old"), Value: []byte("v")})
			c.Store.Attach(store.ID{0xee, n}, &store.State{}, false)
			c.Store.Detach()
		}
	}
	between(t, hadAnother(1), hadAnother(2), func(w *refusedWorld, a *testNode) { w.staysShut(a, "HISTORY", true) })
}

// TestRefused_StrangersCannotHoldANode: whoever calls without a proof counts for
// nothing, whatever is said.
func TestRefused_StrangersCannotHoldANode(t *testing.T) {
	for _, peer := range []string{"nobody listens", "SELF"} {
		synctest.Test(t, func(t *testing.T) {
			w := &refusedWorld{drainWorld: &drainWorld{T: t, m: newMemNet(1)}}
			a := w.join(1, func(c *Config) {
				if peer == "SELF" {
					dial := c.Dial
					c.Dial = func(ctx context.Context, _ string) (net.Conn, error) { return dial(ctx, "a:1") }
				}
			})
			caller := startNode(t, 3, nil, "a:1", func(c *Config) {
				w.m.node("c:1", c)
				c.Secret = []byte("a stranger's")
				c.BootWait = true
			})
			began := time.Now()
			w.wait("a serves", a.isReady)
			if took := time.Since(began); took > session.DefaultPeerWait+time.Second || a.log.has("NOT SERVING") {
				t.Errorf("%s: a was held shut for %v", peer, took)
			}
			w.wait("the stranger was refused", func() bool { return a.refused("AUTH") > 3 })
			if c := a.l.Stats().Denial.Cause; c != "" {
				t.Errorf("a stranger counts: %s", c)
			}
			caller.stop()
		})
	}
}

// TestRefused_EndsWithItsCause: the other node is put right, or goes.
func TestRefused_EndsWithItsCause(t *testing.T) {
	between(t, func(c *Config) { c.Secret = []byte("another") }, nil, func(w *refusedWorld, a *testNode) {
		w.wait("a is refused", func() bool { return a.l.State() == session.Refused })
		w.b.stop()
		w.b = w.join(2, func(c *Config) { c.Secret, c.BootServe = []byte("another"), true })
		w.b.set(keyOfB, "of the new one")
		w.wait("a has joined", a.isReady)
		if a.get(keyOfB) != "of the new one" || a.l.Stats().Denial.Cause != "" || a.l.Stats().Qualifier != "" {
			w.Errorf("%v, refusal %q", a.l.Stats(), a.l.Stats().Denial.Cause)
		}
	})
	between(t, func(c *Config) { c.Secret = []byte("another") }, nil, func(w *refusedWorld, a *testNode) {
		w.wait("a is refused", func() bool { return a.l.State() == session.Refused })
		w.b.stop()
		w.m.forget("b:1")
		w.wait("a serves alone", a.isReady)
		if !a.log.has("the refusal is over") || a.log.has("SERVING BESIDE") || a.l.Stats().Qualifier != "alone" {
			w.Errorf("%v", a.l.Stats())
		}
	})
}

func TestRefused_BootModes(t *testing.T) {
	wrong := func(c *Config) { c.Secret = []byte("another") }
	between(t, func(c *Config) { wrong(c); c.BootServe = true }, nil, func(w *refusedWorld, a *testNode) {
		began := time.Now()
		w.wait("a serves, as it was told to", a.isReady)
		if took := time.Since(began); took < session.DefaultPeerWait || took > session.DefaultPeerWait+time.Second {
			w.Errorf("after %v", took)
		}
	})
	between(t, func(c *Config) { wrong(c); c.BootWait = true }, nil, func(w *refusedWorld, a *testNode) {
		time.Sleep(2 * session.DefaultRefusedWait)
		if a.isReady() || a.l.State() != session.Refused {
			w.Errorf("%v: it was told to wait", a.l.State())
		}
	})
	between(t, func(c *Config) { wrong(c); c.RefusedWait = time.Minute }, nil, func(w *refusedWorld, a *testNode) {
		time.Sleep(50 * time.Second)
		was := a.isReady()
		time.Sleep(15 * time.Second)
		if was || !a.isReady() {
			w.Errorf("ready %v, then %v", was, a.isReady())
		}
	})
}

// TestRefused_SilenceIsHeardOut: the wait for a peer ends before it is clear that the
// one who took the call says nothing.
func TestRefused_SilenceIsHeardOut(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := &refusedWorld{drainWorld: &drainWorld{T: t, m: newMemNet(1)}}
		w.dial = func(c net.Conn) { answer(c, nil) }
		w.staysShut(w.join(1, func(c *Config) { c.PeerWait = 100 * time.Millisecond }), "SILENT", false)
	})
}

// TestRefused_MeetsWhoeverIsThere: it may go on without this node.
func TestRefused_MeetsWhoeverIsThere(t *testing.T) {
	var met atomic.Bool
	between(t, func(c *Config) {
		c.Secret = []byte("another")
		c.Meets = func() error { met.Store(true); return nil }
	}, nil, func(w *refusedWorld, a *testNode) {
		w.wait("a is refused", func() bool { return a.l.State() == session.Refused })
		w.wait("a has met it", met.Load)
	})
}

// TestRefused_StopsAtOnce: there is nothing of its clients to hand over.
func TestRefused_StopsAtOnce(t *testing.T) {
	between(t, func(c *Config) { c.Secret = []byte("another") }, nil, func(w *refusedWorld, a *testNode) {
		a.set("half", "a copy")
		w.wait("a is refused", func() bool { return a.l.State() == session.Refused })
		d := a.drain(time.Minute)
		d.ends(w, 0)
		if d.took > 0 {
			w.Errorf("it took %v", d.took)
		}
	})
}

// TestRefused_Certificates: a wrong certificate proves nothing; a right one does, also
// where its owner does not take this node's.
func TestRefused_Certificates(t *testing.T) {
	authority, foreign := newAuthority(t), newAuthority(t)
	right, wrong := linkTLS(t, authority), linkTLS(t, foreign)
	half := right.Clone() // knows its peer, and shows what the peer does not know
	half.GetClientCertificate = wrong.GetClientCertificate
	for _, tt := range []struct {
		name   string
		a, b   *tls.Config
		proved bool
	}{{"only a", right, nil, false}, {"only b", nil, right, false}, {"of another CA", wrong, right, false}, {"not taken by b", half, right, true}} {
		lb := listen(t)
		with := func(c *tls.Config) func(*Config) {
			return func(cfg *Config) {
				if cfg.TLS = nil; c != nil {
					cfg.TLS = always(c)
				}
			}
		}
		b := startNode(t, 2, lb, "", with(tt.b))
		a := startNode(t, 1, nil, lb.Addr().String(), with(tt.a))
		eventually(t, tt.name+": a is refused", func() bool { return a.l.State() == session.Refused })
		if st := a.l.Stats(); st.Denial.Cause != "TLS" || st.Denial.Proved != tt.proved || a.isReady() || !b.isReady() {
			t.Errorf("%s: %v, cause %q, proved %v", tt.name, st, st.Denial.Cause, st.Denial.Proved)
		}
		a.stop()
		b.stop()
	}
}
