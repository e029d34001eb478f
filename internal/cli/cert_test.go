package cli

import (
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"
)

func makeCerts(t *testing.T, dir string, words ...string) string {
	t.Helper()
	_, code, out, stderr := parse(append([]string{"cert", "--dir", dir}, words...)...)
	if code != exitOK || stderr != "" {
		t.Fatalf("exit %d: %s", code, stderr)
	}
	return out
}

func dirNames(t *testing.T, dir string) (names []string) {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		names = append(names, e.Name())
	}
	return names
}

func readCert(t *testing.T, dir, name string) *x509.Certificate {
	t.Helper()
	block, _ := pem.Decode([]byte(readFile(t, filepath.Join(dir, name))))
	cert, err := x509.ParseCertificate(block.Bytes)
	if err != nil {
		t.Fatal(err)
	}
	return cert
}

func TestCert_MakesAPairsFiles(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "new")
	out := makeCerts(t, dir, "n1", "10.0.0.2")
	if got, want := dirNames(t, dir), []string{"10.0.0.2.crt", "10.0.0.2.key", "ca.crt", "ca.key", "n1.crt", "n1.key"}; !slices.Equal(got, want) {
		t.Fatalf("%q", got)
	}
	for _, name := range dirNames(t, dir) {
		info, err := os.Stat(filepath.Join(dir, name))
		if err != nil {
			t.Fatal(err)
		}
		if strings.HasSuffix(name, ".key") && info.Mode().Perm() != 0o600 {
			t.Errorf("%s has mode %v", name, info.Mode())
		}
	}
	authority, named, numbered := readCert(t, dir, "ca.crt"), readCert(t, dir, "n1.crt"), readCert(t, dir, "10.0.0.2.crt")
	roots := x509.NewCertPool()
	roots.AddCert(authority)
	for _, c := range []*x509.Certificate{named, numbered} {
		for _, usage := range []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth} {
			if _, err := c.Verify(x509.VerifyOptions{Roots: roots, KeyUsages: []x509.ExtKeyUsage{usage}}); err != nil {
				t.Error(err)
			}
		}
	}
	if err := named.VerifyHostname("n1"); err != nil {
		t.Error(err)
	}
	if err := numbered.VerifyHostname("10.0.0.2"); err != nil {
		t.Error(err)
	}
	if years := time.Until(authority.NotAfter).Hours() / 24 / 365; years < 9.9 || time.Until(named.NotAfter) < 4*365*24*time.Hour || named.NotAfter.After(authority.NotAfter) {
		t.Errorf("they count until %v and %v", authority.NotAfter, named.NotAfter)
	}
	// What it says to type is right as it stands.
	lines := regexp.MustCompile(`(?m)^  twincached (.*)$`).FindAllStringSubmatch(out, -1)
	if len(lines) != 2 || !strings.Contains(lines[0][1], "-x 10.0.0.2 --repl-tls-cert n1.crt --repl-tls-key n1.key --repl-tls-ca ca.crt") || !strings.Contains(lines[1][1], "-x n1 ") {
		t.Fatalf("it says\n%s", out)
	}
	for _, line := range lines {
		shown(t, "cert", strings.Fields(line[1]))
	}
}

func TestCert_AddsToAnAuthorityThatIsThere(t *testing.T) {
	dir := t.TempDir()
	makeCerts(t, dir, "n1", "n2")
	before := map[string]string{}
	for _, name := range dirNames(t, dir) {
		before[name] = readFile(t, filepath.Join(dir, name))
	}
	out := makeCerts(t, dir, "--days", "9999", "n3", "::1")
	for name, text := range before {
		if readFile(t, filepath.Join(dir, name)) != text {
			t.Errorf("%s has changed", name)
		}
	}
	added := readCert(t, dir, "n3.crt")
	if err := added.CheckSignatureFrom(readCert(t, dir, "ca.crt")); err != nil {
		t.Error(err)
	}
	if !added.NotAfter.Equal(readCert(t, dir, "ca.crt").NotAfter) { // and not in 27 years
		t.Errorf("it outlives its authority: %v", added.NotAfter)
	}
	if !strings.Contains(out, "wrote __1.crt __1.key n3.crt n3.key\n") {
		t.Errorf("it says\n%s", out)
	}
}

// Whatever is in the way is named, and nothing has been written or changed.
func TestCert_BadInputIsAnsweredClearly(t *testing.T) {
	made := t.TempDir()
	makeCerts(t, made, "n1")
	copyOf := func(t *testing.T) string {
		dir := t.TempDir()
		if err := os.CopyFS(dir, os.DirFS(made)); err != nil {
			t.Fatal(err)
		}
		if err := os.Chmod(filepath.Join(dir, "ca.key"), 0o600); err != nil {
			t.Fatal(err)
		}
		return dir
	}
	file := func(dir, name string) string { return filepath.Join(dir, name) }
	for _, c := range []struct {
		name, line, want string
		spoil            func(dir string)
		code             int
	}{
		{"no name", "", "the names of the nodes are missing", nil, exitUsage},
		{"a flag behind", "n2 --days 3", "flags go before the names: --days", nil, exitUsage},
		{"a flag as a name", "-- --days", "flags go before the names: --days", nil, exitUsage},
		{"no directory", "--dir /dev/null/certs n2", "mkdir /dev/null: not a directory", nil, exitOSError},
		{"no host", "a/b", `"a/b" is neither a host name nor an IP address`, nil, exitUsage},
		{"a hidden file", ".n2", `".n2" is neither`, nil, exitUsage},
		{"too long", strings.Repeat("x", 254), "a name has 1 to 253", nil, exitUsage},
		{"ca", "CA", "no node can be called ca", nil, exitUsage},
		{"twice", "n2 N2", "the name N2 stands there twice", nil, exitUsage},
		{"days", "--days 0 n2", `--days "0" is not a number of days from 1 to 36500`, nil, exitUsage},
		{"unknown flag", "--years 3 n2", "cert: unknown flag --years", nil, exitUsage},
		{"there already", "n2 n1", "n1.crt is there already and is not overwritten", nil, exitOSError},
		{"only its key is there", "n2", "n2.key is there already", func(dir string) { os.WriteFile(file(dir, "n2.key"), nil, 0o600) }, exitOSError},
		{"no authority's key", "n2", "ca.crt is there and ca.key is not", func(dir string) { os.Remove(file(dir, "ca.key")) }, exitOSError},
		{"no authority", "n2", "ca.key is there and ca.crt is not", func(dir string) { os.Remove(file(dir, "ca.crt")) }, exitOSError},
		{"open key", "n2", "is open to others (mode 0644)", func(dir string) { os.Chmod(file(dir, "ca.key"), 0o644) }, exitOSError},
		{"another key", "n2", "ca.crt and ca.key cannot sign", func(dir string) { os.WriteFile(file(dir, "ca.key"), []byte(readFile(t, file(made, "n1.key"))), 0o600) }, exitOSError},
		{"no CA", "n2", "is not a CA's", func(dir string) {
			for _, ending := range []string{".key", ".crt"} {
				os.WriteFile(file(dir, "ca"+ending), []byte(readFile(t, file(made, "n1"+ending))), 0o600)
			}
		}, exitOSError},
	} {
		t.Run(c.name, func(t *testing.T) {
			dir := copyOf(t)
			if c.spoil != nil {
				c.spoil(dir)
			}
			before := dirNames(t, dir)
			words := append([]string{"cert", "--dir", dir}, strings.Fields(c.line)...)
			_, code, out, stderr := parse(words...)
			if code != c.code || !strings.Contains(stderr, c.want) || out != "" {
				t.Errorf("exit %d, %q, %s; want %q", code, out, stderr, c.want)
			}
			if !slices.Equal(dirNames(t, dir), before) {
				t.Errorf("left behind: %q", dirNames(t, dir))
			}
		})
	}
}

func TestHelp_OfCert(t *testing.T) {
	if _, code, out, _ := parse("cert", "-h"); code != exitOK || !strings.Contains(out, "--days=N") || !strings.Contains(out, fmt.Sprintf("(default: %d)", certDays)) {
		t.Errorf("exit %d, %s", code, out)
	}
}
