package memproto

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"twincached/store"
)

// states is every value of a store with all that travels of it.
func states(s *store.Store) string {
	var all []string
	for part := range store.Partitions {
		s.Walk(part, func(r *store.Record) {
			if r.Op != store.RecordTombstone {
				all = append(all, fmt.Sprintf("%q = %q flags %d expires %d cas %d marks %d", r.Key, r.Value, r.Flags, r.Expires, r.Version, r.Marks))
			}
		})
	}
	slices.Sort(all)
	return strings.Join(all, "\n")
}

// lineMutations change what is under "k" (40, CAS {cas}) or "none", each in its way.
var lineMutations = []string{
	"set k 9 100 3\r\nnew", "set none 9 100 3\r\nnew", "set k 0 -1 1\r\nx", "add none 9 100 3\r\nnew", "replace k 9 100 3\r\nnew",
	"append k 0 0 1\r\n1", "prepend k 0 0 1\r\n1", "cas k 9 100 3 {cas}\r\nnew", "delete k", "incr k 5", "decr k 35",
	"touch k 300", "touch k 0", "touch k -1", "gat 300 k", "gats 300 k",
	"ms k 3 F9 T100\r\nnew", "ms none 3 q\r\nnew", "ms none 3 ME\r\nnew", "ms k 3 MR\r\nnew", "ms k 1 MA\r\n1", "ms k 1 MP\r\n1",
	"ms none 1 MA N100\r\n1", "ms none 1 MP N100\r\n1", "ms k 3 C{cas}\r\nnew", "ms k 3 C1 I F9\r\nnew", "ms k 3 T-1\r\nnew",
	"md k", "md k q", "md k C{cas}", "md k I", "md k I T30", "md k x", "md k x I F5", "md k x T30", "md k I T-1",
	"ma k", "ma k MD D35", "ma k T300", "ma none N100 J7", "ma none N0 MD", "ma k T-1",
	"mg k T300", "mg k T-1", "mg none N30", "mg k R1000", "mg k T500 R1000", "md k I\r\nmg k", "md k I\r\nmg k T40",
	"flush_all",
}

// TestLines_EveryMutationReachesThePeer: after each command of the text and meta
// protocols the peer has the same value, flags, expiry, CAS and marks, whether it
// had the older value or not.
func TestLines_EveryMutationReachesThePeer(t *testing.T) {
	for _, line := range lineMutations {
		for _, linked := range []bool{true, false} {
			t.Run(fmt.Sprintf("%.20q linked %v", line, linked), func(t *testing.T) {
				w := newTwins(t)
				e := newEngine(t, &Server{Store: w.from, Version: testVersion, FlushEnabled: true})
				reply := string(e.feed([]byte("ms k 2 F7 T50 c\r\n40\r\n")))
				w.ship()
				if !linked { // the peer has an older value
					reply = string(e.feed([]byte("ms k 2 F7 T60 c\r\n40\r\n")))
				}
				cas := strings.TrimSpace(strings.TrimPrefix(reply, "HD c"))
				before := states(w.from)
				out := e.feed([]byte(strings.ReplaceAll(line, "{cas}", cas) + "\r\n"))
				visible := contents(w.from)
				after := states(w.from)
				if after == before && visible != "" {
					t.Errorf("nothing has changed: %s, replied %q", after, out)
				}
				w.ship()
				if visible == "" {
					if got := contents(w.to); got != "" {
						t.Errorf("here nothing, peer %s", got)
					}
				} else if got := states(w.to); got != after {
					t.Errorf("here %s\npeer %s", after, got)
				}
			})
		}
	}
}

// TestLines_NoMutationWithoutARow: a two-letter meta command that changes data has
// a row in lineMutations.
func TestLines_NoMutationWithoutARow(t *testing.T) {
	for c := byte('a'); c <= 'z'; c++ {
		name := "m" + string(c)
		changes := false
		s := newTestServer(t)
		for _, line := range []string{name + " k", name + " k 1\r\nx", name + " k T100", name + " k I", name + " none N0"} {
			e := newEngine(t, s)
			e.feed([]byte("set k 0 0 1\r\n1\r\ndelete none\r\n"))
			before := states(s.Store)
			e.feed([]byte(line + "\r\n"))
			changes = changes || states(s.Store) != before
		}
		if changes && !slices.ContainsFunc(lineMutations, func(l string) bool { return strings.HasPrefix(l, name+" ") }) {
			t.Errorf("%s changes data and has no row in lineMutations", name)
		}
	}
}
