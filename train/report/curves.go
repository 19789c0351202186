package report

import (
	"fmt"

	"sluice/models/rules/aim"
	"sluice/serve/chart"
	"sluice/train/evaluation"
)

func curveBlocks(e *evaluation.Evaluation, s *evaluation.Split) []block {
	c := s.Curves
	if c == nil {
		return nil
	}
	var out []block
	var fs []figure
	if len(c.PR) > 0 {
		fs = append(fs, prFigure(s))
	}
	if len(c.ROC) > 0 {
		fs = append(fs, rocFigure(e.Aim(), s))
	}
	if len(c.Reliability) > 0 {
		fs = append(fs, reliabilityFigure(s))
	}
	if len(c.Score) > 0 {
		fs = append(fs, scoreFigure(s))
	}
	if len(c.PR) > 0 {
		fs = append(fs, byThresholdFigure(s))
	}
	if len(c.ROC) > 0 {
		fs = append(fs, costFigure(e.Aim(), s))
	}
	if len(fs) > 0 {
		out = append(out, gallery{figures: fs})
	}
	if len(s.Thresholds) > 0 {
		out = append(out, thresholdTable(s))
	}
	return out
}

// marks places each contender's point on a plane.
func marks(s *evaluation.Split, at func(p evaluation.Point) (x, y evaluation.Float)) []chart.Mark {
	var out []chart.Mark
	for _, c := range []struct {
		label  string
		colour int
		point  *evaluation.Point
	}{
		{"operating point", 1, &s.OperatingPoint}, {"one half", 4, &s.AtHalf},
		{"rules at the operating point", 2, resultPoint(s.Rules)}, {"listed before", 3, resultPoint(s.ListedBefore)},
	} {
		if c.point == nil || c.point.Confusion.Flagged() == 0 {
			continue
		}
		x, y := at(*c.point)
		out = append(out, chart.Mark{X: float64(x), Y: float64(y), Label: c.label, Colour: c.colour})
	}
	return out
}

func resultPoint(r *evaluation.Result) *evaluation.Point {
	if r == nil {
		return nil
	}
	return &r.OperatingPoint
}

// every thins rows of a data table to about n.
func every(total, n int) int { return max(1, (total+n-1)/n) }

func prFigure(s *evaluation.Split) figure {
	var pts []chart.Point
	t := newTable("Precision by recall", thNum("Recall", "recall"), thNum("Precision", "precision"), thNum("Threshold", ""), thNum("Flagged", "flagged"))
	step := every(len(s.Curves.PR), 12)
	for i, p := range s.Curves.PR {
		pts = append(pts, chart.Point{X: float64(p.Recall), Y: float64(p.Precision)})
		if i%step == 0 || i == len(s.Curves.PR)-1 {
			t.add(plainNum(share(p.Recall)), plainNum(share(p.Precision)), plainNum(share(p.Threshold)), plainNum(count(float64(p.Flagged))))
		}
	}
	base := float64(s.Rows.Prevalence())
	series := []chart.Series{
		{Name: "model", Colour: 1, Points: pts},
		{Name: "guessing", Dashed: true, Points: []chart.Point{{X: 0, Y: base}, {X: 1, Y: base}}},
	}
	if y := float64(s.Hindsight.Target); s.Hindsight.Target.Defined() {
		series = append(series, chart.Series{Name: "target", Colour: 5, Dashed: true, Points: []chart.Point{{X: 0, Y: y}, {X: 1, Y: y}}})
	}
	svg := chart.Line{
		Head: chart.Head{ID: "pr", Title: "Precision and recall", Desc: fmt.Sprintf("Precision of True against recall over all thresholds; average precision %s, guessing %s.", share(s.PRAUC), share(s.Rows.Prevalence()))},
		X:    chart.Axis{Label: "recall", Max: 1, Percent: true}, Y: chart.Axis{Label: "precision", Max: 1, Percent: true},
		Series: series,
		Marks: marks(s, func(p evaluation.Point) (evaluation.Float, evaluation.Float) {
			return p.Classes.True.Recall, p.Classes.True.Precision
		}),
	}.SVG()
	return figure{svg, "Precision against recall. Points are what would be flagged: the model at its thresholds, the rules, the list.", t}
}

func rocFigure(a aim.Aim, s *evaluation.Split) figure {
	var pts []chart.Point
	t := newTable("True-positive rate by false-positive rate", thNum("FPR", "fpr"), thNum("TPR (recall)", "recall"), thNum("Threshold", ""))
	step := every(len(s.Curves.ROC), 12)
	for i, p := range s.Curves.ROC {
		pts = append(pts, chart.Point{X: float64(p.FPR), Y: float64(p.TPR)})
		if i%step == 0 || i == len(s.Curves.ROC)-1 {
			t.add(plainNum(share(p.FPR)), plainNum(share(p.TPR)), plainNum(share(p.Threshold)))
		}
	}
	series := []chart.Series{
		{Name: "model", Colour: 1, Points: pts},
		{Name: "guessing", Dashed: true, Points: []chart.Point{{X: 0, Y: 0}, {X: 1, Y: 1}}},
	}
	if x := a.FalsePositiveRate; x > 0 {
		series = append(series, chart.Series{Name: "limit", Colour: 5, Dashed: true, Points: []chart.Point{{X: x, Y: 0}, {X: x, Y: 1}}})
	}
	svg := chart.Line{
		Head: chart.Head{ID: "roc", Title: "ROC curve", Desc: fmt.Sprintf("True-positive rate against false-positive rate over all thresholds; area %s.", share(s.ROCAUC))},
		X:    chart.Axis{Label: "false-positive rate", Max: 1, Percent: true}, Y: chart.Axis{Label: "true-positive rate", Max: 1, Percent: true},
		Series: series,
		Marks: marks(s, func(p evaluation.Point) (evaluation.Float, evaluation.Float) {
			return p.Confusion.FalsePositiveRate(), p.Classes.True.Recall
		}),
	}.SVG()
	return figure{svg, "ROC curve, with the same points.", t}
}

func reliabilityFigure(s *evaluation.Split) figure {
	series := func(name string, colour int, bins []evaluation.ReliabilityBin, whiskers bool) chart.Series {
		out := chart.Series{Name: name, Colour: colour, Dots: whiskers, Dashed: !whiskers}
		for _, b := range bins {
			out.Points = append(out.Points, chart.Point{X: float64(b.Predicted), Y: float64(b.Observed)})
			if whiskers {
				out.Low = append(out.Low, float64(b.ObservedL))
				out.High = append(out.High, float64(b.ObservedH))
			}
		}
		return out
	}
	t := newTable("Probability and the share seen", thNum("Rows", "row"), thNum("Mean probability", ""), thNum("Share reported", "label"), thNum("95 % interval", "interval"))
	for _, b := range s.Curves.Reliability {
		t.add(plainNum(count(b.Rows)), plainNum(share(b.Predicted)), plainNum(share(b.Observed)), plainNum(within(b.ObservedL, b.ObservedH)))
	}
	svg := chart.Line{
		Head: chart.Head{ID: "reliability", Title: "Reliability", Desc: "Share of rows labelled True against their mean probability, in bins of equal size; on the diagonal probabilities are right."},
		X:    chart.Axis{Label: "mean probability", Max: 1, Percent: true}, Y: chart.Axis{Label: "share reported", Max: 1, Percent: true},
		Series: []chart.Series{
			series("calibrated", 1, s.Curves.Reliability, true),
			series("raw", 2, s.Curves.RawBins, false),
			{Name: "right", Dashed: true, Points: []chart.Point{{X: 0, Y: 0}, {X: 1, Y: 1}}},
		},
	}.SVG()
	return figure{svg, "Do probabilities mean what they say? Whiskers are 95 % intervals by address.", t}
}

func scoreFigure(s *evaluation.Split) figure {
	n := len(s.Curves.Score)
	edges := make([]float64, n+1)
	for i := range edges {
		edges[i] = float64(i) / float64(n)
	}
	floats := func(v []int) []float64 {
		out := make([]float64, len(v))
		for i, x := range v {
			out[i] = float64(x)
		}
		return out
	}
	t := newTable("Rows by raw probability", thNum("From", ""), thNum("Labelled False", "label"), thNum("Labelled True", "label"))
	for i := range n {
		if i < len(s.Curves.ScoreTrue) {
			t.add(plainNum(fixed(edges[i], 2)), plainNum(count(s.Curves.Score[i])), plainNum(count(s.Curves.ScoreTrue[i])))
		}
	}
	svg := chart.Histogram{
		Head: chart.Head{ID: "scores", Title: "Scores", Desc: "Rows by raw probability, labelled False and labelled True.", Size: chart.Size{Width: 400, Height: 300}},
		X:    chart.Axis{Label: "raw probability"}, Y: chart.Axis{Label: "rows"}, Edges: edges,
		Sets: []chart.HistogramSet{
			{Name: "labelled False", Colour: 1, Counts: floats(s.Curves.Score)},
			{Name: "labelled True", Colour: 2, Counts: floats(s.Curves.ScoreTrue)},
		},
		MarkAt: float64(s.OperatingPoint.Threshold), Mark: "operating point",
	}.SVG()
	return figure{svg, "How far the model tells the two labels apart.", t}
}

func thresholdTable(s *evaluation.Split) table {
	t := newTable("What flagging from a threshold upwards would do", thNum("Threshold", ""), thNum("Rows", "flagged"), thNum("Addresses", "flagged"),
		thNum("Precision", "precision"), thNum("Recall", "recall"), thNum("Requests stopped", "requests-flagged"), thNum("of all", "requests-flagged"),
		thNum("Unreported addresses hit", "readers"), thNum("their requests", "readers"))
	for i, r := range s.Thresholds {
		if r.Operating {
			t.mark = i
		}
		t.add(plainNum(share(r.Threshold)), tdNum(count(r.Rows), "flagged"), tdNum(count(r.IPs), "flagged"), tdNum(share(r.Precision), "precision"), tdNum(share(r.Recall), "recall"),
			tdNum(count(r.Requests), "requests-flagged"), plainNum(pct(float64(r.RequestShare))), tdNum(count(r.Unreported), "readers"), plainNum(count(r.UnreportedReq)))
	}
	if t.mark >= 0 {
		t.caption += "; the operating point is stressed"
	}
	return *t
}
