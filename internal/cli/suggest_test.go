package cli

import "testing"

func TestSuggest_FindsWhatWasMeantOrNothing(t *testing.T) {
	for word, want := range map[string]string{
		"prot": "port", "por": "port", "pear": "peer", "peeer": "peer", "memory": "memory-limit", "mem": "memory-limit",
		"max_item_size": "max-item-size", "Port": "port", "repl-prot": "repl-port", "thread": "threads", "treads": "threads",
		"host": "listen", "bind": "listen", "slave": "peer", "tls": "enable-ssl", "secret": "secret-file", "statedir": "state-dir",
		"wait": "peer-wait", "drain": "drain-timeout", "boot-mode": "", "foo": "", "x": "", "": "", "colour": "", "zzzzzzzz": "",
	} {
		if got := suggest(word, flagNames(newNodeOptions().flags())); got != want {
			t.Errorf("%q: %q, want %q", word, got, want)
		}
	}
}
