package clients

import (
	"bytes"
	"fmt"
	"io"
	"net"
	"strings"
	"testing"
	"time"

	"twincached/internal/testkit"
	"twincached/internal/testkit/rig"
)

// TestMemcachedTool_DumpsWhatCanBeLoadedAgain: what memcached-tool dumps of one node of a pair are commands that make a third
// node hold the same. Writers go on meanwhile.
func TestMemcachedTool_DumpsWhatCanBeLoadedAgain(t *testing.T) {
	t.Parallel()
	a, b := rig.NewPair(t)
	rig.StartAll(a, b)
	rig.WaitLinked(a, b)
	stay := rig.Keys("stay:%/", 3000)
	value := func(i int) string { return fmt.Sprintf("value %d %s", i, strings.Repeat("v", i%700)) }
	a.Load(stay, value)
	rig.WaitEqual(a, b, stay)
	stop := make(chan struct{})
	defer close(stop)
	go churn(a.Host+rig.ClientPort, stop)
	listed := memcachedTool(t, b, "keys", "Dumping memcache keys\n")
	for _, k := range stay {
		if n := strings.Count(listed, "key="+strings.NewReplacer(":", "%3A", "%", "%25", "/", "%2F").Replace(k)+" exp=-1 "); n != 1 {
			t.Fatalf("%s is listed %d times", k, n)
		}
	}
	dump := memcachedTool(t, b, "dump", "Dumping memcache contents\n")
	c := rig.NewNode(t, "c", rig.NewNet(t)+".1", "")
	rig.StartAll(c)
	answers := exchange(t, c.Host+rig.ClientPort, dump+"quit\r\n")
	if n := bytes.Count(answers, []byte("\r\n")); bytes.Count(answers, []byte("STORED\r\n")) != n || n < len(stay) {
		t.Fatalf("%d answers: %.300q", n, answers)
	}
	got := exchange(t, c.Host+rig.ClientPort, "get "+strings.Join(stay, " ")+"\r\nquit\r\n")
	for i, k := range stay {
		if want := fmt.Sprintf("VALUE %s 0 %d\r\n%s\r\n", k, len(value(i)), value(i)); !bytes.Contains(got, []byte(want)) {
			t.Fatalf("%s did not come through", k)
		}
	}
}

// churn sets and deletes other keys until it is stopped.
func churn(address string, stop <-chan struct{}) {
	c, err := net.Dial("tcp", address)
	if err != nil {
		return // whoever looks for what it does finds nothing missing
	}
	defer c.Close()
	go io.Copy(io.Discard, c)
	for i := 0; ; i++ {
		select {
		case <-stop:
			return
		default:
		}
		if _, err := fmt.Fprintf(c, "set go%d 0 0 1\r\nx\r\ndelete go%d\r\n", i, i-100); err != nil {
			return
		}
	}
}

// exchange sends all of it and returns all that comes back until the node closes.
func exchange(t *testing.T, address, commands string) []byte {
	t.Helper()
	c, err := net.Dial("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if err := c.SetDeadline(time.Now().Add(testkit.Patience)); err != nil {
		t.Fatal(err)
	}
	go io.WriteString(c, commands)
	b, err := io.ReadAll(c)
	if err != nil {
		t.Fatal(err)
	}
	return b
}
