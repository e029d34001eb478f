package e2e

import (
	"fmt"
	"io"
	"net"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/bradfitz/gomemcache/memcache"

	"twincached/internal/testkit"
	"twincached/internal/testkit/rig"
	"twincached/internal/wire"
)

// run writes numbered keys on one node, each time until the other has it.
func (f *flow) run(from, to *rig.Node, set func(*memcache.Item) error, get func(string) (*memcache.Item, error)) error {
	for i := 0; ; i++ {
		key := "flow" + strconv.Itoa(i)
		if err := set(&memcache.Item{Key: key, Value: []byte(key)}); err != nil {
			return fmt.Errorf("set on %s: %w", from.Name, err)
		}
		for {
			select {
			case <-f.end:
				return nil
			default:
			}
			// While the other node restarts it refuses, and the write waits for it.
			if it, err := get(key); err == nil && string(it.Value) == key {
				break
			} else if err == nil {
				return fmt.Errorf("%s on %s is %q", key, to.Name, it.Value)
			}
		}
		f.count.Add(1)
	}
}

// strangerNodes are real nodes that want to join: one without a secret, one with
// another one.
func strangerNodes(t *testing.T, a, b *rig.Node) {
	undisturbed := keepsLink(t, a, b)
	other := secretFile(t, "another secret")
	network := rig.NewNet(t)
	for i, extra := range [][]string{nil, {"--secret-file", other}} {
		count := refusedFor(a, "auth")
		c := rig.NewNode(t, "stranger", fmt.Sprintf("%s.%d", network, i+1), a.Host, append(extra, "--peer-wait", "1s", "--boot", "serve")...)
		c.Start()
		c.WaitLog("level=WARN", "AUTH")
		testkit.Eventually(t, "a counts it", func() bool { return refusedFor(a, "auth") > count })
		c.WaitServing() // alone, as it was told to
		if v, hit := c.Get(c.Client(), "before1"); hit {
			t.Errorf("the stranger has %q", v)
		}
		if got := c.Dial().Set("stray", "x"); got != "STORED" {
			t.Errorf("the stranger does not serve: %s", got)
		}
		if link := c.Stat("repl_link"); link == "stream" {
			t.Error("the stranger is linked")
		}
		c.Kill()
	}
	for _, n := range []*rig.Node{a, b} {
		if v, hit := n.Get(n.Client(), "stray"); hit {
			t.Errorf("%s took %q from a stranger", n.Name, v)
		}
	}
	undisturbed()
}

// restartInStorm kills the true peer while strangers hold all the places that
// strangers can have on both nodes, and dial again whenever they are thrown out.
func restartInStorm(t *testing.T, a, b *rig.Node, f *flow) {
	end := make(chan struct{})
	var storm sync.WaitGroup
	w := wire.NewWriter()
	w.Hello(someHello())
	for i := range 100 {
		host := []*rig.Node{a, b}[i%2].Host
		storm.Go(func() { besiege(host, w.Bytes(), end) })
	}
	defer storm.Wait()
	defer close(end)

	passed := f.count.Load()
	f.passes(t, passed)
	b.Kill()
	b.Start()
	b.WaitServing()
	rig.WaitLinked(a, b)
	for _, k := range []string{"before0", "before99"} {
		if v, _ := b.Get(b.Client(), k); v != "treasure" {
			t.Errorf("%s after the restart: %q", k, v)
		}
	}
	f.passes(t, f.count.Load())
}

// besiege keeps one connection to the replication port open that never finishes
// its handshake.
func besiege(host string, hello []byte, end chan struct{}) {
	for {
		c, err := net.DialTimeout("tcp", host+rig.ReplPort, time.Second)
		if err == nil {
			closed := make(chan struct{})
			go func() {
				defer close(closed)
				_, _ = c.Write(hello)
				buf := make([]byte, 1<<10)
				for {
					if _, err := c.Read(buf); err != nil {
						return
					}
				}
			}()
			select {
			case <-closed:
			case <-end:
			}
			c.Close()
			<-closed
		}
		select {
		case <-end:
			return
		case <-time.After(5 * time.Millisecond): // a stranger's patience
		}
	}
}

// What looks like a command, a reply or a frame is data all the same, live and
// in a copy.
func TestStranger_DataThatLooksLikeACommandStaysData(t *testing.T) {
	t.Parallel()
	a, b := rig.NewPair(t)
	rig.StartAll(a, b)
	rig.WaitLinked(a, b)
	w := wire.NewWriter()
	w.Bye(wire.Bye{Code: wire.ByePlanned, Text: "so long"})
	w.Flush(wire.Flush{N: 1, Flush: 1 << 60})
	every := make([]byte, 256)
	for i := range every {
		every[i] = byte(i)
	}
	values := []string{
		"END\r\nset x 0 0 1\r\n1\r\n", "flush_all\r\nquit\r\n", "STORED\r\n", "\r\n", "", "VALUE k 0 1\r\n1\r\nEND\r\n",
		string(every), string(w.Bytes()), "\xdd\xff\xff\xff\xff", "\xc6\xff\xff\xff\xff", "\x97\xc4\x01k\x00\x01\x01\x00\x00\xc4\x01v", "\x00",
	}
	names := []string{
		"flush_all", "quit", "get", "END", "VALUE", "STORED", "noreply", "0", "-1", "../../etc/passwd", "%s%n%x",
		"\x97\xc4\x01k", "\xdd\xff\xff\xff\xff", "\xc0\x80\xff", "k\u202eey", string(w.Bytes()[8:9]) + "x",
	}
	c, want := a.Dial(), map[string]string{}
	for i, name := range names {
		for j := range values {
			key, v := fmt.Sprintf("%s:%d", name, j), values[(i+j)%len(values)]
			if j == 0 {
				key = name
			}
			if got := c.Do("set %s %d 0 %d\r\n%s", key, i*100+j, len(v), v); got != "STORED" {
				t.Fatalf("set %q: %s", key, got)
			}
			want[key] = fmt.Sprintf("VALUE %s %d %d\r\n%s\r\nEND\r\n", key, i*100+j, len(v), v)
		}
	}
	checkBytes(a, b, want)
	b.Kill()
	b.Start()
	b.WaitServing()
	checkBytes(a, b, want) // after a copy
}

// checkBytes compares the replies of both nodes byte by byte.
func checkBytes(a, b *rig.Node, want map[string]string) {
	a.T.Helper()
	for _, n := range []*rig.Node{a, b} {
		c := n.Dial()
		for key, reply := range want {
			var got []byte
			testkit.Eventually(a.T, fmt.Sprintf("%q on %s", key, n.Name), func() bool {
				c.Send("get %s\r\n", key)
				head, err := c.R.Peek(len("END\r\n"))
				if err != nil {
					a.T.Fatal(err)
				}
				got = make([]byte, len(reply))
				if string(head) == "END\r\n" { // not there yet
					got = got[:len(head)]
				}
				if _, err := io.ReadFull(c.R, got); err != nil {
					a.T.Fatalf("reply to get %q: %v (%q)", key, err, got)
				}
				return len(got) == len(reply)
			})
			if string(got) != reply {
				a.T.Errorf("get %q on %s: %q, want %q", key, n.Name, got, reply)
			}
		}
		if _, _, hit := c.Get("x"); hit {
			a.T.Errorf("%s executed a value", n.Name)
		}
		c.Close()
	}
}
