package node

import (
	"fmt"
	"testing"
)

// A health check, and whoever counts, may ask at any moment: also when the store's memory
// has just been given back.
func TestNode_ThatHasEndedCanBeAsked(t *testing.T) {
	cfg, _ := pairConfigs(t)
	n := start(t, cfg)
	waitReady(t, n)
	c := dial(t, n)
	defer c.Close()
	for i := range 200 { // no peer has them: they are looked at to be counted
		fmt.Fprintf(c, "set key%d 0 0 1 noreply\r\nx\r\n", i)
	}
	ask(t, n, "stats")
	done := make(chan struct{})
	asked := make(chan struct{})
	go func() {
		defer close(asked)
		for {
			n.Health()
			n.Stats()
			select {
			case <-done:
				return
			default:
			}
		}
	}()
	n.Close()
	close(done)
	<-asked
	if h := n.Health(); h.State != "draining" {
		t.Errorf("got %+v", h)
	}
	if got := n.Stats(); got.Data.Items != 0 || got.Link.Link != "" {
		t.Errorf("got %+v", got.Data)
	}
}

// Whoever answers for the node knows it before the log says that it is ready.
func TestNode_BeginsWhenItCanBeAsked(t *testing.T) {
	cfg := testConfig(t.Output())
	var begun *Node
	cfg.Begins = func(n *Node) {
		begun = n
		if h := n.Health(); h.State == "" || len(n.StatusLine()) == 0 || len(n.ClientAddrs()) == 0 {
			t.Errorf("%+v, %q on %v", h, n.StatusLine(), n.ClientAddrs())
		}
		if n.cancel != nil {
			t.Error("it runs already")
		}
	}
	if n := start(t, cfg); n != begun {
		t.Errorf("%p begins, and %p is there", begun, n)
	}
}
