package report

import (
	"fmt"
	"math"
	"strconv"

	"sluice/train/evaluation"
)

// dash stands for a figure without a value.
const dash = "–"

func fixed(x float64, decimals int) string {
	if math.IsNaN(x) || math.IsInf(x, 0) {
		return dash
	}
	s := strconv.FormatFloat(x, 'f', decimals, 64)
	if zero, _ := strconv.ParseFloat(s, 64); zero == 0 && s[0] == '-' {
		s = s[1:]
	}
	if s[0] == '-' {
		s = "−" + s[1:]
	}
	return s
}

// share is a figure in [0, 1] with three decimals.
func share(x evaluation.Float) string { return fixed(float64(x), 3) }

// pct is a share as "92.4 %".
func pct(x float64) string {
	if math.IsNaN(x) || math.IsInf(x, 0) {
		return dash
	}
	return fixed(x*100, 1) + " %"
}

// count is a whole number with separators: "12,345".
func count[N int | int64 | float64](n N) string {
	s := strconv.FormatFloat(math.Abs(float64(n)), 'f', 0, 64)
	for i := len(s) - 3; i > 0; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	if n < 0 {
		s = "−" + s
	}
	return s
}

func signed(x float64, decimals int) string {
	s := fixed(x, decimals)
	if x > 0 && s != dash {
		return "+" + s
	}
	return s
}

// within is "0.915–0.933".
func within(low, high evaluation.Float) string {
	if !low.Defined() || !high.Defined() {
		return dash
	}
	return share(low) + "–" + share(high)
}

// value is a feature's value: whole numbers whole, others with three digits.
func value(x float64) string {
	switch {
	case math.IsNaN(x):
		return "missing"
	case x == math.Trunc(x) && math.Abs(x) < 1e15:
		return count(x)
	case math.Abs(x) >= 1000:
		return count(x)
	}
	return fixed(x, 3)
}

func plural(n int, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return count(n) + " " + many
}

func threshold(p evaluation.Point) string {
	if p.Abstains {
		return "abstains"
	}
	return share(p.Threshold)
}

func joined(months []string) string {
	switch len(months) {
	case 0:
		return "no month"
	case 1:
		return months[0]
	}
	out := months[0]
	for i, m := range months[1:] {
		if i == len(months)-2 {
			out += " and " + m
		} else {
			out += ", " + m
		}
	}
	return out
}

func bytesText(n int64) string {
	switch {
	case n >= 1<<20:
		return fmt.Sprintf("%.1f MB", float64(n)/(1<<20))
	case n >= 1<<10:
		return fmt.Sprintf("%.1f kB", float64(n)/(1<<10))
	}
	return fmt.Sprintf("%d bytes", n)
}
