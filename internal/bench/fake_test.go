package bench

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"net"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
)

// fake is a server that speaks enough of each protocol.
type fake struct {
	mu    sync.Mutex
	items map[string]string
	lost  func(key string) bool // sets of such a key are forgotten; nil: none
	login string                // "name password"; "": nobody has to log in
	conns int
}

// answer is the replies to complete requests.
func (f *fake) answer(requests []byte) []byte {
	var out bytes.Buffer
	for r := bufio.NewReader(bytes.NewReader(requests)); ; {
		if err := f.one(r, &out, new(bool)); err != nil {
			return out.Bytes()
		}
	}
}

func (f *fake) set(key, value string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.items == nil {
		f.items = map[string]string{}
	}
	if f.lost == nil || !f.lost(key) {
		f.items[key] = value
	}
}

func (f *fake) get(key string) (string, bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	v, ok := f.items[key]
	return v, ok
}

// one answers a request. in: the client has logged in.
func (f *fake) one(r *bufio.Reader, w io.Writer, in *bool) error {
	line, err := r.ReadString('\n')
	if err != nil {
		return err
	}
	words := strings.Fields(line)
	value := func(size string) string {
		n, _ := strconv.Atoi(size)
		b := make([]byte, n+2)
		_, err = io.ReadFull(r, b)
		return string(b[:n])
	}
	switch words[0] {
	case "set":
		v := value(words[4])
		if f.login != "" && !*in {
			if *in = v == f.login; !*in {
				fmt.Fprint(w, "CLIENT_ERROR authentication failure\r\n")
				return err
			}
		} else {
			f.set(words[1], v)
		}
		if words[len(words)-1] != "noreply" {
			fmt.Fprint(w, "STORED\r\n")
		}
	case "get":
		for _, k := range words[1:] {
			if v, ok := f.get(k); ok {
				fmt.Fprintf(w, "VALUE %s 0 %d\r\n%s\r\n", k, len(v), v)
			}
		}
		fmt.Fprint(w, "END\r\n")
	case "ms":
		f.set(words[1], value(words[2]))
		fmt.Fprint(w, "HD\r\n")
	case "mn":
		fmt.Fprint(w, "MN\r\n")
	case "mg":
		v, ok := f.get(words[1])
		quiet, name := strings.Contains(line, " q"), ""
		if strings.Contains(line, " k ") {
			name = " k" + words[1]
		}
		if ok {
			fmt.Fprintf(w, "VA %d%s\r\n%s\r\n", len(v), name, v)
		} else if !quiet {
			fmt.Fprint(w, "EN\r\n")
		}
	default:
		n, _ := strconv.Atoi(words[0][1:])
		args := make([]string, n)
		for i := range args {
			head, _ := r.ReadString('\n')
			args[i] = value(strings.TrimSpace(head)[1:])
		}
		f.redis(w, args)
	}
	return err
}

func (f *fake) redis(w io.Writer, args []string) {
	if args[0] == "SET" {
		f.set(args[1], args[2])
		fmt.Fprint(w, "+OK\r\n")
		return
	}
	if args[0] == "MGET" {
		fmt.Fprintf(w, "*%d\r\n", len(args)-1)
	}
	for _, k := range args[1:] {
		if v, ok := f.get(k); ok {
			fmt.Fprintf(w, "$%d\r\n%s\r\n", len(v), v)
		} else {
			fmt.Fprint(w, "$-1\r\n")
		}
	}
}

// serve answers on l until the test ends, and returns where it is.
func (f *fake) serve(t *testing.T, l net.Listener) string {
	t.Helper()
	var all sync.WaitGroup
	all.Go(func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			f.mu.Lock()
			f.conns++
			f.mu.Unlock()
			all.Go(func() {
				defer c.Close()
				r, in := bufio.NewReader(c), false
				w := bufio.NewWriter(c)
				for f.one(r, w, &in) == nil {
					if r.Buffered() == 0 && w.Flush() != nil {
						return
					}
				}
			})
		}
	})
	t.Cleanup(func() { l.Close(); all.Wait() })
	return l.Addr().String()
}

func listen(t *testing.T) net.Listener {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	return l
}

func listenUnix(t *testing.T) net.Listener {
	t.Helper()
	l, err := net.Listen("unix", filepath.Join(t.TempDir(), "s"))
	if err != nil {
		t.Fatal(err)
	}
	return l
}
