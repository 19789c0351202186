package chart

import "math"

// Bar is one bar of a Bars chart.
type Bar struct {
	Label     string
	Value     float64
	Low, High float64 // whisker; both NaN or equal: none
	Text      string  // beside the bar; "" for the value itself
	Colour    int     // 1 … 5; 0 muted
}

// Bars is a chart of horizontal bars from 0, one a row, in the given order.
type Bars struct {
	Head
	Label string // of the values
	Bars  []Bar
}

const barRow = 21

// SVG draws the chart; its height follows the number of bars.
func (b Bars) SVG() string {
	s := b.Size.or(400, 0)
	s.Height = 34 + barRow*len(b.Bars)
	c := open(b.Head, s)
	lo, hi := 0.0, 0.0
	letters := 0
	for _, v := range b.Bars {
		for _, x := range []float64{v.Value, v.Low, v.High} {
			if finite(x) {
				lo, hi = min(lo, x), max(hi, x)
			}
		}
		letters = max(letters, len([]rune(cut(v.Label, maxLabel))))
	}
	left := min(10+6.6*float64(letters), float64(s.Width)*0.56)
	right := float64(s.Width) - 58
	sc := newScale(Axis{}, lo, hi, left, right)
	zero, _ := sc.px(0)
	for i, v := range b.Bars {
		y := 6 + float64(i)*barRow
		c.text(left-6, y+14, end, "", cut(v.Label, maxLabel))
		px, ok := sc.px(v.Value)
		if !ok {
			c.text(zero+6, y+14, start, "muted", "no value")
			continue
		}
		c.rect(min(zero, px), y+3, math.Abs(px-zero), barRow-7, "f"+colour(v.Colour), "")
		at := max(px, zero)
		if finite(v.Low, v.High) && v.Low != v.High {
			a, _ := sc.px(v.Low)
			z, _ := sc.px(v.High)
			c.line(a, y+10, z, y+10, "whisker")
			c.line(a, y+6, a, y+14, "whisker")
			c.line(z, y+6, z, y+14, "whisker")
			at = max(at, z)
		}
		t := v.Text
		if t == "" {
			t = Short(v.Value)
		}
		c.text(at+5, y+14, start, "muted", cut(t, 10))
	}
	bottom := 8 + float64(len(b.Bars))*barRow
	c.line(zero, 4, zero, bottom, "axis")
	c.text((left+right)/2, bottom+18, middle, "", cut(b.Label, 56))
	return c.close()
}

// Histogram is counts in adjoining bins, one or two sets of them.
type Histogram struct {
	Head
	X, Y   Axis
	Edges  []float64 // ascending; one more than counts
	Sets   []HistogramSet
	MarkAt float64 // a vertical line; NaN or outside: none
	Mark   string
}

// HistogramSet is the counts of one set.
type HistogramSet struct {
	Name   string
	Colour int
	Counts []float64
}

// SVG draws the chart. Sets lie over each other, half transparent.
func (h Histogram) SVG() string {
	s := h.Size.or(400, 280)
	c := open(h.Head, s)
	var top float64
	for _, set := range h.Sets {
		for _, n := range set.Counts {
			if finite(n) {
				top = max(top, n)
			}
		}
	}
	var lo, hi float64
	if n := len(h.Edges); n > 0 {
		lo, hi = h.Edges[0], h.Edges[n-1]
	}
	h.Y.Min, h.Y.Max = 0, 0
	f := c.frame(s, h.X, h.Y, lo, hi, 0, max(top, 1e-9), len(h.Sets))
	for k, set := range h.Sets {
		y := 12 + 15*float64(k)
		c.rect(f.left, y-9, 14, 10, "soft f"+colour(set.Colour), "")
		c.text(f.left+20, y, start, "", cut(set.Name, 52))
		for i, n := range set.Counts {
			if i+1 >= len(h.Edges) {
				break
			}
			a, oka := f.x.px(h.Edges[i])
			z, okz := f.x.px(h.Edges[i+1])
			t, okt := f.y.px(n)
			if !oka || !okz || !okt {
				continue
			}
			c.rect(a+.5, t, z-a-1, f.bottom-t, "soft f"+colour(set.Colour), "")
		}
	}
	if x, ok := f.x.px(h.MarkAt); ok && h.MarkAt >= lo && h.MarkAt <= hi {
		c.line(x, f.top, x, f.bottom, "line dash s0")
		if x > (f.left+f.right)/2 {
			c.text(x-5, f.top+11, end, "", cut(h.Mark, maxLabel))
		} else {
			c.text(x+5, f.top+11, start, "", cut(h.Mark, maxLabel))
		}
	}
	return c.close()
}
