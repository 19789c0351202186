package report

import (
	"cmp"
	"fmt"
	"math"
	"slices"

	"sluice/serve/chart"
)

func errorBlocks(in Input) []block {
	if len(in.Errors) == 0 {
		return nil
	}
	out := []block{para("False positives first: at worst, each is a reader locked out. Addresses are masked; the id tells apart two with the same mask.")}
	for i, d := range in.Errors {
		title := fmt.Sprintf("%s: %s, probability %s", d.Kind, d.IP, fixed(d.Score, 3))
		if d.ID != "" {
			title += " (" + d.ID + ")"
		}
		bs := []block{}
		facts := "Window " + d.Attack
		if d.Month != "" && d.Month != d.Attack {
			facts += " of " + d.Month
		}
		facts += fmt.Sprintf("; calibrated probability %s", fixed(d.Calibrated, 3))
		if d.Country != "" {
			facts += "; country " + d.Country
		}
		bs = append(bs, para(facts+"."))
		if why := reasonSentence(d); why != "" {
			bs = append(bs, para(why))
		}
		if d.Note != "" {
			bs = append(bs, para(d.Note))
		}
		if len(d.Values) > 0 {
			t := newTable("Values and what they contributed", th("Feature"), thNum("Value", ""), thNum("Contribution", "shap"))
			for _, v := range d.Values {
				t.add(name(v.Feature), plainNum(value(v.Value)), tdNum(signed(v.Contribution, 3), "shap"))
			}
			bs = append(bs, *t)
		}
		if len(d.Hours) > 1 {
			bs = append(bs, hoursFigure(d, i))
		}
		out = append(out, details{title, bs})
	}
	return out
}

// reasonSentence says which values pulled the score to the wrong side most.
func reasonSentence(d Dossier) string {
	up := d.Kind != FalseNegative
	vs := slices.Clone(d.Values)
	slices.SortStableFunc(vs, func(a, b Value) int {
		if up {
			return cmp.Compare(b.Contribution, a.Contribution)
		}
		return cmp.Compare(a.Contribution, b.Contribution)
	})
	var reasons []string
	for _, v := range vs {
		if len(reasons) == 3 || up && !(v.Contribution > 0) || !up && !(v.Contribution < 0) {
			break
		}
		reasons = append(reasons, fmt.Sprintf("%s = %s (%s)", v.Feature, value(v.Value), signed(v.Contribution, 2)))
	}
	if len(reasons) == 0 {
		return ""
	}
	side := "for abusive"
	if !up {
		side = "against it"
	}
	return "What spoke " + side + " most: " + joined(reasons) + "."
}

// maxBars bounds the bars of an hourly series; longer ones sum several hours a
// bar.
const maxBars = 96

func hoursFigure(d Dossier, i int) figure {
	var counts []float64
	edges := []float64{0}
	t := newTable("Requests per hour", th("Hour, UTC"), thNum("Requests", ""))
	each := every(len(d.Hours), maxBars)
	for k := 0; k < len(d.Hours); k += each {
		var n int64
		part := d.Hours[k:min(k+each, len(d.Hours))]
		for _, h := range part {
			n += h.Requests
		}
		counts = append(counts, float64(n))
		edges = append(edges, float64(k+len(part)))
		label := part[0].Hour
		if len(part) > 1 {
			label += " to " + part[len(part)-1].Hour
		}
		t.add(name(label), plainNum(count(n)))
	}
	bar := "requests per hour"
	if each > 1 {
		bar = fmt.Sprintf("requests per %d hours", each)
	}
	return figure{
		svg: chart.Histogram{
			Head: chart.Head{ID: fmt.Sprintf("hours-%d", i), Title: "Requests per hour", Desc: "Requests of " + d.IP + ", hour by hour with any, in order of time.", Size: chart.Size{Width: 400, Height: 200}},
			X:    chart.Axis{Label: "hours with requests, in order"}, Y: chart.Axis{Label: "requests"},
			Edges: edges, Sets: []chart.HistogramSet{{Name: bar, Colour: 1, Counts: counts}}, MarkAt: math.NaN(),
		}.SVG(),
		caption: fmt.Sprintf("From %s to %s.", d.Hours[0].Hour, d.Hours[len(d.Hours)-1].Hour), data: t,
	}
}
