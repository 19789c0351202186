package serverlogs

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"unicode/utf8"
)

const none = "–"

// count is a whole number with separators.
func count[N int | int64 | uint32 | float64](n N) string {
	s := strconv.FormatFloat(math.Abs(math.Round(float64(n))), 'f', 0, 64)
	for i := len(s) - 3; i > 0; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	if n < 0 {
		s = "−" + s
	}
	return s
}

// percent is a share with as many digits as tell something.
func percent(x float64) string {
	switch {
	case math.IsNaN(x) || math.IsInf(x, 0):
		return none
	case x > 0 && x < 0.001, x < 1 && x > 0.999:
		return strconv.FormatFloat(x*100, 'f', 2, 64) + " %"
	}
	return strconv.FormatFloat(x*100, 'f', 1, 64) + " %"
}

func ratio(a, b int64) float64 {
	if b == 0 {
		return 0
	}
	return float64(a) / float64(b)
}

// length is a number of minutes in words.
func length(minutes int64) string {
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

func plural(n int64, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return count(n) + " " + many
}

func seconds(x float64) string {
	switch {
	case math.IsNaN(x):
		return none
	case x >= 100:
		return count(x) + " s"
	case x >= 1:
		return strconv.FormatFloat(x, 'f', 2, 64) + " s"
	}
	return strconv.FormatFloat(x*1000, 'f', 0, 64) + " ms"
}

func bytesText(n int64) string {
	switch {
	case n < 0:
		return none
	case n >= 10<<30:
		return count(n>>30) + " GiB"
	case n >= 10<<20:
		return count(n>>20) + " MiB"
	case n >= 10<<10:
		return count(n>>10) + " KiB"
	}
	return count(n) + " B"
}

// clip shortens a text for showing and takes its control characters away.
func clip(s string, n int) string {
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

func orNone(s string) string {
	if s == "" {
		return "(none)"
	}
	return s
}

// statusMeaning explains what a status says of the request and the server.
var statusMeaning = map[int]string{
	0:   "no status: the connection ended before an answer",
	400: "malformed request",
	401: "no or wrong credentials",
	403: "refused",
	404: "nothing there",
	405: "the endpoint does not take this method",
	408: "the client was too slow",
	413: "the request is too large",
	422: "understood, but its content cannot be processed: malformed requests",
	429: "too many requests",
	499: "nginx: the client went away before the answer: timeouts, impatient clients and bots",
	500: "the application failed",
	502: "the proxy got no valid answer from the backend: it is down or restarting",
	503: "overloaded or in maintenance",
	504: "the backend did not answer in time",
}
