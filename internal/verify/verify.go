package verify

import (
	"crypto/x509"
	"fmt"
	"net"
	"slices"
	"time"

	"twincached/internal/glob"
	"twincached/internal/inspect"
)

// Options is how to compare. The zero value compares without a login and settles at
// the second look.
type Options struct {
	// Settle is for how long a difference has to stand still before it counts: longer
	// than a write takes from one node to the other.
	Settle time.Duration
	// Name and Password log in where a node asks for it (-Y). "": they are not given.
	Name, Password string
	// Roots are the authorities that may have signed a node's certificate; nil takes
	// any certificate, but then no password is sent over TLS.
	Roots *x509.CertPool
	// Found gets each difference once it counts; Progress, how far it has come, many
	// times a second. Both run on the caller's goroutine; nil: nobody asks.
	Found    func(Difference)
	Progress func(Progress)

	dial func(network, address string) (net.Conn, error) // nil: over the network
	hold int                                             // suspects to hold; 0: maxSuspects
}

// Progress is how far a comparison has come.
type Progress struct {
	Done, Total int64 // keys looked at, and about how many there are, of both nodes
	Suspects    int   // keys that will be looked at again
	Result      Result
}

// Result is what a comparison counted. Compared is the sum of Equal, Differ, OnlyA,
// OnlyB and InFlight; a key that is gone by the time it is looked at counts nowhere.
type Result struct {
	Compared int64
	Equal    int64
	Differ   int64 // on both nodes, and not the same
	OnlyA    int64 // not on B
	OnlyB    int64 // not on A
	Local    int64 // on A or B, which keep such keys to themselves: not compared
	InFlight int64 // written again whenever they were looked at
	Again    int64 // keys that were looked at more than once
	Seconds  float64

	// ExcusedA and ExcusedB say that this node has evicted items, or refused some that
	// are too large for it: what only the other one has may be missing by right.
	ExcusedA, ExcusedB bool
	Notes              []string // what the reader of the result should know of the nodes
}

// Agree tells whether the nodes hold the same. A key that one of them lacks breaks
// that, unless the node that lacks it is excused; strict takes no excuse.
func (r *Result) Agree(strict bool) bool {
	return r.Differ == 0 &&
		(r.OnlyA == 0 || r.ExcusedB && !strict) &&
		(r.OnlyB == 0 || r.ExcusedA && !strict)
}

// String is the line that programs read.
func (r *Result) String() string {
	return fmt.Sprintf("verify: compared=%d equal=%d differ=%d only_a=%d only_b=%d local=%d in_flight=%d seconds=%.1f",
		r.Compared, r.Equal, r.Differ, r.OnlyA, r.OnlyB, r.Local, r.InFlight, r.Seconds)
}

// run is one comparison.
type run struct {
	opt      Options
	a, b     *inspect.Node
	reach    inspect.Options
	local    glob.List // patterns of keys that are not compared
	suspects []suspect
	progress Progress
	r        *Result // is progress.Result
	reqs     []byte
}

// Run compares the nodes at two addresses: HOST:PORT, or with a slash in it a unix
// socket. An error means that they could not be compared; it says of which node, and
// what to do. The result is then of the part that was done.
func Run(addressA, addressB string, opt Options) (Result, error) {
	began := time.Now()
	x := &run{opt: opt}
	if x.opt.hold == 0 {
		x.opt.hold = maxSuspects
	}
	x.r = &x.progress.Result
	x.reach = inspect.Options{Name: opt.Name, Password: opt.Password, Roots: opt.Roots, Dial: opt.dial}
	x.a, x.b = inspect.NewNode("verify", "node A, ", addressA, &x.reach), inspect.NewNode("verify", "node B, ", addressB, &x.reach)
	defer x.a.Close()
	defer x.b.Close()
	err := x.compare()
	x.r.Seconds = time.Since(began).Seconds()
	return *x.r, err
}

// compare looks at what A holds, on both nodes; then for what only B holds; then at
// the state of the nodes, which says what may be missing.
func (x *run) compare() error {
	if err := x.meet(); err != nil {
		return err
	}
	if err := x.each(x.a, x.both); err != nil {
		return err
	}
	if err := x.each(x.b, x.missing); err != nil {
		return err
	}
	if err := x.settle(); err != nil {
		return err
	}
	var err error
	if x.r.ExcusedA, err = excused(x.a); err != nil {
		return err
	}
	x.r.ExcusedB, err = excused(x.b)
	return err
}

// meet opens both nodes and learns what it needs of them.
func (x *run) meet() error {
	var ids [2]string
	for i, n := range []*inspect.Node{x.a, x.b} {
		if err := n.Open(); err != nil {
			return err
		}
		about, err := learn(n)
		if err != nil {
			return err
		}
		ids[i] = about.id
		x.progress.Total += about.items
		for _, p := range about.local {
			if !slices.ContainsFunc(x.local, func(q glob.Glob) bool { return q.String() == p.String() }) {
				x.local = append(x.local, p)
			}
		}
		if about.link != "stream" {
			x.note("node %c has no link to its peer now (repl_link is %s): its last writes may be on it alone", 'A'+i, about.link)
		}
	}
	if ids[0] == ids[1] {
		return fmt.Errorf("verify: node A, %s, has the id %s, and node B, %s, has the id %s: they are one and the same node, "+
			"and verify needs the addresses of both nodes of the pair; or one was started with a copy of the other's --state-dir: "+
			"then stop it, remove the file node-id there, and start it again", x.a.Address(), ids[0], x.b.Address(), ids[1])
	}
	return nil
}

func (x *run) note(format string, args ...any) {
	x.r.Notes = append(x.r.Notes, fmt.Sprintf(format, args...))
}

// each calls look for the keys of n, some at a time, without those that are local.
func (x *run) each(n *inspect.Node, look func(keys []inspect.Key) error) error {
	list, err := n.List()
	if err != nil {
		return err
	}
	defer list.Close()
	for {
		keys, err := list.Next()
		if err != nil {
			return err
		}
		if len(keys) == 0 {
			return nil
		}
		x.progress.Done += int64(len(keys))
		all := len(keys)
		keys = slices.DeleteFunc(keys, x.isLocal)
		x.r.Local += int64(all - len(keys))
		if err := look(keys); err != nil {
			return err
		}
		if len(x.suspects) >= x.opt.hold {
			if err := x.settle(); err != nil {
				return err
			}
		}
		x.tell()
	}
}

func (x *run) tell() {
	if x.opt.Progress != nil {
		x.progress.Suspects = len(x.suspects)
		x.opt.Progress(x.progress)
	}
}

// isLocal tells whether a key stays on its node by design.
func (x *run) isLocal(k inspect.Key) bool { return x.local.Match([]byte(k.Raw())) }

// both compares keys that A has.
func (x *run) both(keys []inspect.Key) error {
	now := time.Now()
	return x.look(keys, func(l *pairLook) {
		switch {
		case l.same():
			x.r.Compared++
			x.r.Equal++
		case l.a.Present || l.b.Present:
			x.suspects = append(x.suspects, suspect{key: l.key, a: l.a, b: l.b, since: now})
		}
	})
}

// missing looks for the keys that B has and A does not.
func (x *run) missing(keys []inspect.Key) error {
	now := time.Now()
	there, err := x.a.Looks(keys, nil)
	if err != nil {
		return err
	}
	for i, k := range keys {
		if !there[i].Present {
			x.suspects = append(x.suspects, suspect{key: k, since: now, fresh: true})
		}
	}
	return nil
}
