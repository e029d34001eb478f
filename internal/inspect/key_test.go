package inspect

import (
	"strings"
	"testing"
)

func TestKeyOf_IsWhatMgdumpPrints(t *testing.T) {
	for raw, want := range map[string]Key{
		"user:1": "user:1", "größe": "größe", "a b": "YSBi b", "\x00": "AA== b", "\x7f": "fw== b", "a\r\nb": "YQ0KYg== b",
		strings.Repeat("k", 250): Key(strings.Repeat("k", 250)),
	} {
		k := KeyOf([]byte(raw))
		if k != want || k.Raw() != raw {
			t.Errorf("%q: %q, and back %q", raw, k, k.Raw())
		}
		parsed, err := parseKey("mg " + string(k))
		if err != nil || parsed != k {
			t.Errorf("%q: %q, %v", raw, parsed, err)
		}
	}
}

func TestParseKey_BadLinesAreRefused(t *testing.T) {
	for _, line := range []string{"", "mg ", "mg", "mg  b", "mg a c", "mg a b c", "mg ! b", "key=a"} {
		if k, err := parseKey(line); err == nil {
			t.Errorf("%q is %q", line, k)
		}
	}
}
