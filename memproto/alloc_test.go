package memproto

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"twincached/internal/testkit"
)

// hotPaths are what clients do all day.
func hotPaths() map[string]string {
	value := strings.Repeat("v", 100)
	var many strings.Builder
	many.WriteString("get")
	for i := range 100 {
		fmt.Fprintf(&many, " key:%d", i)
	}
	return map[string]string{
		"get hit":      "get key:1\r\n",
		"get miss":     "get missing\r\n",
		"gets":         "gets key:1\r\n",
		"gat":          "gat 100 key:1\r\n",
		"multiget 100": many.String() + "\r\n",
		"set":          "set key:1 0 0 100\r\n" + value + "\r\n",
		"set expiring": "set key:1 5 3600 100\r\n" + value + "\r\n",
		"set noreply":  "set key:1 0 0 100 noreply\r\n" + value + "\r\n",
		"add":          "add key:1 0 0 100\r\n" + value + "\r\n",
		"cas":          "cas key:1 0 0 100 5\r\n" + value + "\r\n",
		"incr":         "incr number 1\r\n",
		"touch":        "touch key:1 100\r\n",
		"delete miss":  "delete missing\r\n",
		"mg hit":       "mg key:1 v t f c k O123\r\n",
		"mg miss":      "mg missing v q\r\n",
		"mg base64":    "mg a2V5OjE= b v k\r\n",
		"ms":           "ms key:1 100 T3600 F5 c\r\n" + value + "\r\n",
		"md miss":      "md missing q\r\n",
		"md stale":     "md key:2 I\r\n",
		"ma":           "ma number v\r\n",
		"pipeline":     strings.Repeat("get key:1\r\nset key:2 0 0 100\r\n"+value+"\r\n", 8),
	}
}

func hotConn(t testing.TB) *Conn {
	s := newTestServer(t)
	started := time.Now()
	s.Nanos = func() int64 { return int64(time.Since(started)) }
	c := NewConn(s)
	var load strings.Builder
	for i := range 100 {
		fmt.Fprintf(&load, "set key:%d 0 0 100\r\n%s\r\n", i, strings.Repeat("v", 100))
	}
	load.WriteString("set number 0 0 20\r\n00000000000000000000\r\n")
	c.Process(testNow, []byte(load.String()), nil)
	return c
}

func TestProcess_DoesNotAllocate(t *testing.T) {
	if testkit.Race {
		t.Skip("the race detector allocates")
	}
	c := hotConn(t)
	out := make([]byte, 0, 2*OutSoftLimitBytes)
	for name, request := range hotPaths() {
		in := []byte(request)
		if n := testing.AllocsPerRun(200, func() {
			if r := c.Process(testNow, in, out); r.N != len(in) {
				t.Fatalf("%s: %d of %d bytes", name, r.N, len(in))
			}
		}); n != 0 {
			t.Errorf("%s: %v allocations", name, n)
		}
	}
}

func BenchmarkProcess(b *testing.B) {
	for name, request := range hotPaths() {
		b.Run(name, func(b *testing.B) {
			c := hotConn(b)
			in, out := []byte(request), make([]byte, 0, 2*OutSoftLimitBytes)
			b.ReportAllocs()
			for b.Loop() {
				c.Process(testNow, in, out)
			}
		})
	}
}
