package words

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"unicode/utf8"
)

// None stands for a figure that there is none of.
const None = "–"

// Count is a whole number with separators.
func Count[N int | int32 | int64 | uint32 | float64](n N) string {
	s := strconv.FormatFloat(math.Abs(math.Round(float64(n))), 'f', 0, 64)
	for i := len(s) - 3; i > 0; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	if n < 0 {
		s = "−" + s
	}
	return s
}

// Percent is a share with as many digits as tell something.
func Percent(x float64) string {
	switch {
	case math.IsNaN(x) || math.IsInf(x, 0):
		return None
	case x > 0 && x < 0.001, x < 1 && x > 0.999:
		return strconv.FormatFloat(x*100, 'f', 2, 64) + " %"
	}
	return strconv.FormatFloat(x*100, 'f', 1, 64) + " %"
}

// Decimal is a number with so many places; None where it is not finite.
func Decimal(x float64, places int) string {
	if math.IsNaN(x) || math.IsInf(x, 0) {
		return None
	}
	return strconv.FormatFloat(x, 'f', places, 64)
}

// Rounded is a number of any size with about three significant digits.
func Rounded(x float64) string {
	switch a := math.Abs(x); {
	case math.IsNaN(x) || math.IsInf(x, 0):
		return None
	case a >= 100 || a == math.Trunc(a):
		return Count(x)
	case a >= 10:
		return strconv.FormatFloat(x, 'f', 1, 64)
	case a >= 1:
		return strconv.FormatFloat(x, 'f', 2, 64)
	}
	return strconv.FormatFloat(x, 'g', 3, 64)
}

// Ratio is a of b; 0 of nothing.
func Ratio(a, b int64) float64 {
	if b == 0 {
		return 0
	}
	return float64(a) / float64(b)
}

// Share is "a of b (share)".
func Share(a, b int64) string {
	if b == 0 {
		return None
	}
	return fmt.Sprintf("%s of %s (%s)", Count(a), Count(b), Percent(Ratio(a, b)))
}

// Minutes is a number of minutes in words.
func Minutes(minutes int64) string {
	switch {
	case minutes == 1:
		return "1 minute"
	case minutes < 120:
		return fmt.Sprintf("%d minutes", minutes)
	case minutes < 48*60:
		if minutes%60 == 0 {
			return fmt.Sprintf("%d hours", minutes/60)
		}
		return fmt.Sprintf("%d h %d min", minutes/60, minutes%60)
	}
	return fmt.Sprintf("%.1f days", float64(minutes)/1440)
}

// Plural is a count with its noun.
func Plural(n int64, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return Count(n) + " " + many
}

// Seconds is a time in seconds.
func Seconds(x float64) string {
	switch {
	case math.IsNaN(x):
		return None
	case x >= 100:
		return Count(x) + " s"
	case x >= 1:
		return strconv.FormatFloat(x, 'f', 2, 64) + " s"
	}
	return strconv.FormatFloat(x*1000, 'f', 0, 64) + " ms"
}

// Bytes is a size.
func Bytes(n int64) string {
	switch {
	case n < 0:
		return None
	case n >= 10<<30:
		return Count(n>>30) + " GiB"
	case n >= 10<<20:
		return Count(n>>20) + " MiB"
	case n >= 10<<10:
		return Count(n>>10) + " KiB"
	}
	return Count(n) + " B"
}

// Clip shortens a text for showing and takes its control characters away.
func Clip(s string, n int) string {
	s = strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7F || r == utf8.RuneError {
			return '·'
		}
		return r
	}, s)
	if utf8.RuneCountInString(s) <= n {
		return s
	}
	r := []rune(s)
	return string(r[:n-1]) + "…"
}

// OrNone is s, or a word for its absence.
func OrNone(s string) string {
	if s == "" {
		return "(none)"
	}
	return s
}
