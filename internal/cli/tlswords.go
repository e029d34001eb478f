package cli

import (
	"fmt"
	"strings"

	"twincached/internal/node"
)

// setTLSWord takes one of memcached's words about TLS. known is false for those
// that tune OpenSSL and mean nothing here.
func setTLSWord(t *node.TLS, name, value string) (known bool, err error) {
	switch name {
	case "ssl_session_cache":
		t.SessionCache = true
		return true, nil
	case "ssl_wbuf_size":
		if err := number(&t.WriteBufKiB).read(value); err != nil {
			return true, fmt.Errorf("%s: %w", name, err)
		}
		return false, nil
	case "ssl_ciphers", "ssl_keyformat", "ssl_kernel_tls":
		return false, nil
	}
	if value == "" {
		return true, fmt.Errorf("%s needs a value", name)
	}
	switch name {
	case "ssl_chain_cert":
		t.ChainCert = value
	case "ssl_key":
		t.Key = value
	case "ssl_ca_cert":
		t.CACert = value
	case "ssl_verify_mode":
		err = number(&t.VerifyMode).read(value)
	case "ssl_min_version":
		for i, version := range []string{"tlsv1.0", "tlsv1.1", "tlsv1.2", "tlsv1.3"} {
			if strings.EqualFold(value, version) {
				t.MinVersion = i
				return true, nil
			}
		}
		err = number(&t.MinVersion).read(value)
	default:
		return true, fmt.Errorf("%q is no word of -o", name)
	}
	if err != nil {
		err = fmt.Errorf("%s: %w", name, err)
	}
	return true, err
}
