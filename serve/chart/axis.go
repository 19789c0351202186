package chart

import (
	"math"
	"strconv"
	"strings"
)

// Axis is one axis of a line chart or histogram.
type Axis struct {
	Label    string
	Min, Max float64 // both 0: from the data
	Log      bool    // logarithmic, base 10; values <= 0 are left out
	Percent  bool    // ticks as per cent
	// Names label the whole numbers from 1 on, instead of round values: months,
	// bins. Of more names than have room every second, third … is written.
	Names []string
}

// scale maps values to pixels.
type scale struct {
	axis   Axis
	lo, hi float64
	a, b   float64 // pixels of lo and hi
}

func newScale(ax Axis, lo, hi, a, b float64) scale {
	if ax.Min != 0 || ax.Max != 0 {
		lo, hi = ax.Min, ax.Max
	}
	if ax.Log {
		if !(lo > 0) {
			lo = 1
		}
		hi = max(hi, lo)
		lo, hi = math.Floor(math.Log10(lo)), math.Ceil(math.Log10(hi))
	}
	if !finite(lo, hi, hi-lo) {
		lo, hi = 0, 1
	}
	if hi <= lo {
		hi = lo + max(1, math.Abs(lo)/8)
	}
	return scale{ax, lo, hi, a, b}
}

// px is the pixel of v; ok is false for what has no place.
func (s scale) px(v float64) (float64, bool) {
	if s.axis.Log {
		if !(v > 0) {
			return 0, false
		}
		v = math.Log10(v)
	}
	if !finite(v) {
		return 0, false
	}
	t := min(max((v-s.lo)/(s.hi-s.lo), 0), 1)
	return s.a + t*(s.b-s.a), true
}

type tick struct {
	px   float64
	text string
}

// ticks are at most about n round values.
func (s scale) ticks(n int) []tick {
	var out []tick
	if k := len(s.axis.Names); k > 0 {
		for i := 0; i < k; i += max(1, (k+n-1)/n) {
			px, _ := s.px(float64(i + 1))
			out = append(out, tick{px, cut(s.axis.Names[i], 12)})
		}
		return out
	}
	if s.axis.Log {
		every := max(1, int(math.Ceil((s.hi-s.lo)/float64(n))))
		for e := int(s.lo); e <= int(s.hi); e += every {
			px, _ := s.px(math.Pow(10, float64(e)))
			out = append(out, tick{px, Short(math.Pow(10, float64(e)))})
		}
		return out
	}
	step := niceStep((s.hi - s.lo) / float64(n))
	first := math.Ceil(s.lo/step - 1e-9)
	// Counted, as far from 0 a step can be lost in rounding.
	for i := range n + 2 {
		v := (first + float64(i)) * step
		if !(v <= s.hi+step*1e-9) {
			break
		}
		px, _ := s.px(v)
		t := Short(v)
		if s.axis.Percent {
			t = trim(v*100, 1) + " %"
		}
		out = append(out, tick{px, t})
	}
	return out
}

// niceStep is the least 1, 2 or 5 times a power of ten that is >= x.
func niceStep(x float64) float64 {
	if !(x > 0) || math.IsInf(x, 0) {
		return 1
	}
	p := math.Pow(10, math.Floor(math.Log10(x)))
	for _, m := range []float64{1, 2, 5} {
		if m*p >= x*(1-1e-9) {
			return m * p
		}
	}
	return 10 * p
}

func trim(v float64, decimals int) string {
	s := strconv.FormatFloat(v, 'f', decimals, 64)
	if strings.Contains(s, ".") {
		s = strings.TrimRight(strings.TrimRight(s, "0"), ".")
	}
	if s == "-0" {
		return "0"
	}
	return s
}

// Short is a number for a tick: "0.25", "1,200", "35K", "1.2M".
func Short(v float64) string {
	a := math.Abs(v)
	switch {
	case !finite(v):
		return ""
	case a >= 1e15:
		return strconv.FormatFloat(v, 'e', 1, 64)
	case a >= 1e12:
		return trim(v/1e12, 1) + "T"
	case a >= 1e9:
		return trim(v/1e9, 1) + "G"
	case a >= 1e6:
		return trim(v/1e6, 1) + "M"
	case a >= 1e4:
		return trim(v/1e3, 1) + "K"
	case a >= 1e3:
		s := trim(a, 0)
		s = s[:len(s)-3] + "," + s[len(s)-3:]
		if v < 0 {
			s = "-" + s
		}
		return s
	case a >= 10 || a == 0:
		return trim(v, 1)
	case a >= 0.01:
		return trim(v, 3)
	}
	return strconv.FormatFloat(v, 'g', 2, 64)
}
