package chart

import (
	"math"
	"strconv"
	"strings"
)

// Point is one point of a series.
type Point struct{ X, Y float64 }

// Series is one line.
type Series struct {
	Name   string
	Colour int // 1 … 5; 0 muted
	Dashed bool
	Step   bool // a staircase: each Y holds up to the next X
	Dots   bool // a dot at each point
	Points []Point
	// Low and High, where not nil, draw a band or, with Dots, whiskers; one
	// value a point.
	Low, High []float64
}

// Mark is a labelled point.
type Mark struct {
	X, Y   float64
	Label  string
	Colour int
}

// Line is a chart of lines.
type Line struct {
	Head
	X, Y   Axis
	Series []Series
	Marks  []Mark
}

func colour(k int) string {
	if k < 0 || k > 5 {
		k = 0
	}
	return strconv.Itoa(k)
}

func thin(n int) []int {
	if n <= MaxPoints {
		out := make([]int, n)
		for i := range out {
			out[i] = i
		}
		return out
	}
	out := make([]int, MaxPoints)
	for i := range out {
		out[i] = i * (n - 1) / (MaxPoints - 1)
	}
	return out
}

// frame is the plot area with its axes drawn.
type frame struct {
	x, y                     scale
	left, right, top, bottom float64
}

func (c *canvas) frame(s Size, x, y Axis, xlo, xhi, ylo, yhi float64, legend int) frame {
	f := frame{left: 56, right: float64(s.Width) - 12, top: 10 + 15*float64(legend), bottom: float64(s.Height) - 42}
	f.x = newScale(x, xlo, xhi, f.left, f.right)
	f.y = newScale(y, ylo, yhi, f.bottom, f.top)
	for _, t := range f.y.ticks(5) {
		c.line(f.left, t.px, f.right, t.px, "grid")
		c.text(f.left-5, t.px+4, end, "muted", t.text)
	}
	for _, t := range f.x.ticks(max(2, int(f.right-f.left)/70)) {
		c.line(t.px, f.bottom, t.px, f.bottom+4, "axis")
		c.text(t.px, f.bottom+16, middle, "muted", t.text)
	}
	c.line(f.left, f.bottom, f.right, f.bottom, "axis")
	c.text((f.left+f.right)/2, float64(s.Height)-6, middle, "", cut(x.Label, 56))
	mid := (f.top + f.bottom) / 2
	c.raw(`<text transform="translate(12 ` + num(mid) + `) rotate(-90)" text-anchor="middle">` + Escape(cut(y.Label, 44)) + `</text>`)
	return f
}

// SVG draws the chart.
func (l Line) SVG() string {
	s := l.Size.or(400, 300)
	c := open(l.Head, s)
	xlo, xhi, ylo, yhi := math.Inf(1), math.Inf(-1), math.Inf(1), math.Inf(-1)
	see := func(x, y float64) {
		if finite(x, y) && !(l.X.Log && x <= 0) && !(l.Y.Log && y <= 0) {
			xlo, xhi, ylo, yhi = min(xlo, x), max(xhi, x), min(ylo, y), max(yhi, y)
		}
	}
	named := 0
	for _, r := range l.Series {
		if r.Name != "" {
			named++
		}
		for i, p := range r.Points {
			see(p.X, p.Y)
			if i < len(r.Low) && i < len(r.High) {
				see(p.X, r.Low[i])
				see(p.X, r.High[i])
			}
		}
	}
	f := c.frame(s, l.X, l.Y, xlo, xhi, ylo, yhi, named)
	row := 0
	for _, r := range l.Series {
		k := colour(r.Colour)
		if r.Name != "" {
			y := 12 + 15*float64(row)
			class := "line s" + k
			if r.Dashed {
				class += " dash"
			}
			c.line(f.left, y-4, f.left+22, y-4, class)
			c.text(f.left+28, y, start, "", cut(r.Name, 52))
			row++
		}
		c.series(f, r, k)
	}
	for _, m := range l.Marks {
		x, okx := f.x.px(m.X)
		y, oky := f.y.px(m.Y)
		if !okx || !oky {
			continue
		}
		c.raw(`<circle cx="` + num(x) + `" cy="` + num(y) + `" r="4.5" class="f` + colour(m.Colour) + `"><title>` + Escape(m.Label) + `</title></circle>`)
		// The label goes where there is room.
		label := cut(m.Label, maxLabel)
		if x > (f.left+f.right)/2 {
			c.text(x-8, min(y+15, f.bottom-4), end, "halo", label)
		} else {
			c.text(x+8, max(y-6, f.top+10), start, "halo", label)
		}
	}
	return c.close()
}

func (c *canvas) series(f frame, r Series, k string) {
	idx := thin(len(r.Points))
	banded := len(r.Low) == len(r.Points) && len(r.High) == len(r.Points) && len(r.Points) > 0
	if banded && !r.Dots {
		var up, down []string
		for _, i := range idx {
			x, ok := f.x.px(r.Points[i].X)
			lo, okl := f.y.px(r.Low[i])
			hi, okh := f.y.px(r.High[i])
			if ok && okl && okh {
				up = append(up, num(x)+" "+num(hi))
				down = append(down, num(x)+" "+num(lo))
			}
		}
		if len(up) > 1 {
			for i, j := 0, len(down)-1; i < j; i, j = i+1, j-1 {
				down[i], down[j] = down[j], down[i]
			}
			c.raw(`<path class="band f` + k + `" d="M` + strings.Join(up, "L") + "L" + strings.Join(down, "L") + `Z"/>`)
		}
	}
	var d strings.Builder
	pen := false
	var lastY float64
	for _, i := range idx {
		x, okx := f.x.px(r.Points[i].X)
		y, oky := f.y.px(r.Points[i].Y)
		if !okx || !oky {
			pen = false
			continue
		}
		switch {
		case !pen:
			d.WriteString("M" + num(x) + " " + num(y))
		case r.Step:
			d.WriteString("L" + num(x) + " " + num(lastY) + "L" + num(x) + " " + num(y))
		default:
			d.WriteString("L" + num(x) + " " + num(y))
		}
		pen, lastY = true, y
	}
	if d.Len() > 0 {
		class := "line s" + k
		if r.Dashed {
			class += " dash"
		}
		c.raw(`<path class="` + class + `" d="` + d.String() + `"/>`)
	}
	if !r.Dots {
		return
	}
	for _, i := range idx {
		x, okx := f.x.px(r.Points[i].X)
		y, oky := f.y.px(r.Points[i].Y)
		if !okx || !oky {
			continue
		}
		if banded {
			lo, okl := f.y.px(r.Low[i])
			hi, okh := f.y.px(r.High[i])
			if okl && okh {
				c.line(x, lo, x, hi, "whisker")
			}
		}
		c.raw(`<circle cx="` + num(x) + `" cy="` + num(y) + `" r="3.2" class="f` + k + `"/>`)
	}
}
