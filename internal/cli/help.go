package cli

import (
	"fmt"
	"strings"

	"twincached/internal/node"
)

// versionText begins as memcached's does: scripts look for that line.
func versionText() string {
	return fmt.Sprintf("memcached %s\ntwincached %s\n", node.MemcachedVersion, node.Version)
}

// helpText is the answer to -h, made from the tables of flags.
func helpText() string {
	var b strings.Builder
	b.WriteString(versionText())
	b.WriteString(`
Two nodes, one data set, no master: a memcached that keeps a full copy of
itself on a second machine.

  twincached [flags]                  run one node
  twincached pair [flags]             run two nodes on this machine, to try it
  twincached config [flags]           print each setting and where it came from
  twincached cert NAME...             make certificates for TLS on the link
  twincached healthcheck [HOST:PORT]  exit 0 when that node, or the one here, serves
  twincached verify A B               compare two nodes while they serve
  twincached help COMMAND             more about one of these; twincached version
`)
	for _, group := range []string{groupClients, groupProcess, groupPeer} {
		fmt.Fprintf(&b, "\n%s:\n", group)
		for i := range options {
			if options[i].group == group {
				helpLine(&b, &options[i])
			}
		}
	}
	b.WriteString("\nAccepted and ignored, so that command lines move over unchanged:\n  ")
	for i, o := range ignored {
		switch {
		case i == 0:
		case i%5 == 0:
			b.WriteString(",\n  ")
		default:
			b.WriteString(", ")
		}
		if o.letter != "" {
			b.WriteString("-" + o.letter + " ")
		}
		b.WriteString("--" + o.long)
	}
	b.WriteString(`

Each flag has an environment variable: --max-item-size is
TWINCACHED_MAX_ITEM_SIZE. The command line wins over the environment, and that
over the file of --config. TWINCACHED_SECRET has the secret itself, in place of
--secret-file; no flag does, as anybody can list the flags of a process.
`)
	b.WriteString(exitHelp())
	return b.String()
}

// helpLine prints one flag, its text at a fixed column or below.
func helpLine(b *strings.Builder, o *option) {
	const column = 34
	left := "      --" + o.long
	if o.letter != "" {
		left = "  -" + o.letter + ", --" + o.long
	}
	if o.value != "" {
		left += "=" + o.value
	}
	if len(left) >= column {
		left += "\n" + strings.Repeat(" ", column)
	}
	usage := o.usage
	if o.deflt != "" {
		usage += " (default: " + o.deflt + ")"
	}
	fmt.Fprintf(b, "%-*s%s\n", column, left, usage)
}
