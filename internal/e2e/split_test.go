package e2e

import (
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"twincached/internal/testkit"
	"twincached/internal/testkit/rig"
)

// TestScenario20_TwoClientsEachReachingOneNode write the same 100 keys, for 60 s
// with -full and 3 s without, over a wire of 20 ms, and in the middle third of that
// the nodes do not reach each other either. Afterwards both hold the same, and of
// each key what one of the two clients wrote last.
func TestScenario20_TwoClientsEachReachingOneNode(t *testing.T) {
	t.Parallel()
	third := time.Second
	if *full {
		third = 20 * time.Second
	}
	a, b, link := newRelayedPair(t)
	rig.StartAll(a, b)
	rig.WaitLinked(a, b)
	link.setDelay(20 * time.Millisecond) // the last writes of each key cross
	names := rig.Keys("k", 100)
	clients := []*lastWriter{{node: a, names: names}, {node: b, names: names}}
	var writing sync.WaitGroup
	end := make(chan struct{})
	for _, w := range clients {
		writing.Go(func() { w.write(end) })
	}
	<-time.After(third)
	link.cut()
	<-time.After(third)
	apart, _, _ := rig.Differences(a, b, names)
	link.heal()
	<-time.After(third)
	close(end)
	writing.Wait()
	for _, w := range clients {
		if w.odd != "" {
			t.Fatalf("the client of %s was told %q", w.node.Name, w.odd)
		}
	}
	if len(apart) == 0 {
		t.Error("the nodes did not differ during the cut: the test shows nothing")
	}
	rig.WaitLinked(a, b)
	rig.WaitEqual(a, b, names)
	c := a.Dial()
	defer c.Close()
	held := c.Contents(names)
	byA := 0
	for _, k := range names {
		_, v, _ := strings.Cut(held[k], "/0/")
		if x, y := clients[0].last[k], clients[1].last[k]; v != x && v != y {
			t.Errorf("%s holds %q; the last writes are %q and %q", k, v, x, y)
		} else if v == x {
			byA++
		}
	}
	t.Logf("%d and %d writes, %d of %d keys differed during the cut; a wrote %d of them last",
		clients[0].n, clients[1].n, len(apart), len(names), byA)
}

// lastWriter sets keys in turn, and deletes one in ten, each write answered before
// the next one. It knows what it did last to each.
type lastWriter struct {
	node  *rig.Node
	names []string
	n     int
	last  map[string]string // "" deleted
	odd   string
}

func (w *lastWriter) write(end chan struct{}) {
	c := w.node.Dial()
	defer c.Close()
	w.last = map[string]string{}
	for ; ; w.n++ {
		select {
		case <-end:
			return
		default:
		}
		if w.n%512 == 0 {
			_ = c.SetDeadline(time.Now().Add(testkit.Patience))
		}
		k := w.names[w.n*7%len(w.names)]
		v, request := fmt.Sprint(w.node.Name, w.n), ""
		if (w.n+w.n/len(w.names))%10 == 3 {
			v, request = "", fmt.Sprintf("delete %s\r\n", k)
		} else {
			request = fmt.Sprintf("set %s 0 0 %d\r\n%s\r\n", k, len(v), v)
		}
		_, err := c.Write([]byte(request))
		line := ""
		if err == nil {
			line, err = c.R.ReadString('\n')
		}
		if err != nil || line != "STORED\r\n" && line != "DELETED\r\n" && line != "NOT_FOUND\r\n" {
			w.odd = fmt.Sprint(line, err)
			return
		}
		w.last[k] = v
	}
}
