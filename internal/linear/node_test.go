package linear

import (
	"log/slog"
	"net"
	"testing"
	"time"

	"twincached/internal/node"
)

// nodeClients are clients of a whole node, over sockets.
func nodeClients(t *testing.T, wrap func(speaker) speaker) (all []runner) {
	t.Helper()
	cfg := node.Default()
	cfg.Listen, cfg.Port = []string{"127.0.0.1"}, -1
	cfg.MemoryMiB, cfg.MaxConns, cfg.Threads = 64, 64, 4
	cfg.LogLevel = new(slog.LevelVar)
	cfg.Log = slog.New(slog.NewTextHandler(t.Output(), nil))
	n, err := node.Start(cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(n.Close)
	select {
	case <-n.Ready():
	case err := <-n.Failed():
		t.Fatal(err)
	case <-time.After(patience):
		t.Fatal("the node does not become ready")
	}
	for id := range clients {
		conn, err := net.Dial("tcp", n.ClientAddrs()[0].String())
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { conn.Close() })
		p := everyProtocol[id%len(everyProtocol)]
		all = append(all, newClient(id, p, wrap(p.speak(&socket{conn}, false))))
	}
	return all
}

// socket is a conn whose node answers in the end.
type socket struct{ net.Conn }

func (s *socket) Read(p []byte) (int, error) {
	if err := s.SetReadDeadline(time.Now().Add(patience)); err != nil {
		return 0, err
	}
	return s.Conn.Read(p)
}

func TestNode_EveryKeyIsLinearizable(t *testing.T) {
	check(t, model(plain), nodeClients(t, sound))
}

func TestNode_ABrokenNodeIsSeen(t *testing.T) {
	for _, b := range breaks {
		if b.steps && len(b.speak) == len(everyProtocol) {
			t.Run(b.name, func(t *testing.T) { expectIllegal(t, model(plain), nodeClients(t, b.wrap)) })
		}
	}
}
