package view

import (
	"fmt"
	"math"
	"strconv"
	"time"
)

// count is a number with commas, or in millions where it is long.
func count(n uint64) string {
	switch {
	case n >= 10_000_000_000_000:
		return fmt.Sprintf("%.3g", float64(n))
	case n >= 10_000_000_000:
		return commas(n/1_000_000_000) + " G"
	case n >= 10_000_000:
		return commas(n/1_000_000) + " M"
	}
	return commas(n)
}

func commas(n uint64) string {
	s := strconv.FormatUint(n, 10)
	for i := len(s) - 3; i > 0; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return s
}

// rate is a number a second.
func rate(perSecond float64) string {
	switch {
	case !(perSecond > 0): // not a number counts as none
		return "0"
	case perSecond < 9.95:
		return strconv.FormatFloat(perSecond, 'f', 1, 64)
	}
	return count(uint64(math.Round(min(perSecond, 1e18))))
}

// bytes is a size.
func bytes(n float64) string {
	for _, unit := range []string{"B", "KiB", "MiB", "GiB"} {
		switch {
		case n < 1000 && (unit == "B" || n >= 10):
			return fmt.Sprintf("%.0f %s", n, unit)
		case n < 10:
			return fmt.Sprintf("%.1f %s", n, unit)
		}
		n /= 1024
	}
	return fmt.Sprintf("%.1f TiB", n)
}

// percent is a part of a whole.
func percent(part, whole uint64) string {
	if whole == 0 {
		return "0%"
	}
	return fmt.Sprintf("%.1f%%", 100*float64(part)/float64(whole))
}

// millis is a short time.
func millis(n int64) string {
	switch {
	case n < 1000:
		return fmt.Sprintf("%d ms", n)
	case n < 10_000:
		return fmt.Sprintf("%.1f s", float64(n)/1000)
	}
	return seconds(n / 1000)
}

// seconds is a time in its two largest units.
func seconds(n int64) string {
	switch {
	case n < 60:
		return fmt.Sprintf("%d s", n)
	case n < 3600:
		return fmt.Sprintf("%d min %d s", n/60, n%60)
	case n < 86_400:
		return fmt.Sprintf("%d h %d min", n/3600, n%3600/60)
	}
	return fmt.Sprintf("%d d %d h", n/86_400, n%86_400/3600)
}

// clock is a moment of today or of another day.
func clock(atMillis int64, now time.Time) string {
	at := time.UnixMilli(atMillis).In(now.Location())
	if at.YearDay() == now.YearDay() && at.Year() == now.Year() {
		return at.Format("15:04:05")
	}
	return at.Format("Jan _2 15:04")
}
