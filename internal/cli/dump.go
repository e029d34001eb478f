package cli

import (
	"errors"
	"fmt"
	"io"
	"os"
	"runtime/debug"
	"strings"

	"github.com/urfave/cli/v2"
	"golang.org/x/term"

	"twincached/internal/dump"
	"twincached/internal/node"
)

const dumpText = `NODE is HOST[:PORT] of the node's client port (11211), or a unix socket (/PATH). FILE is
written as FILE.new, and gets its name once it is whole and on disk; - is standard output.
Clients go on meanwhile. An item that is there all the time is in the dump, with one of
the values that it has had meanwhile. The dump counts as no read. As each node holds
everything, one dump is one of the pair; items that match --local-keys are the node's own.

With --json it is text, a line for each item: key (key_base64 where it is not UTF-8),
flags, exp (Unix time, 0 never), version (the cas unique), and value in base64. The first
line is {"twincached_dump":1}, and the last one {"end":N}, which has the number of items.

Last line of the output, on standard error if the dump goes to standard output:
  dump: items=N bytes=N gone=N seconds=S.S
bytes are of keys and values; gone are keys that were listed, and not there any more when
they were read.

Exit status: 0 the dump is whole; 2 it is not, and there is no FILE; 64 the command line
is wrong.`

const restoreText = `FILE is what "twincached dump" has written, with --json or without; JSON lines of another
program; what "memcached-tool HOST dump" has printed; or an image of --warm, of which it
takes the values. - is standard input. NODE is HOST[:PORT] of the client port (11211), or
a unix socket (/PATH). PEER is the other node of its pair: name it where NODE has evicted
items that PEER may have in newer versions, and both are asked.

An item is stored if the node lacks it, or has an older version. What is newer on the node
stays, however clients write meanwhile. So it can be run again: it does only what is
missing. Items without a version (memcached-tool has none) are stored if there is none.
Flags and the time of expiry are kept. Left out are items that have expired, that a client
had marked as stale, and that are too large for the node (-I).

Last line of the output:
  restore: items=N restored=N kept=N expired=N outdated=N too_large=N failed=N seconds=S.S
items is the sum of the others.

Exit status: 0 the node holds all it should; 1 some items are too large, or the node did
not take them; 2 the file is cut or damaged, or the node failed: what came before that is
restored; 64 the command line is wrong.`

// dumpWords is what a command line says of a dump.
type dumpWords struct{ askWords }

// dumpCommand is "twincached dump".
func (p *program) dumpCommand() *cli.Command {
	w := new(dumpWords)
	return &cli.Command{
		Name:        "dump",
		Usage:       "write all items of a node into a file",
		ArgsUsage:   "NODE FILE",
		Description: dumpText,
		Flags:       append([]cli.Flag{&cli.BoolFlag{Name: "json", Usage: "write a line of JSON for each item"}}, w.flags()...),
		Before:      applyOptions,
		Action: func(c *cli.Context) error {
			words := c.Args().Slice()
			if len(words) != 2 {
				return exitWith(exitUsage, fmt.Errorf("dump: it takes NODE and FILE, not %d words", len(words)))
			}
			addresses, opt, err := w.read(words[:1], words[1])
			if err != nil {
				return exitWith(exitUsage, fmt.Errorf("dump: %w", err))
			}
			opt.JSON, opt.Software = c.Bool("json"), "twincached "+node.Version
			debug.SetGCPercent(100) // a node's own setting spends memory on speed: see main
			return p.dump(addresses[0], words[1], opt)
		},
	}
}

// restoreCommand is "twincached restore".
func (p *program) restoreCommand() *cli.Command {
	w := new(dumpWords)
	return &cli.Command{
		Name:        "restore",
		Usage:       "put the items of a dump into a node",
		ArgsUsage:   "FILE NODE [PEER]",
		Description: restoreText,
		Flags:       w.flags(),
		Before:      applyOptions,
		Action: func(c *cli.Context) error {
			words := c.Args().Slice()
			if len(words) != 2 && len(words) != 3 {
				return exitWith(exitUsage, fmt.Errorf("restore: it takes FILE and NODE, and perhaps its PEER, not %d words", len(words)))
			}
			addresses, opt, err := w.read(words[1:], words[0])
			if err != nil {
				return exitWith(exitUsage, fmt.Errorf("restore: %w", err))
			}
			debug.SetGCPercent(100)
			return p.restore(words[0], addresses, opt)
		},
	}
}

// read finds where nodes are and how to reach them, and looks at the name of the file.
func (w *dumpWords) read(nodes []string, file string) (addresses []string, opt dump.Options, err error) {
	switch {
	case file == "":
		return nil, opt, errors.New("the name of the file is empty")
	case file != "-" && strings.HasPrefix(file, "-"):
		return nil, opt, fmt.Errorf("the flag %s goes before the other words; a file of that name is ./%s", file, file)
	}
	if addresses, err = addressesOf(nodes); err != nil {
		return nil, opt, err
	}
	if len(addresses) == 2 && addresses[0] == addresses[1] {
		return nil, opt, fmt.Errorf("both nodes are %s: give the addresses of both nodes of the pair", addresses[0])
	}
	a, err := w.options()
	if err != nil {
		return nil, opt, err
	}
	opt.Name, opt.Password, opt.LoginFrom, opt.LoginError = a.Name, a.Password, a.LoginFrom, a.LoginError
	opt.Roots, opt.Certificate, opt.OnlyTLS = a.Roots, a.Certificate, a.Roots != nil || a.Certificate != nil
	return addresses, opt, nil
}

// dump writes the items of a node to a file.
func (p *program) dump(address, file string, opt dump.Options) error {
	b := newBar(p.stderr)
	opt.Progress = func(g dump.Progress) {
		b.draw("dump", g.Part, func() string { return fmt.Sprintf("%.0f%%, %d items, %s", 100*g.Part, g.Done, megabytes(g.Bytes)) })
	}
	to, tell := p.stdout, p.stderr
	var place *dump.Place
	if file != "-" {
		var err error
		if place, err = dump.Create(file); err != nil {
			return exitWith(exitUnable, fmt.Errorf("dump: %w", err))
		}
		to, tell = place, p.stdout
	} else if f, ok := to.(*os.File); ok && term.IsTerminal(int(f.Fd())) && !opt.JSON {
		return exitWith(exitUsage, errors.New("dump: it is no text: name a file, or say --json"))
	}
	t, err := dump.Take(address, to, opt)
	b.clear()
	switch {
	case place == nil:
	case err != nil:
		place.Abort()
	default:
		if err = place.Commit(); err != nil {
			err = fmt.Errorf("dump: %w", err)
		}
	}
	if err != nil {
		return exitWith(exitUnable, err)
	}
	if _, err := fmt.Fprintf(tell, "%d items of %s, %s\n%s\n", t.Items, address, megabytes(t.Bytes), t.String()); err != nil {
		return exitWith(exitUnable, fmt.Errorf("dump: %w", err))
	}
	return nil
}

func megabytes(n int64) string { return fmt.Sprintf("%.1f MB", float64(n)/1e6) }

// restore puts the items of a file into the first of the nodes; the second one is its peer.
func (p *program) restore(file string, addresses []string, opt dump.Options) error {
	from, size := p.stdin, int64(0)
	if file != "-" {
		f, err := os.Open(file)
		if err != nil {
			return exitWith(exitUnable, fmt.Errorf("restore: %w", err))
		}
		defer f.Close()
		if info, err := f.Stat(); err == nil && info.Mode().IsRegular() {
			size = info.Size()
		}
		from = f
	}
	b := newBar(p.stderr)
	opt.Progress = func(g dump.Progress) {
		b.draw("restore", g.Part, func() string {
			text := fmt.Sprintf("%d items, %s read", g.Done, megabytes(g.Bytes))
			if g.Part >= 0 {
				text = fmt.Sprintf("%.0f%%, %s", 100*g.Part, text)
			}
			return text
		})
	}
	r, err := dump.Restore(from, size, addresses[0], strings.Join(addresses[1:], ""), opt)
	b.clear()
	if r.Note != "" {
		fmt.Fprintln(p.stderr, "note:", r.Note)
	}
	if err == nil || r.Items > 0 {
		if told := tellRestored(p.stdout, addresses[0], &r); err == nil && told != nil {
			err = fmt.Errorf("restore: %w", told)
		}
	}
	switch {
	case err != nil:
		return exitWith(exitUnable, err)
	case !r.Whole():
		return exitWith(exitFailed, fmt.Errorf("restore: %d items are not on the node", r.TooLarge+r.Failed))
	}
	return nil
}

// tellRestored prints the counts, and why items are not on the node; last the line for programs.
func tellRestored(to io.Writer, address string, r *dump.Restored) error {
	var b strings.Builder
	fmt.Fprintf(&b, "%d items restored to %s; %d were there in the same or a newer version, %d have expired, %d are outdated\n",
		r.Restored, address, r.Kept, r.Expired, r.Outdated)
	if r.TooLarge > 0 {
		fmt.Fprintf(&b, "%d items are too large for the node: start it with a larger -I\n", r.TooLarge)
	}
	if r.Failed > 0 {
		fmt.Fprintf(&b, "%d items failed, the first of them: %s\n", r.Failed, r.Why)
	}
	b.WriteString(r.String() + "\n")
	_, err := io.WriteString(to, b.String())
	return err
}
