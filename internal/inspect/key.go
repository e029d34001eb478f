package inspect

import (
	"encoding/base64"
	"fmt"
	"slices"
	"strings"
)

// Key is a key as it stands in a request of the meta protocol: the key itself, or
// its base64 with " b" behind it.
type Key string

// KeyOf is how a key of any bytes stands in a request.
func KeyOf(raw []byte) Key {
	if len(raw) == 0 || slices.ContainsFunc(raw, func(b byte) bool { return b <= ' ' || b == 0x7f }) {
		return Key(base64.StdEncoding.EncodeToString(raw) + " b")
	}
	return Key(raw)
}

// Word is what a reply repeats.
func (k Key) Word() string {
	word, _, _ := strings.Cut(string(k), " ")
	return word
}

// Raw is the key itself.
func (k Key) Raw() string {
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
func parseKey(line string) (Key, error) {
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
	return Key(rest), nil
}
