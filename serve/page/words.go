package page

import (
	"html/template"
	"math"
	"strconv"
	"strings"
	"time"
)

// percent is a share as people read it; what is nearly certain is not rounded
// to certainty.
func percent(v float64) string {
	switch {
	case math.IsNaN(v):
		return "–"
	case v > 0 && v < 0.001:
		return "< 0.1\u00a0%"
	case v < 1 && v > 0.999:
		return "> 99.9\u00a0%"
	}
	return strconv.FormatFloat(100*v, 'f', 1, 64) + "\u00a0%"
}

// number groups a whole number's digits.
func number(n int) string {
	s := strconv.Itoa(n)
	from := 0
	if n < 0 {
		from = 1
	}
	var b strings.Builder
	for i, r := range s {
		if i > from && (len(s)-i)%3 == 0 {
			b.WriteByte(',')
		}
		b.WriteRune(r)
	}
	return b.String()
}

// signed is a contribution, with its sign.
func signed(v float64) string {
	s := strconv.FormatFloat(math.Abs(v), 'f', 2, 64)
	switch {
	case s == "0.00":
		return "0.00"
	case v < 0:
		return "−" + s
	}
	return "+" + s
}

func day(t time.Time) string { return t.UTC().Format("2 January 2006") }

func instant(t time.Time) string { return t.UTC().Format("2 Jan 2006 15:04") + " UTC" }

// age is a time span in its largest unit.
func age(d time.Duration) string {
	unit := func(n int, name string) string {
		if n == 1 {
			return "1 " + name
		}
		return number(n) + " " + name + "s"
	}
	switch {
	case d < time.Minute:
		return "less than a minute"
	case d < 2*time.Hour:
		return unit(int(d.Minutes()), "minute")
	case d < 48*time.Hour:
		return unit(int(d.Hours()), "hour")
	}
	return unit(int(d.Hours()/24), "day")
}

// tone is the style of a verdict.
func tone(v Verdict) string {
	switch v {
	case Abusive:
		return "bad"
	case NotAbusive:
		return "good"
	}
	return "note"
}

// broken is text with names of columns in it that a narrow window may break
// after an underscore, rather than anywhere.
func broken(text string) template.HTML {
	return template.HTML(strings.ReplaceAll(template.HTMLEscapeString(text), "_", "_<wbr>"))
}
