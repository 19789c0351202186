package chart

import (
	"math"
	"strconv"
	"strings"
)

// CSS is the style that the pictures expect of the page that holds them. It
// sets colours for light, dark and print; a page may override the variables.
const CSS = `.chart{--v0:#0b62b8;--v1:#5a63ad;--v2:#8c5f94;--v3:#a85670;--v4:#b3400b;--c1:#0b62b8;--c2:#b3400b;--c3:#177245;--c4:#7a3aa8;--c5:#6b6b00;--ink:#1c2128;--muted:#5b6470;--grid:#dfe3e8;--heat:11,98,184;--heat-bad:179,64,11;width:100%;height:auto;display:block;font-family:inherit}
@media (prefers-color-scheme:dark){.chart{--v0:#6cb2ff;--v1:#a0acf0;--v2:#cda6d4;--v3:#eaa2a8;--v4:#ff9d66;--c1:#6cb2ff;--c2:#ff9d66;--c3:#66cf98;--c4:#cf9cf5;--c5:#d6d65c;--ink:#e8ebef;--muted:#a3adb8;--grid:#353c45;--heat:108,178,255;--heat-bad:255,157,102}}
@media print{.chart{--v0:#0b62b8;--v1:#5a63ad;--v2:#8c5f94;--v3:#a85670;--v4:#b3400b;--c1:#0b62b8;--c2:#b3400b;--c3:#177245;--c4:#7a3aa8;--c5:#6b6b00;--ink:#000;--muted:#444;--grid:#ccc;--heat:11,98,184;--heat-bad:179,64,11}}
.chart text{fill:var(--ink);font-size:12px}
.chart .halo{stroke:var(--paper,Canvas);stroke-width:3.5px;stroke-linejoin:round;paint-order:stroke}
.chart .muted{fill:var(--muted)}
.chart .big{font-size:17px;font-weight:600}
.chart .grid{stroke:var(--grid);stroke-width:1;fill:none}
.chart .axis{stroke:var(--muted);stroke-width:1;fill:none}
.chart .line{fill:none;stroke-width:2;stroke-linejoin:round}
.chart .dash{stroke-dasharray:5 4}
.chart .s1{stroke:var(--c1)}.chart .s2{stroke:var(--c2)}.chart .s3{stroke:var(--c3)}.chart .s4{stroke:var(--c4)}.chart .s5{stroke:var(--c5)}.chart .s0{stroke:var(--muted)}
.chart .f1{fill:var(--c1)}.chart .f2{fill:var(--c2)}.chart .f3{fill:var(--c3)}.chart .f4{fill:var(--c4)}.chart .f5{fill:var(--c5)}.chart .f0{fill:var(--muted)}
.chart .soft{fill-opacity:.55}.chart .band{fill-opacity:.15}
.chart .whisker{stroke:var(--ink);stroke-width:1.2;fill:none}
.chart .dot{fill:none;stroke-width:4px;stroke-linecap:round;stroke-opacity:.85}
.chart .v0{stroke:var(--v0)}.chart .v1{stroke:var(--v1)}.chart .v2{stroke:var(--v2)}.chart .v3{stroke:var(--v3)}.chart .v4{stroke:var(--v4)}
.chart .cell{fill:rgb(var(--heat));stroke:var(--grid)}.chart .cell.bad{fill:rgb(var(--heat-bad))}
`

// MaxPoints bounds the points of a series; longer ones are thinned evenly.
const MaxPoints = 600

// maxLabel bounds the letters of a label.
const maxLabel = 34

// Size is a picture's width and height in CSS pixels at its natural size.
type Size struct{ Width, Height int }

func (s Size) or(w, h int) Size {
	if s.Width < 120 || s.Width > 4000 {
		s.Width = w
	}
	if s.Height < 60 || s.Height > 20000 {
		s.Height = h
	}
	return s
}

// Head is what every picture has.
type Head struct {
	ID    string // unique on the page: letters, digits, '-'
	Title string
	Desc  string // what the picture shows, in words
	Size  Size   // zero: the kind's own
}

// canvas builds one picture.
type canvas struct{ b strings.Builder }

func open(h Head, s Size) *canvas {
	c := &canvas{}
	id := cleanID(h.ID)
	c.b.WriteString(`<svg class="chart" xmlns="http://www.w3.org/2000/svg" viewBox="0 0 `)
	c.b.WriteString(strconv.Itoa(s.Width) + " " + strconv.Itoa(s.Height))
	c.b.WriteString(`" width="` + strconv.Itoa(s.Width) + `" height="` + strconv.Itoa(s.Height))
	c.b.WriteString(`" role="img" aria-labelledby="` + id + `-t ` + id + `-d">`)
	c.b.WriteString(`<title id="` + id + `-t">` + Escape(h.Title) + `</title>`)
	c.b.WriteString(`<desc id="` + id + `-d">` + Escape(h.Desc) + `</desc>`)
	return c
}

func (c *canvas) close() string {
	c.b.WriteString("</svg>\n")
	return c.b.String()
}

func cleanID(s string) string {
	out := strings.Map(func(r rune) rune {
		if r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || r == '-' {
			return r
		}
		return '-'
	}, s)
	if out == "" || out[0] < 'A' {
		out = "c" + out
	}
	return out
}

// Escape makes text safe inside elements and double-quoted attributes, and
// drops what XML 1.0 does not allow.
func Escape(s string) string {
	var b strings.Builder
	for _, r := range strings.ToValidUTF8(s, "\uFFFD") {
		switch {
		case r == '&':
			b.WriteString("&amp;")
		case r == '<':
			b.WriteString("&lt;")
		case r == '>':
			b.WriteString("&gt;")
		case r == '"':
			b.WriteString("&quot;")
		case r == '\'':
			b.WriteString("&#39;")
		case r < ' ' && r != '\t' && r != '\n', r == 0xFFFE, r == 0xFFFF:
		default:
			b.WriteRune(r)
		}
	}
	return b.String()
}

// num writes a coordinate with at most two decimals.
func num(x float64) string {
	s := strconv.FormatFloat(math.Round(x*100)/100, 'f', -1, 64)
	if s == "-0" {
		return "0"
	}
	return s
}

func cut(s string, letters int) string {
	r := []rune(s)
	if len(r) <= letters {
		return s
	}
	return string(r[:letters-1]) + "…"
}

// anchor is where a text hangs on its point.
type anchor string

const (
	start  anchor = "start"
	middle anchor = "middle"
	end    anchor = "end"
)

func (c *canvas) text(x, y float64, a anchor, class, s string) {
	c.b.WriteString(`<text x="` + num(x) + `" y="` + num(y) + `" text-anchor="` + string(a) + `"`)
	if class != "" {
		c.b.WriteString(` class="` + class + `"`)
	}
	c.b.WriteString(">" + Escape(s) + "</text>")
}

func (c *canvas) line(x1, y1, x2, y2 float64, class string) {
	c.b.WriteString(`<path class="` + class + `" d="M` + num(x1) + " " + num(y1) + "L" + num(x2) + " " + num(y2) + `"/>`)
}

func (c *canvas) rect(x, y, w, h float64, class, title string) {
	c.b.WriteString(`<rect x="` + num(x) + `" y="` + num(y) + `" width="` + num(max(0, w)) + `" height="` + num(max(0, h)) + `" class="` + class + `"`)
	if title == "" {
		c.b.WriteString("/>")
		return
	}
	c.b.WriteString("><title>" + Escape(title) + "</title></rect>")
}

func (c *canvas) raw(s string) { c.b.WriteString(s) }

func finite(xs ...float64) bool {
	for _, x := range xs {
		if math.IsNaN(x) || math.IsInf(x, 0) {
			return false
		}
	}
	return true
}
