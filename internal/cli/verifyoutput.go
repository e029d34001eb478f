package cli

import (
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"
	"time"

	"twincached/internal/verify"
)

// verifyOutput is what verify prints of its findings, on stdout.
type verifyOutput struct {
	p     *program
	bar   *bar
	show  int // keys of each kind
	shown [3]int
}

// found prints a difference, if not too many of its kind are there already.
func (v *verifyOutput) found(d verify.Difference) {
	kind, text := 0, "differs     "+quoteKey(d.Key)+"  "+strings.Join(d.What, "; ")
	switch {
	case d.OnlyA:
		kind, text = 1, "only on A   "+quoteKey(d.Key)
	case d.OnlyB:
		kind, text = 2, "only on B   "+quoteKey(d.Key)
	}
	if v.shown[kind] < v.show {
		v.shown[kind]++
		v.bar.clear()
		fmt.Fprintln(v.p.stdout, text)
	}
}

// quoteKey shows a key as it is, or in quotes if it is not plain text.
func quoteKey(key string) string {
	if q := strconv.Quote(key); len(q) != len(key)+2 || strings.Contains(key, " ") {
		return q
	}
	return key
}

// summary prints the counts, and why keys on one side are or are not held against
// the nodes; last the line for programs.
func (v *verifyOutput) summary(addresses [2]string, r *verify.Result, strict bool) error {
	var b strings.Builder
	if hidden := r.Differ + r.OnlyA + r.OnlyB - int64(v.shown[0]+v.shown[1]+v.shown[2]); hidden > 0 {
		fmt.Fprintf(&b, "... and %d more (--show)\n", hidden)
	}
	fmt.Fprintf(&b, "A is %s, B is %s\n", addresses[0], addresses[1])
	fmt.Fprintf(&b, "%d keys compared: %d equal, %d differ, %d only on A, %d only on B, %d in flight; %d local ones left out, %d looked at again\n",
		r.Compared, r.Equal, r.Differ, r.OnlyA, r.OnlyB, r.InFlight, r.Local, r.Again)
	for _, side := range []struct {
		only    int64
		excused bool
		lacks   string
	}{{r.OnlyA, r.ExcusedB, "B"}, {r.OnlyB, r.ExcusedA, "A"}} {
		switch {
		case side.only == 0:
		case side.excused && strict:
			fmt.Fprintf(&b, "%s lacks %d keys; it has evicted items or refused large ones, but --strict takes no excuse\n", side.lacks, side.only)
		case side.excused:
			fmt.Fprintf(&b, "%s lacks %d keys, which is no fault: it has evicted items or refused large ones (--strict objects)\n", side.lacks, side.only)
		default:
			fmt.Fprintf(&b, "%s lacks %d keys and has neither evicted nor refused anything: they are missing\n", side.lacks, side.only)
		}
	}
	b.WriteString(r.String() + "\n")
	_, err := io.WriteString(v.p.stdout, b.String())
	return err
}

// bar says on stderr how far something has come: in one line that is written over
// on a terminal, else in a line now and then.
type bar struct {
	w     io.Writer
	tty   bool
	drawn bool // a line stands there
	next  time.Time
}

const (
	barCells = 30
	barEvery = 200 * time.Millisecond // an eye sees no more
	logEvery = 10 * time.Second
)

func newBar(w io.Writer) *bar {
	b := &bar{w: w}
	if f, ok := w.(*os.File); ok {
		info, err := f.Stat()
		b.tty = err == nil && info.Mode()&os.ModeCharDevice != 0 // a terminal, or /dev/null, which minds nothing
	}
	if !b.tty {
		b.next = time.Now().Add(logEvery)
	}
	return b
}

func (b *bar) show(p verify.Progress) {
	b.draw("verify", float64(p.Done)/float64(max(p.Total, 1)), func() string { return barText(p) })
}

// draw says how much of the whole is done, 0 to 1, if it is time to. who is what a line without
// a terminal begins with.
func (b *bar) draw(who string, done float64, text func() string) {
	now := time.Now()
	if now.Before(b.next) {
		return
	}
	if !b.tty {
		b.next = now.Add(logEvery)
		fmt.Fprintf(b.w, "%s: %s\n", who, text())
		return
	}
	b.next = now.Add(barEvery)
	full := int(min(max(done, 0), 1) * barCells)
	fmt.Fprintf(b.w, "\r[%s%s] %s\x1b[K", strings.Repeat("#", full), strings.Repeat(".", barCells-full), text())
	b.drawn = true
}

// barText is the progress in words. A node may have more keys by now than at the start.
func barText(p verify.Progress) string {
	text := fmt.Sprintf("%d%%, %d keys compared", min(p.Done*100/max(p.Total, 1), 100), p.Result.Compared)
	if p.Result.Differ+p.Result.OnlyA+p.Result.OnlyB > 0 {
		text += fmt.Sprintf(", %d differ, %d on one node only", p.Result.Differ, p.Result.OnlyA+p.Result.OnlyB)
	}
	if p.Suspects > 0 {
		text += fmt.Sprintf(", %d to look at again", p.Suspects)
	}
	return text
}

// clear takes the line away, so that others can be printed.
func (b *bar) clear() {
	if b.drawn {
		fmt.Fprint(b.w, "\r\x1b[K")
		b.drawn = false
	}
}
