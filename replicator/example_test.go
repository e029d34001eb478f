package replicator_test

import (
	"context"
	"crypto/rand"
	"fmt"
	"net"
	"sync"
	"time"

	"twincached/replicator"
	"twincached/store"
)

// Two links, each with a store of its own: one waits for the other to dial. The joiner is
// ready when its store holds everything that the other one had.
func Example() {
	port, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		fmt.Println(err)
		return
	}
	first, firstStore := newLink(replicator.Config{Listener: port})
	defer firstStore.Close()
	firstStore.Do(now(), &store.Request{Op: store.OpSet, Key: []byte("user:1"), Value: []byte("ann")})
	joiner, joinerStore := newLink(replicator.Config{Peer: first.Addr().String()})
	defer joinerStore.Close()

	ctx, stop := context.WithCancel(context.Background())
	var running sync.WaitGroup
	defer running.Wait() // before the stores are closed
	defer stop()
	running.Go(func() { first.Run(ctx) })
	running.Go(func() { joiner.Run(ctx) })

	<-joiner.Ready() // now a node would open its port for clients
	value, hit := joinerStore.Get(now(), []byte("user:1"), nil, func(dst []byte, v *store.View) []byte { return append(dst, v.Value...) })
	fmt.Printf("%s %v\n", value, hit)

	// Output:
	// ann true
}

func now() int64 { return time.Now().UnixMilli() }

// newLink makes a link, and the store that it fills; the caller closes that.
func newLink(cfg replicator.Config) (*replicator.Link, *store.Store) {
	s, err := store.New(store.Config{MemoryBytes: 16 << 20, Replicated: true}, now())
	if err != nil {
		panic(err)
	}
	cfg.Store, cfg.Now, cfg.Secret = s, now, []byte("the same on both nodes")
	rand.Read(cfg.NodeID[:])
	rand.Read(cfg.Inc[:])
	l, err := replicator.New(cfg)
	if err != nil {
		panic(err)
	}
	return l, s
}
