package dump

import (
	"bytes"
	"fmt"
	"io"
	"net"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"twincached/memproto"
	"twincached/store"
)

// bubble runs a test with a clock that moves when everybody waits.
func bubble(t *testing.T, test func(t *testing.T, f *fake)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) { test(t, newFake(t)) })
}

// held is the flags, the seconds left and the value of a key as it stands in a request.
func (f *fake) held(key string) string {
	return strings.TrimSuffix(f.do("mg "+key+" f t v\r\n"), "\r\n")
}

func TestRestore_WhatWasDumpedIsThereAgain(t *testing.T) {
	for _, asJSON := range []bool{false, true} {
		bubble(t, func(t *testing.T, f *fake) {
			now := time.Now().UnixMilli()
			for i := range 3000 {
				r := store.Record{Key: fmt.Append(nil, "key", i), Value: bytes.Repeat([]byte("v"), i%300), Flags: uint32(i), Version: version(-i)}
				if i%3 == 0 {
					r.Expires = now + int64(i)*1000 + 5400
				}
				f.put(r)
			}
			f.put(store.Record{Key: []byte("a\r\nb \xff"), Value: []byte("END\r\n"), Version: version(0)})
			f.put(store.Record{Key: []byte("large"), Value: bytes.Repeat([]byte("large"), 1<<18), Version: version(0)})
			f.put(store.Record{Key: []byte("stale"), Value: []byte("x"), Version: version(0), Marks: store.MarkStale})
			f.put(store.Record{Key: []byte("placeholder"), Version: version(0), Marks: store.MarkWon})
			f.put(store.Record{Key: []byte("won"), Value: []byte("x"), Version: version(0), Marks: store.MarkWon})
			dump := f.taken(asJSON)
			if got := f.do("mg stale\r\n"); !strings.Contains(got, " W") {
				t.Errorf("the dump was a reader: %q", got)
			}

			to := newFake(t)
			want := Restored{Items: 3005, Restored: 3003, Outdated: 2}
			if r := to.restored(dump); r != want {
				t.Fatalf("%v, want %v", &r, &want)
			}
			for i := range 3000 {
				key, ttl := fmt.Sprint("key", i), "t-1"
				if i%3 == 0 {
					ttl = fmt.Sprint("t", i+5) // it lives no longer than it would have
				}
				want := fmt.Sprintf("VA %d f%d %s\r\n%s", i%300, i, ttl, strings.Repeat("v", i%300))
				if got := to.held(key); got != want {
					t.Fatalf("JSON %v: %s: %q, want %q", asJSON, key, got, want)
				}
			}
			if got := to.held("YQ0KYiD/ b"); got != "VA 5 f0 t-1\r\nEND\r\n" {
				t.Errorf("%q", got)
			}
			if got := to.held("large"); got != "VA 1310720 f0 t-1\r\n"+strings.Repeat("large", 1<<18) {
				t.Errorf("%.60q", got)
			}
			if got := to.held("stale") + to.held("placeholder"); got != "ENEN" {
				t.Errorf("what would look fresh is there: %q", got)
			}
			want = Restored{Items: 3005, Kept: 3003, Outdated: 2}
			if r := to.restored(dump); r != want {
				t.Errorf("again: %v, want %v", &r, &want)
			}
		})
	}
}

// What a node has and is newer stays; what is older, and what is not there, is restored.
func TestRestore_NeverOverwritesWhatIsNewer(t *testing.T) {
	bubble(t, func(t *testing.T, f *fake) {
		dump := writeAll(t, false,
			item{key: []byte("older"), value: []byte("dumped"), version: version(10)},
			item{key: []byte("same"), value: []byte("dumped"), version: version(10)},
			item{key: []byte("newer"), value: []byte("dumped"), version: version(10)},
			item{key: []byte("none"), value: []byte("dumped"), version: version(10)},
			item{key: []byte("unknown"), value: []byte("dumped")},
			item{key: []byte("ahead"), value: []byte("dumped"), version: version(10 + aheadMillis + 1000)},
		)
		for key, ms := range map[string]int{"older": 9, "same": 10, "newer": 11, "unknown": 0, "ahead": 9} {
			f.put(store.Record{Key: []byte(key), Value: []byte("held"), Version: version(ms)})
		}
		want := Restored{Items: 6, Restored: 2, Kept: 4}
		if r := f.restored(dump); r != want {
			t.Errorf("%v, want %v", &r, &want)
		}
		for key, want := range map[string]string{"older": "dumped", "same": "held", "newer": "held", "none": "dumped", "unknown": "held", "ahead": "held"} {
			if got := f.held(key); !strings.HasSuffix(got, want) {
				t.Errorf("%s: %q, want %q", key, got, want)
			}
		}
	})
}

// The peer has what the node has evicted, and it is newer: named, it is looked at as well.
func TestRestore_WhatThePeerHasAndIsNewerStays(t *testing.T) {
	bubble(t, func(t *testing.T, f *fake) {
		peer := newFake(t)
		f.lacks = true
		o := f.options()
		o.Dial = func(_, address string) (net.Conn, error) {
			if address == "b:1" {
				return peer.dial(), nil
			}
			return f.dial(), nil
		}
		dump := writeAll(t, false,
			item{key: []byte("newer"), value: []byte("dumped"), version: version(-5)},
			item{key: []byte("older"), value: []byte("dumped"), version: version(-5)})
		peer.put(store.Record{Key: []byte("newer"), Value: []byte("held"), Version: version(-4)})
		peer.put(store.Record{Key: []byte("older"), Value: []byte("held"), Version: version(-6)})
		r, err := Restore(bytes.NewReader(dump), 0, "a:1", "b:1", o)
		if err != nil || r.Kept != 1 || r.Restored != 1 || r.Note != "" {
			t.Errorf("%v, %v, %q", &r, err, r.Note)
		}
		if got := f.held("newer") + f.held("older"); got != "ENVA 6 f0 t-1\r\ndumped" {
			t.Errorf("%q", got)
		}
		if r := f.restored(dump); !strings.Contains(r.Note, "name the peer") {
			t.Errorf("%q", r.Note)
		}
	})
}

// Another client writes or deletes a key between the look and the store: it has the last word.
func TestRestore_WhatIsWrittenMeanwhileStays(t *testing.T) {
	for _, c := range []struct{ name, had, meanwhile, want string }{
		{"a set where there was none", "", "set k 0 0 5\r\nnewer\r\n", "VA 5 f0 t-1\r\nnewer"},
		{"a set of what was older", "held", "set k 0 0 5\r\nnewer\r\n", "VA 5 f0 t-1\r\nnewer"},
		{"an incr of what was older", "41", "incr k 1\r\n", "VA 2 f0 t-1\r\n42"},
		{"a delete", "held", "delete k\r\n", "EN"},
		{"a flush", "held", "flush_all\r\n", "EN"},
	} {
		t.Run(c.name, func(t *testing.T) {
			bubble(t, func(t *testing.T, f *fake) {
				if c.had != "" {
					f.put(store.Record{Key: []byte("k"), Value: []byte(c.had), Version: version(-10)})
				}
				dump := writeAll(t, true, item{key: []byte("k"), value: []byte("dumped"), version: version(-5)})
				done := false
				f.before = func(request []byte) {
					if !done && bytes.HasPrefix(request, []byte("ms k ")) {
						done = true
						f.do(c.meanwhile)
					}
				}
				if r := f.restored(dump); r.Kept != 1 || !done {
					t.Errorf("%v, %v", &r, done)
				}
				if got := f.held("k"); got != c.want {
					t.Errorf("%q, want %q", got, c.want)
				}
			})
		})
	}
}

// A key that is older again each time does not hold it up for ever.
func TestRestore_GivesUpOnAKeyThatChangesAllTheTime(t *testing.T) {
	bubble(t, func(t *testing.T, f *fake) {
		n := 0
		f.before = func(request []byte) {
			if bytes.HasPrefix(request, []byte("ms k ")) {
				n++
				f.put(store.Record{Key: []byte("k"), Value: []byte("x"), Version: version(-1000 + n)})
			}
		}
		r := f.restored(writeAll(t, false, item{key: []byte("k"), value: []byte("v"), version: version(0)}, item{key: []byte("j"), value: []byte("v")}))
		if r.Failed != 1 || r.Restored != 1 || n != maxTries || r.Whole() {
			t.Errorf("%v after %d", &r, n)
		}
	})
}

// The node would delete what it has if it were sent a value that is too large.
func TestRestore_WhatIsTooLargeIsNotSent(t *testing.T) {
	bubble(t, func(t *testing.T, f *fake) {
		most := maxItem - store.ItemBytes(1, 0)
		for _, key := range []string{"a", "b"} {
			f.put(store.Record{Key: []byte(key), Value: []byte("held"), Version: version(-10)})
		}
		r := f.restored(writeAll(t, false,
			item{key: []byte("a"), value: make([]byte, most), version: version(-5)},
			item{key: []byte("b"), value: make([]byte, most+1), version: version(-5)}))
		if r.Restored != 1 || r.TooLarge != 1 || r.Whole() {
			t.Errorf("%v", &r)
		}
		if got := f.held("b"); got != "VA 4 f0 t-1\r\nheld" {
			t.Errorf("%q", got)
		}
	})
}

func TestRestore_ExpiredOnesAreLeftOut(t *testing.T) {
	bubble(t, func(t *testing.T, f *fake) {
		f.do("set past 0 0 4\r\nheld\r\n")
		now := time.Now().UnixMilli()
		r := f.restored(writeAll(t, false,
			item{key: []byte("past"), value: []byte("v"), expireAt: now - 1},
			item{key: []byte("this second"), value: []byte("v"), expireAt: now - now%1000 + 999},
			item{key: []byte("1970"), value: []byte("v"), expireAt: 3_600_000},
			item{key: []byte("first"), value: []byte("v"), expireAt: 1},
			item{key: []byte("soon"), value: []byte("v"), expireAt: now + 2999},
			item{key: []byte("far"), value: []byte("v"), expireAt: maxSeconds * 1000}))
		if want := (Restored{Items: 6, Restored: 2, Expired: 4}); r != want {
			t.Errorf("%v, want %v", &r, &want)
		}
		if got := f.held("soon"); got != "VA 1 f0 t2\r\nv" {
			t.Errorf("%q", got)
		}
		if got := f.held("past"); got != "VA 4 f0 t-1\r\nheld" {
			t.Errorf("%q", got)
		}
	})
}

// By the node's clock, not by that of who restores.
func TestRestore_TheNodesClockCounts(t *testing.T) {
	bubble(t, func(t *testing.T, f *fake) {
		f.ahead = time.Hour
		now := time.Now().UnixMilli()
		r := f.restored(writeAll(t, false, item{key: []byte("k"), value: []byte("v"), expireAt: now + 60_000}))
		if r.Expired != 1 {
			t.Errorf("%v", &r)
		}
	})
}

// What a restore could do before a file ends too early is done, and said.
func TestRestore_OfACutFile(t *testing.T) {
	bubble(t, func(t *testing.T, f *fake) {
		var items []item
		for i := range 5000 {
			items = append(items, item{key: fmt.Append(nil, "key", i), value: bytes.Repeat([]byte("v"), 200), version: version(-1)})
		}
		dump := writeAll(t, false, items...)
		r, err := Restore(bytes.NewReader(dump[:len(dump)-5]), 0, "a:1", "", f.options())
		if err == nil || !strings.Contains(err.Error(), "restore: the file: it is cut") || r.Items != 5000 || r.Restored != 5000 {
			t.Errorf("%v, %v", err, &r)
		}
		r, err = Restore(bytes.NewReader(dump[:len(dump)/2]), 0, "a:1", "", f.options())
		if err == nil || r.Restored != 0 || r.Kept == 0 || r.Kept == 5000 {
			t.Errorf("%v, %v", err, &r)
		}
	})
}

// A node that is full and evicts nothing says so.
func TestRestore_WhatTheNodeRefusesIsCounted(t *testing.T) {
	bubble(t, func(t *testing.T, f *fake) {
		f.wrap = func(c net.Conn) net.Conn { return &full{Conn: c} }
		r := f.restored(writeAll(t, false, item{key: []byte("k"), value: []byte("v")}))
		if r.Failed != 1 || r.Why != "out of memory storing object" || r.Whole() {
			t.Errorf("%v, %q", &r, r.Why)
		}
		f.wrap = nil
		r = f.restored([]byte("add a b 0 0 1\r\nx\r\n"))
		if r.Failed != 1 || !strings.Contains(r.Why, "memcached-tool") {
			t.Errorf("%v, %q", &r, r.Why)
		}
	})
}

// full answers each store as a node does that has no memory.
type full struct{ net.Conn }

func (c *full) Write(b []byte) (int, error) {
	if bytes.HasPrefix(b, []byte("HD ")) {
		_, err := c.Conn.Write([]byte("SERVER_ERROR out of memory storing object\r\n"))
		return len(b), err
	}
	return c.Conn.Write(b)
}

func TestRestoreAndTake_WhatIsInTheWayIsExplained(t *testing.T) {
	logins := new(memproto.Logins)
	if err := logins.Load([]byte("ann:secret\n")); err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		spoil         func(f *fake, o *Options)
		dump, restore string // "": it works
	}{
		"nothing":   {func(*fake, *Options) {}, "", ""},
		"login":     {func(f *fake, _ *Options) { f.srv.TextLogins = logins }, "clients have to log in (-Y): give dump a file", "clients have to log in (-Y): give restore a file"},
		"logged in": {func(f *fake, o *Options) { f.srv.TextLogins, o.Name, o.Password = logins, "ann", "secret" }, "", ""},
		"stock":     {func(f *fake, _ *Options) { f.local = "" }, "it is no twincached", "it is no twincached"},
		"no dumps":  {func(f *fake, _ *Options) { f.srv.NoDumps = true }, "--disable-dumping", ""},
		"unreachable": {func(_ *fake, o *Options) {
			o.Dial = func(string, string) (net.Conn, error) { return nil, net.ErrClosed }
		}, "it does not serve", "it does not serve"},
		"binary only": {func(f *fake, _ *Options) { f.srv.BinaryOnly = true }, "dump needs the text protocol", "restore needs the text protocol"},
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T, f *fake) {
				o := f.options()
				c.spoil(f, &o)
				_, err := Take("a:1", io.Discard, o)
				if (err == nil) != (c.dump == "") || !strings.Contains(fmt.Sprint(err), c.dump) || err != nil && !strings.HasPrefix(err.Error(), "dump: node a:1: ") {
					t.Errorf("dump: %v, want %q", err, c.dump)
				}
				_, err = Restore(strings.NewReader(`{"key":"k","value":""}`), 0, "a:1", "", o)
				if (err == nil) != (c.restore == "") || !strings.Contains(fmt.Sprint(err), c.restore) || err != nil && !strings.HasPrefix(err.Error(), "restore: node a:1: ") {
					t.Errorf("restore: %v, want %q", err, c.restore)
				}
			})
		})
	}
}
