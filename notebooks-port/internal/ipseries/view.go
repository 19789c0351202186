package ipseries

import (
	"fmt"
	"math"
	"slices"
	"strconv"

	"sluice/notebooks-port/internal/page"
	"sluice/notebooks-port/internal/study"
	"sluice/notebooks-port/internal/words"
	"sluice/serve/chart"
)

// Document lays the result out. It computes nothing that is not in the result,
// but for the thinning of the pictures.
func (r *Result) Document() *page.Document {
	return &page.Document{
		Title:    "Single addresses by the hour",
		Subtitle: fmt.Sprintf("%s; %s", words.Plural(int64(len(r.Series)), "address", "addresses"), r.Input.Subtitle()),
		Sections: []page.Section{
			{ID: "summary", Title: "In short", Blocks: r.summary()},
			{ID: "series", Title: "The series", Blocks: r.seriesBlocks()},
			r.Input.Section(
				"**The busiest** addresses are those with most requests that count, inside attack windows where there are any; the series show all their requests.",
				"**Reported**: "+study.Sentence(r.Labels)+", in any month in which the address has a request.",
				"**A silent drop** is recorded when an address goes over the edge's limit of requests at once, so it says nothing of how many there are in an hour.",
			),
		},
	}
}

// Summary is told at the end.
func (r *Result) Summary() []string {
	if c := r.Compare; c != nil {
		return []string{fmt.Sprintf("%d of the %d busiest addresses were ever dropped", c.BusyDropped, c.Busy.Addresses)}
	}
	return []string{words.Plural(int64(len(r.Series)), "address", "addresses")}
}

func (r *Result) summary() []page.Block {
	out := r.Input.Banner()
	if c := r.Compare; c != nil {
		text := fmt.Sprintf("**%d of the %d busiest addresses were ever dropped**; in the study 1 of 7.", c.BusyDropped, c.Busy.Addresses)
		if c.Dropped.Addresses > 0 {
			switch {
			case c.Dropped.Peak < c.Busy.Peak:
				text += fmt.Sprintf(" As there, the most dropped ones send less: %s requests in their busiest hour against %s (medians).", words.Count(c.Dropped.Peak), words.Count(c.Busy.Peak))
			default:
				text += fmt.Sprintf(" Other than there, the most dropped ones don't send less: %s requests in their busiest hour against %s (medians).", words.Count(c.Dropped.Peak), words.Count(c.Busy.Peak))
			}
		} else {
			text += " None of the others is among the most dropped."
		}
		out = append(out, page.Callout{Tone: "note", Text: text})
	}
	t := page.NewTable("The addresses", "Address", "Chosen as", "#Requests", "#That count", "#In windows", "#Active hours", "#Most in an hour", "Busiest hour", "#Silent drops", "#In windows ", "Label")
	for _, s := range r.Series {
		t.Add(s.Name, s.Chosen, words.Count(s.All), words.Count(s.Counted), words.Count(s.Inside), words.Count(s.Hours), words.Count(s.Peak), s.PeakAt, words.Count(s.Records), words.Count(s.DropsInside), s.Label)
	}
	out = append(out, t)
	if c := r.Compare; c != nil && c.Dropped.Addresses > 0 {
		m := page.NewTable("Busiest and most dropped, medians", "", "#Addresses", "#Requests", "#Most in an hour", "#Active hours", "#Silent drops")
		for _, x := range []struct {
			name string
			m    Medians
		}{{"busiest", c.Busy}, {"most dropped", c.Dropped}} {
			m.Add(x.name, words.Count(x.m.Addresses), words.Count(x.m.Requests), words.Count(x.m.Peak), words.Rounded(x.m.Hours), words.Rounded(x.m.Records))
		}
		out = append(out, m)
	}
	return out
}

func (r *Result) seriesBlocks() []page.Block {
	var out []page.Block
	text := fmt.Sprintf("Requests by the hour; day 0 is %s.", r.Origin[:10])
	if len(r.Windows) > 0 {
		text += " Shaded: attack windows."
	}
	if r.Drops {
		text += " Dots: silent drops."
	}
	out = append(out, page.Paragraph(text))
	for i := range r.Series {
		out = append(out, r.figure(i))
	}
	return out
}

// figure draws one address between the first and the last day on which it, or a
// drop of it, is seen.
func (r *Result) figure(i int) page.Figure {
	s := &r.Series[i]
	from, to := math.Inf(1), math.Inf(-1)
	for _, h := range s.ByHour {
		from, to = min(from, float64(h.Hour)), max(to, float64(h.Hour+1))
	}
	for _, h := range s.DropTimes {
		from, to = min(from, h), max(to, h)
	}
	first, last := int(math.Floor(from/24))*24, int(math.Ceil(to/24))*24
	// A picture has so many points; of longer spans each shows the busiest of
	// several hours.
	const points = 600
	step := max(1, (last-first+points-1)/points)
	line := chart.Line{
		Head: chart.Head{ID: "series-" + strconv.Itoa(i+1), Title: s.Name, Desc: fmt.Sprintf("%s requests in %s hours, at most %s in one; %s silent drops", words.Count(s.All), words.Count(s.Hours), words.Count(s.Peak), words.Count(s.Records)), Size: chart.Size{Width: 960, Height: 240}},
		X:    chart.Axis{Label: "days since " + r.Origin[:10], Min: float64(first) / 24, Max: float64(last) / 24}, Y: chart.Axis{Label: "requests an hour", Min: 0, Max: float64(s.Peak) * 1.05},
	}
	if shade, ok := r.shade(float64(first), float64(last), float64(s.Peak)*1.05); ok {
		line.Series = append(line.Series, shade)
	}
	all, counted := chart.Series{Name: "requests", Colour: 0, Step: true}, chart.Series{Name: "that count", Colour: 1, Step: true}
	at := map[int]Hour{}
	for _, h := range s.ByHour {
		k := h.Hour / step
		e := at[k]
		at[k] = Hour{k, max(e.All, h.All), max(e.Counted, h.Counted)}
	}
	for h := first; h < last; h += step {
		x, v := float64(h)/24, at[h/step]
		all.Points = append(all.Points, chart.Point{X: x, Y: float64(v.All)})
		counted.Points = append(counted.Points, chart.Point{X: x, Y: float64(v.Counted)})
	}
	line.Series = append(line.Series, all, counted)
	if len(s.DropTimes) > 0 {
		dots := chart.Series{Name: "silent drops", Colour: 2, Dots: true}
		for k := range s.DropTimes {
			if stride := len(s.DropTimes)/200 + 1; k%stride == 0 {
				dots.Points = append(dots.Points, chart.Point{X: s.DropTimes[k] / 24, Y: 0}, chart.Point{X: math.NaN(), Y: 0})
			}
		}
		line.Series = append(line.Series, dots)
	}
	if i > 0 { // the legend stands above the first
		for k := range line.Series {
			line.Series[k].Name = ""
		}
	}
	caption := fmt.Sprintf("%s, %s, %s", s.Name, s.Chosen, s.Label)
	if step > 1 {
		caption += fmt.Sprintf("; each step is the busiest of %d hours", step)
	}
	data := page.NewTable(s.Name+": busiest hours", "Hour", "#Requests", "#That count")
	busy := slices.Clone(s.ByHour)
	slices.SortStableFunc(busy, func(x, y Hour) int { return int(y.All - x.All) })
	for _, h := range busy[:min(len(busy), 10)] {
		data.Add(fmt.Sprintf("day %d, %02d:00", h.Hour/24, h.Hour%24), words.Count(h.All), words.Count(h.Counted))
	}
	return page.Figure{SVG: line.SVG(), Caption: caption, Data: data, Wide: true}
}

// shade is a band over the windows.
func (r *Result) shade(first, last, top float64) (chart.Series, bool) {
	s := chart.Series{Name: "attack windows", Colour: 5}
	add := func(x, high float64) {
		s.Points = append(s.Points, chart.Point{X: x / 24, Y: 0})
		s.Low, s.High = append(s.Low, 0), append(s.High, high)
	}
	any := false
	for _, w := range r.Windows {
		a, b := max(w.Start, first), min(w.End, last)
		if a >= b {
			continue
		}
		any = true
		add(a, 0)
		add(a, top)
		add(b, top)
		add(b, 0)
	}
	return s, any
}
