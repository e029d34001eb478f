package main

import (
	"fmt"
	"os"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// upgrade restarts one node of a pair, with its image and without.
func upgrade(x *sitting) (*table, error) {
	t := &table{head: []string{"items", "what", "with its image", "full copy", "ratio", "must", "goal", ""}}
	for _, items := range []int{x.full.items, x.full.many} {
		err := x.upgradeRows(t, items)
		x.endAll()
		if err != nil {
			return t, err
		}
	}
	return t, nil
}

const upgradeRate = 5000 // sets a second on the other node

// upgraded is what the restarts of one kind came to, a value for each.
type upgraded struct{ live, away, link []float64 } // seconds, seconds, bytes

func (x *sitting) upgradeRows(t *table, items int) error {
	disk, system, err := x.onDisk()
	if err != nil {
		return err
	}
	defer os.RemoveAll(disk)
	t.note = x.diskNote(system)
	peer, own := freePort(), freePort()
	a, err := x.node("twincached", x.both, peer, "-X", strconv.Itoa(own))
	if err != nil {
		return err
	}
	if err := x.fill(a, items); err != nil {
		return err
	}
	if err := known(a); err != nil {
		return err
	}
	start := func(flags ...string) (*server, error) {
		b, err := x.node("the node", x.both, own, append([]string{"-X", strconv.Itoa(peer), "--state-dir", disk}, flags...)...)
		if err == nil {
			err = b.knows()
		}
		return b, err
	}
	b, err := start()
	if err != nil {
		return err
	}
	quiet, err := x.background(x.both, "bench", "--json", "--no-load", "--gets", "0", "--rate", strconv.Itoa(upgradeRate), "--duration", "1h",
		"--keys", strconv.Itoa(items), a.address)
	if err != nil {
		return err
	}
	defer quiet()
	kinds := []struct {
		flags []string
		upgraded
	}{{flags: []string{"--warm"}}, {}}
	for range x.full.copies {
		for i := range kinds {
			k := &kinds[i]
			if b, err = k.restart(b, start, k.flags, false); err == nil { // now it is of this kind
				b, err = k.restart(b, start, k.flags, true)
			}
			if err != nil {
				return err
			}
		}
	}
	t.upgrade(items, &kinds[0].upgraded, &kinds[1].upgraded)
	return nil
}

// restart stops a node and starts it with flags.
func (u *upgraded) restart(b *server, start func(flags ...string) (*server, error), flags []string, counts bool) (*server, error) {
	from := time.Now()
	stopped, _, err := b.stop(syscall.SIGTERM)
	if err != nil {
		return nil, err
	}
	if b, err = start(flags...); err != nil {
		return nil, err
	}
	away := time.Since(from)
	link, err := linkBytes(b.address)
	if err == nil && counts {
		u.live, u.away, u.link = append(u.live, (away-stopped).Seconds()), append(u.away, away.Seconds()), append(u.link, link)
	}
	return b, err
}

func (t *table) upgrade(items int, warm, copied *upgraded) {
	for _, row := range []struct {
		what         string
		warm, copied []float64
		unit         float64
		must, goal   float64
	}{
		{"live, s", warm.live, copied.live, 1, 1, 0.5},
		{"away, s", warm.away, copied.away, 1, 0, 0},
		{"link, MB", warm.link, copied.link, 1e6, 0.1, 0.05},
	} {
		r := parts(row.warm, row.copied)
		must, goal := targets(row.must, row.goal)
		t.add(strconv.Itoa(items), row.what, fmt.Sprintf("%.2f", quantile(row.warm, 0.5)/row.unit), fmt.Sprintf("%.2f", quantile(row.copied, 0.5)/row.unit),
			span(r), must, goal, verdict(-r.Median, -row.must, -row.goal))
	}
}

// linkBytes is what has crossed a node's link since it was started, both ways.
func linkBytes(address string) (float64, error) {
	text, err := ask(address, "stats\r\n", "END\r\n")
	if err != nil {
		return 0, err
	}
	in, err := stat(text, "repl_bytes_in")
	if err != nil {
		return 0, err
	}
	out, err := stat(text, "repl_bytes_out")
	return in + out, err
}

// stat is one value of "stats".
func stat(text, name string) (float64, error) {
	_, rest, _ := strings.Cut(text, "STAT "+name+" ")
	value, _, _ := strings.Cut(rest, "\r\n")
	return strconv.ParseFloat(value, 64)
}
