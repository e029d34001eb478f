package node

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"twincached/internal/testkit"
)

func secretFile(t *testing.T, contents string, mode os.FileMode) string {
	t.Helper()
	name := filepath.Join(t.TempDir(), "secret")
	if err := os.WriteFile(name, []byte(contents), mode); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(name, mode); err != nil { // whatever the umask is
		t.Fatal(err)
	}
	return name
}

// A short one counts, and the log says what it is worth.
func TestStart_ShortSecretIsWarnedOf(t *testing.T) {
	for secret, warned := range map[string]bool{"": false, "s3cret": true, strings.Repeat("x", 15): true, strings.Repeat("x", 16): false} {
		var log testkit.Log
		cfg, _ := pairConfigs(t)
		cfg.Log, cfg.Secret = testConfig(&log).Log, secret
		start(t, cfg)
		if s := log.String(); strings.Contains(s, "the secret is short") != warned || secret != "" && strings.Contains(s, secret) {
			t.Errorf("a secret of %d bytes: %s", len(secret), s)
		}
	}
}

func TestReadSecret_TrimsWhatAnEditorAdds(t *testing.T) {
	got, err := readSecret(secretFile(t, " s3cret word\r\n\n", 0o400))
	if err != nil || string(got) != "s3cret word" {
		t.Fatalf("got %q, %v", got, err)
	}
}

func TestReadSecret_RefusesWhatIsNoSecret(t *testing.T) {
	for name, c := range map[string]struct{ file, want string }{
		"missing":        {filepath.Join(t.TempDir(), "none"), "no such file"},
		"group readable": {secretFile(t, "s", 0o640), "is open to others (mode 0640): chmod 600"},
		"world readable": {secretFile(t, "s", 0o604), "is open to others (mode 0604): chmod 600"},
		"empty":          {secretFile(t, "", 0o600), "is empty"},
		"blank":          {secretFile(t, " \n\t\n", 0o600), "is empty"},
		"a directory":    {t.TempDir(), "is not a file"},
		"huge":           {secretFile(t, strings.Repeat("x", maxSecretBytes+1), 0o600), "longer than 4096 bytes"},
	} {
		got, err := readSecret(c.file)
		if err == nil || got != nil || !strings.Contains(err.Error(), c.want) || !strings.HasPrefix(err.Error(), "node: --secret-file") {
			t.Errorf("%s: got %q, %v; want %q", name, got, err, c.want)
		}
	}
}
