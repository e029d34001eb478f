package glob

import (
	"path"
	"strings"
	"testing"
)

func TestMatch_IsWhatThePatternSays(t *testing.T) {
	for pattern, keys := range map[string]struct{ yes, no string }{
		"*.lock":     {".lock a.lock a/b.lock x.lock.lock", "lock a.lock1 a.Lock"},
		"sess[0-9]*": {"sess0 sess9x sess12", "sess sessx sess[0-9]* Sess1"},
		"*\xffx":     {"\x01\xffx", "\xfex"},
		"tmp:?:*":    {"tmp:1: tmp:1:x tmp:::", "tmp:: tmp:12:x"},
		"a":          {"a", "b aa"},
		"*":          {"a abc é", ""},
		"**a**":      {"a xax", "b"},
		"a*b*c":      {"abc aXbXc abcbc ab/c", "ab ac abcd"},
		"[^a-c]x":    {"dx /x -x", "ax cx x ddx"},
		`[\]\-\\^]`:  {`] - \ ^`, "a"},
		"[ax-z0]":    {"a x y z 0", "b w 1 -"},
		`\*\[a\]`:    {"*[a]", "x[a] a *a"},
		"é?":         {"éa", "é éab"},
		"*?":         {"a ab", ""},
		"?*":         {"a ab", ""},
		"tmp:*":      {"tmp:", "tmp"},
		"*a*b*":      {"xxaxxbxx ab", "xxbxxaxx"},
		"*.lock*":    {"x.lock.y .lock", "x.loc"},
		"a**":        {"a ab", "b"},
		"literal":    {"literal", "literally"},
		"*aab":       {"aab aaab aaaab", "aaba"},
	} {
		g, err := Parse(pattern)
		if err != nil {
			t.Errorf("%q: %v", pattern, err)
			continue
		}
		if g.String() != pattern {
			t.Errorf("%q is called %q", pattern, g.String())
		}
		for _, k := range strings.Fields(keys.yes) {
			if !g.Match([]byte(k)) {
				t.Errorf("%q does not match %q", pattern, k)
			}
		}
		for _, k := range append(strings.Fields(keys.no), "") {
			if g.Match([]byte(k)) && (k != "" || strings.Trim(pattern, "*") != "") {
				t.Errorf("%q matches %q", pattern, k)
			}
		}
	}
}

func TestParse_SaysWhatIsWrong(t *testing.T) {
	for pattern, want := range map[string]string{
		"[":      `a [ has no ]`,
		"[a":     `a [ has no ]`,
		"[a-":    `a [ has no ]`,
		"[^":     `a [ has no ]`,
		"[]":     `[] has nothing in it`,
		"[^]":    `[] has nothing in it`,
		"[]a]":   `[] has nothing in it`,
		"[!a]":   `[! is not clear`,
		"[-a]":   `in brackets, - as the start or the end of a range is \-`,
		"[a-]":   `in brackets, ] as the start or the end of a range is \]`,
		"[z-a]":  `the range z-a has nothing in it`,
		`a\`:     `it ends with \, which takes`,
		`[a\`:    `it ends with \ in brackets`,
		"[aé]":   `brackets hold ASCII only`,
		"[a-é]":  `brackets hold ASCII only`,
		`*[\é]*`: `brackets hold ASCII only`,
	} {
		if _, err := Parse(pattern); err == nil || !strings.HasPrefix(err.Error(), want) {
			t.Errorf("%q: %v; want %s", pattern, err, want)
		}
	}
	if _, err := ParseList([]string{"*.lock", "[a"}); err == nil || !strings.HasPrefix(err.Error(), `"[a" is not a pattern: a [ has`) {
		t.Errorf("%v", err)
	}
}

func TestMatch_AllocatesNothing(t *testing.T) {
	l, err := ParseList([]string{"*.lock", "sess[0-9]*x", "tmp:?:*", `\a[^b]*c*d`})
	if err != nil {
		t.Fatal(err)
	}
	key := []byte("session:" + strings.Repeat("c", 200) + "d")
	if n := testing.AllocsPerRun(100, func() { l.Match(key) }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

// FuzzMatch compares with path.Match, whose slash is made a byte like any other.
func FuzzMatch(f *testing.F) {
	for _, s := range [][2]string{
		{"*.lock", "a.lock"}, {"sess[0-9]*", "sess1"}, {"[^a-c]*x?", "dxxx"}, {`\*[\]]`, "*]"}, {"a*b*c", "abbc"}, {"[", "["}, {"[z-a]", "z"}, {"a/*", "a/b/c"},
	} {
		f.Add(s[0], []byte(s[1]))
	}
	f.Fuzz(func(t *testing.T, pattern string, key []byte) {
		if len(pattern) > 100 || len(key) > 100 {
			t.Skip("path.Match takes for ever")
		}
		g, err := Parse(pattern)
		if err == nil && g.suffix != nil {
			slow := g
			slow.suffix = nil
			if g.Match(key) != slow.Match(key) {
				t.Fatalf("%q, %q: the suffix says %v", pattern, key, g.Match(key))
			}
		}
		if !ascii([]byte(pattern)) || !ascii(key) || strings.Contains(pattern, "[!") || strings.ContainsAny(pattern+string(key), "\x00") {
			return // other meanings, on purpose
		}
		if strings.ContainsAny(pattern, "[") && strings.Contains(pattern+string(key), "/") {
			return // it may be in a range, where it cannot stand for another byte
		}
		noSlash := strings.NewReplacer("/", "\x00")
		want, bad := path.Match(noSlash.Replace(pattern), noSlash.Replace(string(key)))
		if err != nil && strings.HasPrefix(err.Error(), "the range") {
			return // path.Match takes an empty range, which can never be meant
		}
		if (err == nil) != (bad == nil) {
			t.Fatalf("%q: %v, path.Match says %v", pattern, err, bad)
		}
		if got := err == nil && g.Match(key); got != want {
			t.Fatalf("%q, %q: %v, path.Match says %v", pattern, key, got, want)
		}
	})
}

func ascii(b []byte) bool {
	for _, c := range b {
		if c >= 0x80 {
			return false
		}
	}
	return true
}
