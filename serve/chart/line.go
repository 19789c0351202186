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
	f := frame{left: 56, right: float64(s.Width) - 22, top: 10 + 15*float64(legend), bottom: float64(s.Height) - 42}
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
	c.marks(f, l.Marks)
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

// box is a rectangle of the picture that holds text.
type box struct{ x0, y0, x1, y1 float64 }

func (b box) overlaps(o box) bool { return b.x0 < o.x1 && o.x0 < b.x1 && b.y0 < o.y1 && o.y0 < b.y1 }

// letter and lineHeight are how much room text of a label takes, nearly.
const (
	letter     = 6.4
	lineHeight = 14
)

// marks draws points with labels, each label at the first place around its
// point where it lies inside the frame and on no other label or point.
func (c *canvas) marks(f frame, marks []Mark) {
	var taken []box
	for _, m := range marks {
		x, okx := f.x.px(m.X)
		y, oky := f.y.px(m.Y)
		if okx && oky {
			taken = append(taken, box{x - 5, y - 5, x + 5, y + 5})
		}
	}
	for _, m := range marks {
		x, okx := f.x.px(m.X)
		y, oky := f.y.px(m.Y)
		if !okx || !oky {
			continue
		}
		c.raw(`<circle cx="` + num(x) + `" cy="` + num(y) + `" r="4.5" class="f` + colour(m.Colour) + `"><title>` + Escape(m.Label) + `</title></circle>`)
		label := cut(m.Label, maxLabel)
		w := letter * float64(len([]rune(label)))
		type place struct {
			b box
			a anchor
		}
		var places []place
		for _, dy := range []float64{-8, 4, 18, -22, 32, -36} {
			places = append(places,
				place{box{x + 8, y + dy - 11, x + 8 + w, y + dy + 3}, start},
				place{box{x - 8 - w, y + dy - 11, x - 8, y + dy + 3}, end})
		}
		best := places[0]
		for _, p := range places {
			free := p.b.x0 >= f.left && p.b.x1 <= f.right+16 && p.b.y0 >= f.top-lineHeight && p.b.y1 <= f.bottom
			for _, t := range taken {
				free = free && !p.b.overlaps(t)
			}
			if free {
				best = p
				break
			}
		}
		taken = append(taken, best.b)
		at := best.b.x0
		if best.a == end {
			at = best.b.x1
		}
		c.text(at, best.b.y1-3, best.a, "halo", label)
	}
}
