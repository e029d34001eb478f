package cli

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"
)

// reader reads a text into a place. deflt is what the place holds before, in the
// words that people read and, but where instead has changed them, read takes too.
type reader struct {
	read  func(text string) error
	deflt string
	empty bool // "" means something
}

// instead shows other words for the default: where it stands for something else.
func (r reader) instead(words string) reader {
	r.deflt = words
	return r
}

// text takes the text as it is.
func text(to *string) reader {
	return reader{deflt: *to, read: func(v string) error { *to = v; return nil }}
}

// protection is the name of a file that keeps strangers out: it may not be empty.
func protection(to *string) reader {
	return reader{deflt: *to, empty: true, read: func(v string) error {
		if v == "" {
			return errNoFile
		}
		*to = v
		return nil
	}}
}

// number reads a whole decimal number, as memcached does: 010 is ten.
func number(to *int) reader {
	return reader{deflt: strconv.Itoa(*to), read: func(v string) error {
		n, err := strconv.Atoi(v)
		if err != nil {
			return fmt.Errorf("%q is not a whole number", v)
		}
		*to = n
		return nil
	}}
}

// numberFrom reads a number from low to high; what is what messages call it.
func numberFrom(low, high int, what string, to *int) reader {
	r := number(to)
	r.read = func(v string) error {
		n, err := strconv.Atoi(v)
		if err != nil || n < low || n > high {
			return fmt.Errorf("%q is not %s", v, what)
		}
		*to = n
		return nil
	}
	return r
}

// octal reads permissions.
func octal(to *int) reader {
	return reader{deflt: strconv.FormatInt(int64(*to), 8), read: func(v string) error {
		n, err := strconv.ParseUint(v, 8, 16)
		if err != nil {
			return fmt.Errorf("%q is not an octal number such as 700", v)
		}
		*to = int(n)
		return nil
	}}
}

// onOff reads true or false.
func onOff(to *bool) reader {
	return reader{deflt: strconv.FormatBool(*to), read: func(v string) error {
		b, err := strconv.ParseBool(v)
		if err != nil {
			return fmt.Errorf("%q is neither true nor false", v)
		}
		*to = b
		return nil
	}}
}

// duration reads a time; a number without a unit is seconds.
func duration(to *time.Duration) reader {
	return reader{deflt: shortTime(*to), read: func(v string) error {
		d, err := parseDuration(v)
		if err != nil {
			return fmt.Errorf("%q is not a time such as 10s or 500ms", v)
		}
		*to = d
		return nil
	}}
}

// durationUpTo reads a time from 0 to most.
func durationUpTo(most time.Duration, to *time.Duration) reader {
	return reader{deflt: shortTime(*to), read: func(v string) error {
		d, err := parseDuration(v)
		if err != nil || d < 0 || d > most {
			return fmt.Errorf("%q is not a time such as 2s, %v at most", v, most)
		}
		*to = d
		return nil
	}}
}

func parseDuration(v string) (time.Duration, error) {
	if strings.Trim(v, "+-.0123456789") == "" {
		v += "s"
	}
	return time.ParseDuration(v)
}

// shortTime is a time without units that say zero: 10m, not 10m0s.
func shortTime(d time.Duration) string {
	s := d.String()
	for _, zero := range []string{"m0s", "h0m"} {
		if strings.HasSuffix(s, zero) {
			s = s[:len(s)-2]
		}
	}
	return s
}

// list reads words with commas between them; an empty text is an empty list.
func list(to *[]string) reader {
	return reader{deflt: strings.Join(*to, ","), empty: true, read: func(v string) error {
		*to = nil
		if v == "" {
			return nil
		}
		for part := range strings.SplitSeq(v, ",") {
			*to = append(*to, strings.TrimSpace(part))
		}
		return nil
	}}
}

// units are the suffixes of sizes, the largest first.
var units = []struct {
	suffix string
	bytes  int
}{{"g", 1 << 30}, {"m", 1 << 20}, {"k", 1 << 10}, {"", 1}}

// size reads bytes with an optional suffix k, m or g.
func size(to *int) reader {
	return reader{deflt: showSize(*to), read: func(v string) error {
		for _, u := range units {
			digits, has := strings.CutSuffix(strings.ToLower(v), u.suffix)
			if !has {
				continue
			}
			n, err := strconv.Atoi(digits)
			if err != nil || n > math.MaxInt/u.bytes || n < math.MinInt/u.bytes {
				break
			}
			*to = n * u.bytes
			return nil
		}
		return fmt.Errorf("%q is not a size such as 512k or 2m", v)
	}}
}

func showSize(n int) string {
	for _, u := range units {
		if n%u.bytes == 0 {
			return strconv.Itoa(n/u.bytes) + u.suffix
		}
	}
	return ""
}
