package node

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
)

const (
	maxSecretBytes   = 4 << 10  // a key of 32 bytes in any notation fits many times
	shortSecretBytes = 16       // what is shorter can be found by trying, even where every byte is random enough
	maxKeyBytes      = 64 << 10 // a private key in PEM takes 3 KiB at most

	// SecretVariable has the secret itself, where there is no file for it.
	SecretVariable = "TWINCACHED_SECRET"
)

// secret is what both nodes share, from wherever it was given; empty: none.
func (c *Config) secret() ([]byte, error) {
	if c.SecretFile == "" {
		return []byte(c.Secret), nil
	}
	return readSecret(c.SecretFile)
}

// hasSecret says whether a secret was given.
func (c *Config) hasSecret() bool { return c.SecretFile != "" || c.Secret != "" }

// CheckSecret looks at a secret as it stands in SecretVariable and returns it as it
// counts: without blanks around it, as in a file. Its errors do not show it.
func CheckSecret(text string) (string, error) {
	text = strings.TrimSpace(text)
	switch {
	case text == "":
		return "", errors.New(SecretVariable + " is empty: give it the secret both nodes share, or unset it")
	case len(text) > maxSecretBytes:
		return "", fmt.Errorf("%s is longer than %d bytes", SecretVariable, maxSecretBytes)
	}
	return text, nil
}

// readSecret returns the trimmed contents of a secret file that nobody but its
// owner can read.
func readSecret(name string) ([]byte, error) {
	b, err := ReadPrivate("--secret-file", name, maxSecretBytes)
	if err != nil {
		return nil, fmt.Errorf("node: %w", err)
	}
	b = bytes.TrimSpace(b)
	if len(b) == 0 {
		return nil, fmt.Errorf("node: --secret-file %s is empty: give both nodes the same secret (head -c 32 /dev/urandom | base64 > %s)", name, name)
	}
	return b, nil
}

// ReadPrivate reads a file of at most limitBytes that nobody but its owner can
// read. Errors begin with who: the flag that named it.
func ReadPrivate(who, name string, limitBytes int) ([]byte, error) {
	f, err := os.Open(name)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", who, err)
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return nil, fmt.Errorf("%s: %w", who, err)
	}
	if !info.Mode().IsRegular() {
		return nil, fmt.Errorf("%s %s is not a file", who, name)
	}
	if perm := info.Mode().Perm(); perm&0o077 != 0 {
		return nil, fmt.Errorf("%s %s is open to others (mode %04o): chmod 600 %s", who, name, perm, name)
	}
	b, err := io.ReadAll(io.LimitReader(f, int64(limitBytes)+1))
	if err != nil {
		return nil, fmt.Errorf("%s: %w", who, err)
	}
	if len(b) > limitBytes {
		return nil, fmt.Errorf("%s %s is longer than %d bytes", who, name, limitBytes)
	}
	return b, nil
}
