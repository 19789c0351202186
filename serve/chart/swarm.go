package chart

import (
	"math"
	"slices"
	"strconv"
	"strings"
)

// Swarm is a row of dots for each name: where a dot lies along the axis is what
// a value did, its colour how great the value is among those of its row. Dots
// that would cover each other are stacked.
type Swarm struct {
	Head
	X    Axis
	Rows []SwarmRow
}

// SwarmRow is one row of dots.
type SwarmRow struct {
	Name   string
	X      []float64 // along the axis
	Values []float64 // NaN: missing, drawn grey
}

const (
	swarmRow    = 34.0 // pixels a row
	swarmDot    = 4.0  // pixels across a dot
	swarmShades = 5
)

// SVG draws the chart.
func (w Swarm) SVG() string {
	s := w.Size.or(640, 70+int(swarmRow)*max(1, len(w.Rows)))
	c := open(w.Head, s)
	letters := 0
	lo, hi := math.Inf(1), math.Inf(-1)
	for _, r := range w.Rows {
		letters = max(letters, len([]rune(cut(r.Name, maxLabel))))
		for _, x := range r.X {
			if finite(x) {
				lo, hi = min(lo, x), max(hi, x)
			}
		}
	}
	// Room beside the outermost dots, which else lie on names and edge.
	if pad := 0.03 * (hi - lo); finite(pad) {
		lo, hi = lo-pad, hi+pad
	}
	left := min(16+6.6*float64(letters), 0.5*float64(s.Width))
	right, top := float64(s.Width)-14, 26.0
	bottom := top + swarmRow*float64(max(1, len(w.Rows)))
	x := newScale(w.X, lo, hi, left, right)
	c.swarmLegend(left)
	for _, t := range x.ticks(max(2, int(right-left)/80)) {
		c.line(t.px, top, t.px, bottom, "grid")
		c.text(t.px, bottom+16, middle, "muted", t.text)
	}
	if zero, ok := x.px(0); ok && lo < 0 && hi > 0 {
		c.line(zero, top-4, zero, bottom, "axis")
	}
	c.text((left+right)/2, bottom+34, middle, "", cut(w.X.Label, 72))
	for k, r := range w.Rows {
		y := top + swarmRow*(float64(k)+.5)
		c.text(left-8, y+4, end, "", cut(r.Name, maxLabel))
		c.swarm(x, y, r)
	}
	return c.close()
}

// swarmLegend explains the colours in words and dots.
func (c *canvas) swarmLegend(left float64) {
	c.text(left, 14, start, "muted", "value: low")
	at := left + 70
	for k := range swarmShades {
		c.raw(`<path class="dot v` + strconv.Itoa(k) + `" d="M` + num(at+8*float64(k)) + ` 10h0"/>`)
	}
	at += 8 * swarmShades
	c.text(at+2, 14, start, "muted", "high")
	c.raw(`<path class="dot s0" d="M` + num(at+48) + ` 10h0"/>`)
	c.text(at+56, 14, start, "muted", "missing")
}

// swarm draws one row: dots of one column of pixels are stacked away from the
// middle in turns, as far as the row is high.
func (c *canvas) swarm(x scale, y float64, r SwarmRow) {
	shade := shades(r.Values)
	var paths [swarmShades + 1]strings.Builder
	stacked := map[int]int{}
	column := make([]int, len(r.X))
	most := 0
	for i, v := range r.X {
		column[i] = -1
		if px, ok := x.px(v); ok {
			column[i] = int(px / swarmDot)
			stacked[column[i]]++
			most = max(most, stacked[column[i]])
		}
	}
	// A column of many dots is squeezed rather than spread over the next row.
	step := min(swarmDot*.8, (swarmRow-swarmDot-2)/float64(max(1, most)))
	seen := map[int]int{}
	for i, col := range column {
		if col < 0 || i >= len(shade) {
			continue
		}
		n := seen[col]
		seen[col]++
		off := float64((n+1)/2) * step
		if n%2 == 1 {
			off = -off
		}
		px, _ := x.px(r.X[i])
		paths[shade[i]].WriteString("M" + tenth(px) + " " + tenth(y+off) + "h0")
	}
	for k := range paths {
		if paths[k].Len() == 0 {
			continue
		}
		class := "dot v" + strconv.Itoa(k)
		if k == swarmShades {
			class = "dot s0"
		}
		c.raw(`<path class="` + class + `" d="` + paths[k].String() + `"/>`)
	}
}

func tenth(x float64) string { return strconv.FormatFloat(math.Round(x*10)/10, 'f', -1, 64) }

// shades gives each value its fifth by rank, equal values the same one, and
// missing ones the shade after the last.
func shades(values []float64) []int {
	known := make([]float64, 0, len(values))
	for _, v := range values {
		if !math.IsNaN(v) {
			known = append(known, v)
		}
	}
	slices.Sort(known)
	out := make([]int, len(values))
	for i, v := range values {
		if math.IsNaN(v) {
			out[i] = swarmShades
			continue
		}
		lo, _ := slices.BinarySearch(known, v)
		hi, _ := slices.BinarySearchFunc(known, v, func(a, b float64) int {
			if a > b {
				return 1
			}
			return -1
		})
		out[i] = min(swarmShades-1, (lo+hi)*swarmShades/(2*len(known)))
	}
	return out
}
