package cli

import (
	"bytes"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/bradfitz/gomemcache/memcache"
)

// TestDrain_SignalsWithinASecondCountAsOne: a later one still ends the drain.
func TestDrain_SignalsWithinASecondCountAsOne(t *testing.T) {
	for name, c := range map[string]struct {
		at   []time.Duration // when further signals come
		ends time.Duration   // when the drain is through
		left uint64
		says string // of what is left
		warm bool   // an image is to come
		code int
		took time.Duration
	}{
		"twice at once":            {at: []time.Duration{0, 0}, ends: 5 * time.Second, took: 5 * time.Second},
		"just within":              {at: []time.Duration{sameSignal - 1}, ends: 5 * time.Second, took: 5 * time.Second},
		"a second later":           {at: []time.Duration{sameSignal}, ends: 5 * time.Second, code: exitLeft, took: sameSignal},
		"twice, and again":         {at: []time.Duration{1, 3 * time.Second}, ends: 5 * time.Second, code: exitLeft, took: 3 * time.Second},
		"with an image":            {at: []time.Duration{sameSignal}, warm: true, ends: 5 * time.Second, left: 1, says: "1 item is not", code: exitLeft, took: 5 * time.Second},
		"with an image, at once":   {at: []time.Duration{sameSignal, 2*sameSignal - 1}, warm: true, ends: 5 * time.Second, took: 5 * time.Second},
		"with an image, and so on": {at: []time.Duration{sameSignal, 2 * sameSignal}, warm: true, ends: 5 * time.Second, says: "third signal", code: exitLeft, took: 2 * sameSignal},
		"one remains":              {ends: time.Second, left: 1, says: "1 item is not on a live peer", code: exitLeft, took: time.Second},
		"no other":                 {ends: time.Second, took: time.Second},
		"twice, and items remain":  {at: []time.Duration{1}, ends: time.Second, left: 3, says: "3 items are not on a live peer", code: exitLeft, took: time.Second},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				left, signals := make(chan uint64, 1), make(chan os.Signal, 2)
				start := time.Now()
				for _, at := range c.at {
					time.AfterFunc(at, func() { signals <- syscall.SIGTERM })
				}
				time.AfterFunc(c.ends, func() { left <- c.left })
				var said bytes.Buffer
				err := drained(left, slog.New(slog.NewTextHandler(&said, nil)), signals, func() bool { return c.warm })
				code, e := 0, (*exitError)(nil)
				if errors.As(err, &e) {
					code = e.code
				}
				if took := time.Since(start); code != c.code || took != c.took {
					t.Errorf("status %d after %v (%v), want %d after %v", code, took, err, c.code, c.took)
				}
				if c.says != "" && !strings.Contains(fmt.Sprint(err), c.says) {
					t.Errorf("it ends with %v, want %q", err, c.says)
				}
				if second := strings.Contains(said.String(), "count as one"); second != (len(c.at) > 0 && c.at[0] < sameSignal || len(c.at) > 1 && c.at[1]-c.at[0] < sameSignal) {
					t.Errorf("said %s", &said)
				}
			})
		})
	}
}

// What timeout(1) and process managers do: the drain goes on to its end.
func TestFailure_TwoSigtermsAtOnce(t *testing.T) {
	a, b, clients := twoNodes(t, "--drain-timeout=1m")
	b.stop()
	c := newClient(clients[0])
	if err := c.Set(&memcache.Item{Key: "k", Value: []byte("v")}); err != nil {
		t.Fatal(err)
	}
	c.Close()
	a.cmd.Process.Signal(syscall.SIGTERM)
	a.cmd.Process.Signal(syscall.SIGINT)
	a.waitSaid("signals within a second count as one")
	b.cmd.Process.Signal(syscall.SIGCONT)
	if code := a.exit(); code != exitOK {
		t.Errorf("exit %d: %s", code, a.said())
	}
	if _, err := newClient(clients[1]).Get("k"); err != nil {
		t.Errorf("on the peer: %v", err)
	}
}
