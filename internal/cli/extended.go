package cli

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"twincached/internal/node"
)

// setExtended takes memcached's words with commas. What tunes its own machinery
// is named in the log, and does nothing.
func (s *settings) setExtended(v string) error {
	var other []string
	for word := range strings.SplitSeq(v, ",") {
		known, err := s.setWord(strings.TrimSpace(word))
		if err != nil {
			return err
		}
		if !known {
			name, _, _ := strings.Cut(strings.TrimSpace(word), "=")
			other = append(other, name)
		}
	}
	if len(other) > 0 {
		s.Ignored = append(s.Ignored, "--extended="+strings.Join(other, ","))
	}
	return nil
}

// setWord takes one of them; known is false for one that means nothing here.
func (s *settings) setWord(word string) (known bool, err error) {
	name, value, given := strings.Cut(word, "=")
	switch {
	case name == "":
	case strings.HasPrefix(name, "ssl_"):
		return setTLSWord(&s.Node.TLS, name, value)
	case name == "maxconns_fast", name == "no_maxconns_fast":
		s.Node.WaitAtLimit = name == "no_maxconns_fast"
	case name == "track_sizes":
		s.Node.TrackSizes = true
	case name == "lru_crawler", name == "no_lru_crawler":
		s.Node.NoCrawler = name == "no_lru_crawler"
	case name == "modern", name == "no_modern":
		s.Node.NoCrawler = name == "no_modern"
		return false, nil
	case name == "watcher_logbuf_size":
		if err := number(&s.Node.WatcherKiB).read(value); err != nil {
			return true, fmt.Errorf("watcher_logbuf_size: %w", err)
		}
	case name == "idle_timeout":
		return true, s.setIdleTimeout(value, given)
	case tuningWords[name] || strings.HasPrefix(name, "ext_"):
		return false, nil
	default:
		return true, fmt.Errorf("illegal suboption %q: memcached has no such word either", word)
	}
	return true, nil
}

func (s *settings) setIdleTimeout(value string, given bool) error {
	if !given {
		return errors.New("idle_timeout needs a number of seconds: idle_timeout=SECONDS")
	}
	n, err := strconv.ParseInt(value, 10, 32)
	if err != nil {
		return fmt.Errorf("idle_timeout=%s is not a number of seconds", value)
	}
	s.Node.IdleTimeout = time.Duration(n) * time.Second
	return nil
}

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

// tuningWords are the words of memcached's -o that tune its own machinery. Those
// for its storage on disk begin with ext_.
var tuningWords = map[string]bool{
	"drop_privileges":         true,
	"hash_algorithm":          true,
	"hashpower":               true,
	"hot_lru_pct":             true,
	"hot_max_factor":          true,
	"inline_ascii_resp":       true,
	"lru_crawler_sleep":       true,
	"lru_crawler_tocrawl":     true,
	"lru_maintainer":          true,
	"no_chunked_items":        true,
	"no_drop_privileges":      true,
	"no_hashexpand":           true,
	"no_inline_ascii_resp":    true,
	"no_lru_maintainer":       true,
	"no_slab_automove":        true,
	"no_slab_reassign":        true,
	"proxy_arg":               true,
	"proxy_memprofile":        true,
	"proxy_uring":             true,
	"read_buf_mem_limit":      true,
	"relaxed_privileges":      true,
	"resp_obj_mem_limit":      true,
	"slab_automove":           true,
	"slab_automove_freeratio": true,
	"slab_automove_ratio":     true,
	"slab_automove_window":    true,
	"slab_chunk_max":          true,
	"slab_reassign":           true,
	"slab_sizes":              true,
	"sock_cookie_id":          true,
	"tail_repair_time":        true,
	"temporary_ttl":           true,
	"warm_lru_pct":            true,
	"warm_max_factor":         true,
	"worker_logbuf_size":      true,
}
