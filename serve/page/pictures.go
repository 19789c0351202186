package page

import (
	"fmt"
	"html/template"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Pictures hold no text: they are stretched to the width of the page, and what
// they show stands beside them in words. All that enters them is numbers.

func coordinate(v float64) string { return strconv.FormatFloat(v, 'f', 2, 64) }

func rect(b *strings.Builder, class string, x, y, width, height float64) {
	b.WriteString(`<rect class="` + class + `" x="` + coordinate(x) + `" y="` + coordinate(y) + `" width="` + coordinate(width) + `" height="` + coordinate(height) + `"/>`)
}

// bar is a share as a bar from the left.
func bar(v float64, class string) template.HTML {
	var b strings.Builder
	b.WriteString(`<svg class="bar" viewBox="0 0 100 10" preserveAspectRatio="none" aria-hidden="true" focusable="false">`)
	rect(&b, "ground", 0, 0, 100, 10)
	if v > 0 {
		rect(&b, class, 0, 0, 100*min(v, 1), 10)
	}
	b.WriteString("</svg>")
	return template.HTML(b.String())
}

// reach is the greatest size among contributions: the scale of their bars.
func reach(reasons []Reason) float64 {
	most := 0.0
	for _, r := range reasons {
		most = max(most, math.Abs(r.Contribution))
	}
	return most
}

// both is a contribution as a bar from the middle: to the right for abuse, to
// the left against it.
func both(v, most float64) template.HTML {
	var b strings.Builder
	b.WriteString(`<svg class="bar both" viewBox="0 0 100 10" preserveAspectRatio="none" aria-hidden="true" focusable="false">`)
	rect(&b, "ground", 0, 0, 100, 10)
	if most > 0 {
		w := 50 * min(math.Abs(v)/most, 1)
		if v < 0 {
			rect(&b, "against", 50-w, 0, w, 10)
		} else {
			rect(&b, "for", 50, 0, w, 10)
		}
	}
	rect(&b, "axis", 49.8, 0, 0.4, 10)
	b.WriteString("</svg>")
	return template.HTML(b.String())
}

// maxBars bounds the bars of a picture; more hours are put together.
const maxBars = 400

// leastHours is how far a picture of hours reaches at least, less one.
const leastHours = 23

// span is the first and the last hour.
func span(h []Hour) (first, last time.Time) {
	first, last = h[0].Start, h[0].Start
	for _, x := range h {
		if x.Start.Before(first) {
			first = x.Start
		}
		if x.Start.After(last) {
			last = x.Start
		}
	}
	return first, last
}

// Peak is what an hourly picture says in words.
type Peak struct {
	Total, Hours, Most int
	At                 time.Time // of the busiest hour
	First, Last        time.Time
	Step               int // hours a bar
}

func peak(h []Hour) *Peak {
	if len(h) == 0 {
		return nil
	}
	p := &Peak{Hours: len(h)}
	p.First, p.Last = span(h)
	if day := p.First.Add(leastHours * time.Hour); p.Last.Before(day) {
		p.Last = day // so that a single hour is no wall
	}
	for _, x := range h {
		p.Total += x.Requests
		if x.Requests > p.Most {
			p.Most, p.At = x.Requests, x.Start
		}
	}
	p.Step = int(p.Last.Sub(p.First).Hours())/maxBars + 1
	return p
}

// hours draws requests an hour, a bar each, or one for several hours where
// there are very many.
func hours(h []Hour) template.HTML {
	p := peak(h)
	if p == nil {
		return ""
	}
	bars := make([]int, int(p.Last.Sub(p.First).Hours())/p.Step+1)
	for _, x := range h {
		bars[int(x.Start.Sub(p.First).Hours())/p.Step] += x.Requests
	}
	label := fmt.Sprintf("Requests an hour: %s in %s hours from %s to %s; the most, %s, at %s.", number(p.Total), number(p.Hours), instant(p.First), instant(p.Last.Add(time.Hour)), number(p.Most), instant(p.At))
	return columnsPicture(bars, label, "plain")
}

// bins draws how many addresses have which confidence.
func bins(counts []int) template.HTML {
	total := 0
	for _, c := range counts {
		total += c
	}
	if total == 0 {
		return ""
	}
	// Most addresses are harmless: the root of the counts, so that the few can be
	// seen.
	roots := make([]int, len(counts))
	for i, c := range counts {
		roots[i] = int(math.Ceil(1000 * math.Sqrt(float64(c))))
	}
	half := len(counts) / 2
	above := 0
	for _, c := range counts[half:] {
		above += c
	}
	return columnsPicture(roots, fmt.Sprintf("How many addresses have which confidence, from 0 %% on the left to 100 %% on the right: %s of %s have 50 %% or more. Heights are the roots of the counts.", number(above), number(total)), "plain")
}

func columnsPicture(bars []int, label, class string) template.HTML {
	most := max(1, slices.Max(bars))
	width := 100 / float64(len(bars))
	gap := width * 0.12
	if len(bars) > 150 {
		gap = 0
	}
	var b strings.Builder
	b.WriteString(`<svg class="columns" viewBox="0 0 100 100" preserveAspectRatio="none" role="img" aria-label="` + template.HTMLEscapeString(label) + `">`)
	rect(&b, "ground", 0, 0, 100, 100)
	for i, n := range bars {
		if n > 0 {
			height := max(1.5, 100*float64(n)/float64(most))
			rect(&b, class, float64(i)*width+gap/2, 100-height, max(width-gap, 0.2), height)
		}
	}
	b.WriteString("</svg>")
	return template.HTML(b.String())
}
