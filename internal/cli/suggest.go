package cli

import (
	"slices"
	"strings"

	"github.com/urfave/cli/v2"
)

// otherWords are what other programs call a flag.
var otherWords = map[string]string{
	"address": "listen", "addr": "listen", "bind": "listen", "host": "listen", "interface": "listen",
	"bind-address": "listen", "socket": "unix-socket", "unixsocket": "unix-socket",
	"memory": "memory-limit", "mem": "memory-limit", "maxmemory": "memory-limit", "max-memory": "memory-limit",
	"connections": "conn-limit", "max-connections": "conn-limit", "maxconns": "conn-limit", "maxclients": "conn-limit",
	"replica": "peer", "replicaof": "peer", "slave": "peer", "slaveof": "peer", "master": "peer", "repl-peer": "peer",
	"join": "peer", "password": "auth-file", "auth": "auth-file", "requirepass": "auth-file", "secret": "secret-file",
	"tls": "enable-ssl", "ssl": "enable-ssl", "background": "daemon", "daemonize": "daemon", "config-file": "config",
	"pid-file": "pidfile", "log-level": "verbose", "loglevel": "verbose", "backlog": "listen-backlog", "dir": "state-dir", "data-dir": "state-dir",
}

// flagNames are the long names of flags.
func flagNames(flags []cli.Flag) (names []string) {
	for _, f := range flags {
		names = append(names, f.Names()[0])
	}
	return names
}

// suggest finds what a word was most likely meant to be, "" if nothing is near (the
// library's own always names something: -f for foo, --cluster for colour): a
// word of another program, the beginning or a part of one of names, or one with a
// typing error.
func suggest(word string, names []string) string {
	word = strings.ToLower(strings.Trim(strings.ReplaceAll(word, "_", "-"), "-"))
	if len(word) < 2 {
		return ""
	}
	if slices.Contains(names, word) {
		return word
	}
	if other := otherWords[word]; other != "" && slices.Contains(names, other) {
		return other
	}
	best, least := "", max(1, len(word)/3)+1
	for _, name := range names {
		if d := typos(word, name); d < least {
			best, least = name, d
		}
	}
	if best != "" {
		return best
	}
	if len(word) < 3 {
		return ""
	}
	for _, name := range names {
		if strings.HasPrefix(name, word) || slices.Contains(strings.Split(name, "-"), word) {
			return name
		}
	}
	return ""
}

// typos counts the letters that are wrong, missing, too many, or swapped with the next.
func typos(a, b string) int {
	before, row := []int{}, make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := 1; i <= len(a); i++ {
		next := make([]int, len(b)+1)
		next[0] = i
		for j := 1; j <= len(b); j++ {
			cost := 1
			if a[i-1] == b[j-1] {
				cost = 0
			}
			next[j] = min(row[j]+1, next[j-1]+1, row[j-1]+cost)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				next[j] = min(next[j], before[j-2]+1)
			}
		}
		before, row = row, next
	}
	return row[len(b)]
}
