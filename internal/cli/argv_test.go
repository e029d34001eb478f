package cli

import (
	"slices"
	"strings"
	"testing"
)

func TestNormalise_ReadsWhatGetoptReads(t *testing.T) {
	for _, c := range []struct {
		in   string
		want string
		rest string
	}{
		{"-m64", "--memory-limit=64", ""},
		{"-m 64", "--memory-limit=64", ""},
		{"-p11211", "--port=11211", ""},
		{"-p -1", "--port=-1", ""},
		{"-p-1", "--port=-1", ""},
		{"-dm64 -u nobody", "--daemon=true --memory-limit=64 --user=nobody", ""},
		{"-vv", "--verbose=2", ""},
		{"-v -v --verbose", "--verbose=3", ""},
		{"-vdM", "--daemon=true --disable-evictions=true --verbose=1", ""},
		{"-Mvm64v", "--disable-evictions=true --memory-limit=64v --verbose=1", ""},
		{"-l 127.0.0.1 -xother:1", "--listen=127.0.0.1 --peer=other:1", ""},
		{"-o modern,hashpower=20 -f1.1", "--extended=modern,hashpower=20 --slab-growth-factor=1.1", ""},
		{"--port=1 --listen ::1", "--port=1 --listen=::1", ""},
		{"--port=", "--port=", ""},
		{"--daemon=false", "--daemon=false", ""},
		{"-q 8192 -X11212", "--queue-length=8192 --repl-port=11212", ""},
		{"pair -m1", "", "pair -m1"},
		{"-m1 pair -x", "--memory-limit=1", "pair -x"},
		{"-l 127.0.0.1 -m1 -l ::1", "--listen=127.0.0.1,::1 --memory-limit=1", ""},
		{"-o modern -o idle_timeout=3", "--extended=modern,idle_timeout=3", ""},
		{"-m1 -m2", "--memory-limit=1 --memory-limit=2", ""},
		{"-d -- -m", "--daemon=true", "-m"},
		{"-", "", "-"},
		{"", "", ""},
	} {
		got, rest, err := normalise(strings.Fields(c.in), newNodeOptions().flags())
		if err != nil {
			t.Errorf("%q: %v", c.in, err)
			continue
		}
		if !slices.Equal(got, strings.Fields(c.want)) || !slices.Equal(rest, strings.Fields(c.rest)) {
			t.Errorf("%q: got %q, rest %q; want %q, rest %q", c.in, got, rest, c.want, c.rest)
		}
	}
}

func TestNormalise_KeepsEmptyAndSpacedValues(t *testing.T) {
	got, _, err := normalise([]string{"--local-keys", "", "-l", "a, b"}, newNodeOptions().flags())
	if want := []string{"--local-keys=", "--listen=a, b"}; err != nil || !slices.Equal(got, want) {
		t.Fatalf("got %q, %v; want %q", got, err, want)
	}
}

// As charts and compose files have them.
func TestNormalise_TakesAFlagAndItsValueAsOneWord(t *testing.T) {
	for _, c := range []struct{ in, want []string }{
		{[]string{"-m 64"}, []string{"--memory-limit=64"}},
		{[]string{"-m 64", "-I 2m", "-v"}, []string{"--memory-limit=64", "--max-item-size=2m", "--verbose=1"}},
		{[]string{"-m  64 "}, []string{"--memory-limit=64"}},
		{[]string{"-vv -m 64 -c 10"}, []string{"--memory-limit=64", "--conn-limit=10", "--verbose=2"}},
		{[]string{"--memory-limit 64"}, []string{"--memory-limit=64"}},
		{[]string{"--memory-limit=64 "}, []string{"--memory-limit=64 "}},
		{[]string{"-p -1"}, []string{"--port=-1"}},
		{[]string{"-l 127.0.0.1, ::1"}, []string{"--listen=127.0.0.1, ::1"}},
		{[]string{"-l127.0.0.1, ::1"}, []string{"--listen=127.0.0.1, ::1"}},
		{[]string{"-P/a b", "-P", "/c -d"}, []string{"--pidfile=/a b", "--pidfile=/c -d"}},
		{[]string{"-D "}, []string{"--prefix-delimiter= "}},
		{[]string{"-m", " 64"}, []string{"--memory-limit= 64"}},
	} {
		got, rest, err := normalise(c.in, newNodeOptions().flags())
		if err != nil || len(rest) > 0 || !slices.Equal(got, c.want) {
			t.Errorf("%q: got %q, rest %q, %v; want %q", c.in, got, rest, err, c.want)
		}
	}
}

func TestNormalise_NamesWhatItDoesNotKnow(t *testing.T) {
	for in, want := range map[string]string{
		"-z":                 "unknown flag -z (-h lists them)",
		"-vz":                "unknown flag -z (-h lists them)",
		"--pear x":           "unknown flag --pear; did you mean --peer?",
		"--memory-limits=64": "unknown flag --memory-limits; did you mean --memory-limit?",
		"--secret-fiel":      "unknown flag --secret-fiel; did you mean --secret-file?",
		"-peer x":            "unknown flag -peer; did you mean --peer?",
		"--p 3":              "unknown flag --p (-h lists them)",
		"-m":                 "-m, --memory-limit needs a value",
		"--port":             "--port needs a value",
		"--verbose=x":        `-v, --verbose: "x" is not a whole number`,
	} {
		_, _, err := normalise(strings.Fields(in), newNodeOptions().flags())
		if err == nil || err.Error() != want {
			t.Errorf("%q: got %v, want %s", in, err, want)
		}
	}
}

// A letter or a name that stands for two flags would silently be the first.
func TestFlags_EachNameStandsForOne(t *testing.T) {
	seen := map[string]string{}
	for _, f := range (&program{}).app().Flags {
		for _, name := range f.Names() {
			if other, double := seen[name]; double {
				t.Errorf("%q is both --%s and --%s", name, other, f.Names()[0])
			}
			seen[name] = f.Names()[0]
		}
	}
}
