package web

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"
)

// unknown stands where there is no number.
const unknown = "–"

// maxText is how much of a text is shown that comes from the peer or from an error.
const maxText = 400

// number is n with commas between thousands.
func number[T int | int64 | uint64](n T) string {
	s := fmt.Sprint(n)
	head := ""
	if strings.HasPrefix(s, "-") {
		head, s = "-", s[1:]
	}
	for i := len(s) - 3; i > 0; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return head + s
}

// short is v for an axis or a legend: three digits, and k, M or G behind them.
func short(v float64) string {
	if math.IsNaN(v) || math.IsInf(v, 0) {
		return unknown
	}
	for _, u := range []struct {
		from float64
		name string
	}{{1e9, "G"}, {1e6, "M"}, {1e4, "k"}} {
		if math.Abs(v) >= u.from {
			div := u.from
			if u.name == "k" {
				div = 1e3
			}
			return digits(v/div) + " " + u.name
		}
	}
	return digits(v)
}

// digits is v with a decimal where it is small.
func digits(v float64) string {
	if a := math.Abs(v); a != math.Trunc(a) && a < 10 {
		return strconv.FormatFloat(v, 'f', 1, 64)
	}
	return number(int64(math.Round(v)))
}

// perSecond is a rate.
func perSecond(v float32) string { return digits(float64(v)) + "/s" }

// byteCount is n in the largest unit that leaves a number above 1.
func byteCount(n float64) string {
	for _, u := range []struct {
		from float64
		name string
	}{{1 << 40, "TiB"}, {1 << 30, "GiB"}, {1 << 20, "MiB"}, {1 << 10, "KiB"}} {
		if n >= u.from {
			return digits(n/u.from) + " " + u.name
		}
	}
	return digits(n) + " B"
}

// percent is part of whole.
func percent(part, whole float64) string {
	if whole <= 0 {
		return unknown
	}
	p := 100 * part / whole
	if p < 100 && p > 99.9 { // what is not all is not said to be
		p = 99.9
	}
	return strconv.FormatFloat(p, 'f', 1, 64) + " %"
}

// span is how long something takes or took, in two units at most.
func span(ms int64) string {
	if ms < 1000 {
		return fmt.Sprintf("%d ms", ms)
	}
	s := ms / 1000
	for _, u := range []struct {
		seconds, next int64
		name, below   string
	}{{86_400, 3600, "d", "h"}, {3600, 60, "h", "min"}, {60, 1, "min", "s"}} {
		if s >= u.seconds {
			if rest := s % u.seconds / u.next; rest > 0 {
				return fmt.Sprintf("%d %s %d %s", s/u.seconds, u.name, rest, u.below)
			}
			return fmt.Sprintf("%d %s", s/u.seconds, u.name)
		}
	}
	return fmt.Sprintf("%d s", s)
}

// signed is a clock's offset.
func signed(ms int64) string {
	switch {
	case ms > 0:
		return span(ms) + " ahead"
	case ms < 0:
		return span(-ms) + " behind"
	}
	return "in step"
}

// clockTime is a moment by the clock on the wall, in UTC as in the log.
func clockTime(ms int64) string { return time.UnixMilli(ms).UTC().Format("15:04:05") }

// moment is the same for programs.
func moment(ms int64) string { return time.UnixMilli(ms).UTC().Format(time.RFC3339) }

// cut is s, if it is not too long to show.
func cut(s string) string {
	if len(s) <= maxText {
		return s
	}
	end := maxText
	for end > 0 && !utf8.RuneStart(s[end]) {
		end--
	}
	return s[:end] + "…"
}
