package verify

import (
	"encoding/base64"
	"fmt"
	"strings"
)

// key is a key as it stands in a request of the meta protocol: the key itself, or
// its base64 with " b" behind it.
type key string

// word is what a reply repeats.
func (k key) word() string {
	word, _, _ := strings.Cut(string(k), " ")
	return word
}

// raw is the key itself.
func (k key) raw() string {
	word, binary := strings.CutSuffix(string(k), " b")
	if !binary {
		return word
	}
	b, err := base64.StdEncoding.DecodeString(word)
	if err != nil {
		return word // as parseKey lets no such key through, it is not ours
	}
	return string(b)
}

// parseKey reads a line of mgdump, without its end.
func parseKey(line string) (key, error) {
	rest, ok := strings.CutPrefix(line, "mg ")
	word, flag, binary := strings.Cut(rest, " ")
	if !ok || word == "" || binary && flag != "b" {
		return "", fmt.Errorf("its list of keys has the line %.60q", line)
	}
	if binary {
		if _, err := base64.StdEncoding.DecodeString(word); err != nil {
			return "", fmt.Errorf("its list of keys has the line %.60q", line)
		}
	}
	return key(rest), nil
}

// isLocal tells whether a key stays on its node by design.
func (x *run) isLocal(k key) bool { return x.local.Match([]byte(k.raw())) }
