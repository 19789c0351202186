package report

import (
	"slices"

	"sluice/models/rules/aim"
	"sluice/serve/chart"
	"sluice/train/evaluation"
)

// byThresholdFigure is precision and recall along the threshold.
func byThresholdFigure(s *evaluation.Split) figure {
	var p, r []chart.Point
	t := newTable("Precision and recall by threshold", thNum("Threshold", ""), thNum("Precision", "precision"), thNum("Recall", "recall"))
	step := every(len(s.Curves.PR), 12)
	for i, x := range s.Curves.PR {
		p = append(p, chart.Point{X: float64(x.Threshold), Y: float64(x.Precision)})
		r = append(r, chart.Point{X: float64(x.Threshold), Y: float64(x.Recall)})
		if i%step == 0 {
			t.add(plainNum(share(x.Threshold)), plainNum(share(x.Precision)), plainNum(share(x.Recall)))
		}
	}
	series := []chart.Series{{Name: "precision", Colour: 1, Points: p}, {Name: "recall", Colour: 3, Points: r}}
	if at := s.OperatingPoint.Threshold; at.Defined() {
		series = append(series, chart.Series{Name: "operating point", Dashed: true, Points: []chart.Point{{X: float64(at), Y: 0}, {X: float64(at), Y: 1}}})
	}
	svg := chart.Line{
		Head: chart.Head{ID: "by-threshold", Title: "Precision and recall by threshold", Desc: "Precision and recall of True for each threshold on the raw probability."},
		X:    chart.Axis{Label: "threshold on the raw probability", Max: 1}, Y: chart.Axis{Label: "share", Max: 1, Percent: true}, Series: series,
	}.SVG()
	return figure{svg, "What moving the threshold would do.", t}
}

// costRatios are what a false positive costs in false negatives: 1, as in
// accuracy; 4, at which flagging pays above precision 80 %; 20, where readers
// come first.
var costRatios = []float64{1, 4, 20}

// costFigure is the cost per row along the threshold, against flagging
// nothing.
func costFigure(a aim.Aim, s *evaluation.Split) figure {
	ratios := costRatios
	if own := a.CostFalsePositive / a.CostFalseNegative; a.Kind() == aim.Cost && !slices.Contains(ratios, own) {
		ratios = append([]float64{own}, ratios...)
	}
	pos, neg := float64(s.Rows.True), float64(s.Rows.False)
	t := newTable("Cheapest threshold by what a false positive costs", thNum("A false positive costs", ""), thNum("Threshold", ""), thNum("Cost of flagging nothing = 1", "cost"))
	var series []chart.Series
	for k, ratio := range ratios {
		line := chart.Series{Name: "false positive costs " + value(ratio), Colour: k + 1}
		best, at := 1.0, evaluation.NaN()
		for _, p := range s.Curves.ROC {
			if !p.Threshold.Defined() {
				continue
			}
			cost := (float64(p.FPR)*neg*ratio + float64(1-p.TPR)*pos) / pos
			line.Points = append(line.Points, chart.Point{X: float64(p.Threshold), Y: min(cost, 2)})
			if cost < best {
				best, at = cost, p.Threshold
			}
		}
		where := "flag nothing"
		if at.Defined() {
			where = share(at)
		}
		t.add(plainNum(value(ratio)), plainNum(where), tdNum(fixed(best, 3), "cost"))
		series = append(series, line)
	}
	svg := chart.Line{
		Head: chart.Head{ID: "cost", Title: "Cost by threshold", Desc: "Cost of false positives and missed rows by threshold; 1 is the cost of flagging nothing, cut off at 2."},
		X:    chart.Axis{Label: "threshold on the raw probability", Max: 1}, Y: chart.Axis{Label: "cost", Max: 2}, Series: series,
	}.SVG()
	return figure{svg, "Cost of mistakes, a missed row counting 1. Below 1 the model is worth using; cut off at 2.", t}
}
