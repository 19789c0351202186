package report

import (
	"fmt"
	"math"
	"strings"

	"sluice/serve/chart"
)

// Traffic is a month's requests, hour by hour, and its attack windows.
type Traffic struct {
	Month string
	// Whole tells that requests outside the windows are in it too; where windows
	// were given nobody counted those.
	Whole bool
	// Hours are the requests of each hour from the month's start on.
	Hours   []float64
	Windows []Shade
}

// Shade is a window in hours since the month's start; it may end after the
// month.
type Shade struct {
	ID       string
	From, To float64
}

// Signature is what an attack's requests have in common. Parts that nobody
// gathered are empty.
type Signature struct {
	ID    string
	Fast  int // addresses above one request a second over the window
	Parts []SignaturePart
}

// SignaturePart is the most frequent values of one kind.
type SignaturePart struct {
	Kind   string // "path", "query", "agent", "prefix", "country"
	Values []SignatureValue
}

// SignatureValue is a value and its share of the attack's requests.
type SignatureValue struct {
	Value string
	Share float64
}

// trafficBlocks draw each month with its windows shaded, and the windows'
// signatures beside.
func trafficBlocks(in Input) []block {
	var out []block
	var fs []figure
	for _, t := range in.Traffic {
		fs = append(fs, trafficFigure(t))
	}
	if len(fs) > 0 {
		out = append(out, heading{"Requests by hour, attack windows shaded"}, gallery{figures: fs})
	}
	if len(in.Signatures) == 0 {
		return out
	}
	const most = 24
	t := newTable("What each attack's requests have in common (paths, queries and agents of all that bust the cache; prefixes and countries of the rows, which leave the API out)", th("Window"), thNum("Above 1 request/s", ""), th("Most frequent, with their share of the requests"))
	for i, s := range in.Signatures {
		if i == most {
			t.caption += fmt.Sprintf(": the first %d of %s", most, count(len(in.Signatures)))
			break
		}
		var parts []string
		for _, p := range s.Parts {
			var vs []string
			for i, v := range p.Values {
				if i > 0 && v.Share < 0.0005 {
					continue // it would read 0.0 %
				}
				vs = append(vs, fmt.Sprintf("%s %s", v.Value, pct(v.Share)))
			}
			parts = append(parts, p.Kind+": "+strings.Join(vs, ", "))
		}
		t.add(name(s.ID), plainNum(count(s.Fast)), prose(strings.Join(parts, "; ")))
	}
	return append(out, *t)
}

// trafficPoints is how many points a month is drawn with: each the busiest hour
// of its part, so that no peak is lost.
const trafficPoints = 186

func trafficFigure(t Traffic) figure {
	per := max(1, (len(t.Hours)+trafficPoints-1)/trafficPoints)
	var line []chart.Point
	top := 1.0
	for i := 0; i < len(t.Hours); i += per {
		peak := 0.0
		for _, v := range t.Hours[i:min(i+per, len(t.Hours))] {
			peak = max(peak, v)
		}
		top = max(top, peak)
		line = append(line, chart.Point{X: float64(i) / 24, Y: peak})
	}
	var series []chart.Series
	days := math.Ceil(float64(len(t.Hours)) / 24)
	data := newTable("Windows of "+t.Month, th("Window"), thNum("From day", ""), thNum("To day", ""))
	for i, w := range t.Windows {
		s := chart.Series{Colour: 4, Dashed: true}
		if i == 0 {
			s.Name = "attack windows"
		}
		for _, x := range []float64{w.From / 24, min(w.To/24, days)} {
			s.Points = append(s.Points, chart.Point{X: x, Y: top})
			s.Low, s.High = append(s.Low, 0), append(s.High, top)
		}
		series = append(series, s)
		data.add(name(w.ID), plainNum(fixed(w.From/24, 2)), plainNum(fixed(w.To/24, 2)))
	}
	series = append(series, chart.Series{Name: "requests an hour", Colour: 1, Points: line})
	what := "Requests of the whole log that the cache could not answer"
	if !t.Whole {
		what = "Requests inside the windows; those outside were not counted"
	}
	data.caption += "; drawn are " + strings.ToLower(what[:1]) + what[1:]
	caption := fmt.Sprintf("%s: %s.", t.Month, strings.ToLower(what[:1])+what[1:])
	if per > 1 {
		caption += fmt.Sprintf(" The busiest of every %d hours is drawn.", per)
	}
	return figure{
		svg: chart.Line{
			Head: chart.Head{ID: "traffic-" + t.Month, Title: "Requests by hour in " + t.Month, Desc: what + ", hour by hour, with the attack windows shaded; the table of attack windows has their times."},
			X:    chart.Axis{Label: "day of " + t.Month, Min: 0, Max: days}, Y: chart.Axis{Label: "requests an hour"}, Series: series,
		}.SVG(),
		caption: caption, data: data,
	}
}
