// Package house holds the rules of the house that a compiler does not: who may
// import whom, and that what is exported is explained. It has tests only.
package house

// module is this module's name in import paths.
const module = "twincached"

// Modules outside that the program uses. Each has few users, so that it can be
// replaced by reading few files.
const (
	msgpack    = "github.com/vmihailenco/msgpack/v5"
	xxhash     = "github.com/cespare/xxhash/v2"
	cli        = "github.com/urfave/cli/v2"
	gomemcache = "github.com/bradfitz/gomemcache"
	xsys       = "golang.org/x/sys"
	xterm      = "golang.org/x/term"
	porcupine  = "github.com/anishathalye/porcupine"
)

// row is what the non-test files of one package may import besides the standard
// library: packages of this module, and modules outside.
type row struct {
	inside  []string
	outside []string
}

// table is who may import whom. Imports point down: what is above in a data flow
// knows what is below, never the other way round. A package that is not here may
// not exist.
var table = map[string]row{
	"internal/rule":    {},
	"internal/steady":  {inside: []string{"internal/rule"}, outside: []string{xsys}},
	"internal/strikes": {},
	"internal/cgroup":  {},
	"internal/glob":    {},
	"internal/nodelog": {},
	"store":            {inside: []string{"internal/glob", "internal/rule"}, outside: []string{xxhash, xsys}},
	"internal/wire":    {inside: []string{"store"}, outside: []string{msgpack}},
	"memproto":         {inside: []string{"internal/strikes", "store"}}, // does not know that a peer exists
	"snapshot":         {inside: []string{"store", "internal/wire"}},
	"internal/session": {inside: []string{"internal/rule", "store", "internal/wire", "snapshot"}},
	"replicator":       {inside: []string{"internal/nodelog", "internal/session", "internal/strikes", "store", "internal/wire", "snapshot"}, outside: []string{xsys}},
	"internal/serve":   {inside: []string{"memproto"}, outside: []string{xsys}},
	"internal/ca":      {},
	"internal/status":  {inside: []string{"store", "memproto", "snapshot", "replicator", "internal/serve"}}, // their stats types
	"internal/sim":     {inside: []string{"internal/rule", "internal/session", "internal/steady", "store", "internal/wire"}},
	"internal/node": {
		inside:  []string{"internal/cgroup", "internal/glob", "internal/nodelog", "store", "internal/wire", "memproto", "snapshot", "replicator", "internal/serve", "internal/session", "internal/status", "internal/steady"},
		outside: []string{xsys},
	},
	"internal/testkit/rig": {inside: []string{"internal/testkit"}, outside: []string{gomemcache}}, // of tests only
	"internal/testkit":     {},                                                                    // of tests only
	"internal/health":      {outside: []string{xsys}},                                             // sees what a node tells it
	"internal/verify":      {inside: []string{"internal/glob"}},                                   // a client of two nodes: it sees what any client sees
	"internal/cli":         {inside: []string{"internal/ca", "internal/health", "internal/node", "internal/nodelog", "internal/verify"}, outside: []string{cli, gomemcache, xsys, xterm}},
	".":                    {inside: []string{"internal/cli"}},
}

// onlyIn names the packages whose files, tests too, may import a module at all.
// gomemcache is a client: tests of any package and the client-side subcommands
// of the program use it, and the table keeps it out of every other package.
var onlyIn = map[string][]string{
	msgpack:   {"internal/wire"},
	cli:       {"internal/cli"},
	porcupine: {"internal/linear"}, // has tests only
}
