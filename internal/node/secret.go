package node

import (
	"bytes"
	"fmt"
	"io"
	"os"
)

const maxSecretBytes = 4 << 10 // a key of 32 bytes in any notation fits many times

// readSecret returns the trimmed contents of a secret file that nobody but its
// owner can read.
func readSecret(name string) ([]byte, error) {
	f, err := os.Open(name)
	if err != nil {
		return nil, fmt.Errorf("node: --secret-file: %w", err)
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return nil, fmt.Errorf("node: --secret-file: %w", err)
	}
	if !info.Mode().IsRegular() {
		return nil, fmt.Errorf("node: --secret-file %s is not a file", name)
	}
	if perm := info.Mode().Perm(); perm&0o077 != 0 {
		return nil, fmt.Errorf("node: --secret-file %s is open to others (mode %04o): chmod 600 %s", name, perm, name)
	}
	b, err := io.ReadAll(io.LimitReader(f, maxSecretBytes+1))
	if err != nil {
		return nil, fmt.Errorf("node: --secret-file: %w", err)
	}
	if len(b) > maxSecretBytes {
		return nil, fmt.Errorf("node: --secret-file %s is longer than %d bytes", name, maxSecretBytes)
	}
	b = bytes.TrimSpace(b)
	if len(b) == 0 {
		return nil, fmt.Errorf("node: --secret-file %s is empty", name)
	}
	return b, nil
}
