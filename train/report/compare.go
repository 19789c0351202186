package report

import (
	"fmt"
	"math"
	"slices"

	"sluice/featurestore/fault"
	"sluice/models/rules/aim"
	"sluice/serve/chart"
	"sluice/train/evaluation"
)

// Compare writes two versions' evaluations side by side, as a page and as
// Markdown. Figures come from each version's own test months; where those
// differ the page says that a difference may be the months'.
func Compare(a, b *evaluation.Evaluation) (html, markdown []byte, err error) {
	sa, sb := a.Main(), b.Main()
	if sa == nil || sb == nil {
		return nil, nil, fault.New(fault.Invalid, "compare: one of the evaluations holds no split")
	}
	d := &document{title: "Two versions side by side"}
	add := func(id, title string, blocks ...block) {
		d.sections = append(d.sections, section{id, title, blocks})
	}
	names := [2]string{a.ModelVersion, b.ModelVersion}
	if names[0] == names[1] {
		names = [2]string{names[0] + " (first)", names[1] + " (second)"}
	}
	verdicts := []block{}
	same := slices.Equal(sa.Months.Test, sb.Months.Test) && sa.Rows == sb.Rows
	if !same {
		verdicts = append(verdicts, callout{"note", words(fmt.Sprintf("**The test rows differ**: %s of %s for the first, %s for the second. A difference may be the months' and not the models'.",
			plural(sa.Rows.Rows, "row", "rows"), joined(sa.Months.Test), plural(sb.Rows.Rows, "row", "rows")+" of "+joined(sb.Months.Test)))})
	}
	if a.Aim() != b.Aim() {
		verdicts = append(verdicts, callout{"note", words(fmt.Sprintf("**The operating points aim at different things**: the first at %s, the second at %s. What they flag differs for that alone.", a.Aim().Words(), b.Aim().Words()))})
	}
	for i, e := range []*evaluation.Evaluation{a, b} {
		tone := "good"
		if !e.Gate.Passed {
			tone = "bad"
		}
		verdicts = append(verdicts, callout{tone, []span{{text: names[i] + ": ", bold: true}, {text: Verdict(e)}}})
	}
	add("verdict", "Verdicts", verdicts...)

	t := newTable("Figures", th(""), thNum(names[0], ""), thNum("95 % interval", "interval"), thNum(names[1], ""), thNum("95 % interval", "interval"), thNum("Difference", ""))
	type compared struct {
		name, def, path string
		of              func(s *evaluation.Split) evaluation.Float
	}
	figures := []compared{
		{"ROC AUC", "roc-auc", "roc_auc", func(s *evaluation.Split) evaluation.Float { return s.ROCAUC }},
		{"PR AUC", "pr-auc", "pr_auc", func(s *evaluation.Split) evaluation.Float { return s.PRAUC }},
		{"Brier score", "brier", "brier", func(s *evaluation.Split) evaluation.Float { return s.Brier }},
		{"Log loss", "log-loss", "log_loss", func(s *evaluation.Split) evaluation.Float { return s.LogLoss }},
		{"Threshold of the operating point", "operating-point", "", func(s *evaluation.Split) evaluation.Float { return s.OperatingPoint.Threshold }},
		{"Precision at the operating point", "precision", "operating_point.classes.True.precision", func(s *evaluation.Split) evaluation.Float { return s.OperatingPoint.Classes.True.Precision }},
		{"Recall at the operating point", "recall", "operating_point.classes.True.recall", func(s *evaluation.Split) evaluation.Float { return s.OperatingPoint.Classes.True.Recall }},
		{"F1 at the operating point", "f1", "operating_point.classes.True.f1", func(s *evaluation.Split) evaluation.Float { return s.OperatingPoint.Classes.True.F1 }},
		{"Precision at one half", "at-half", "at_half.classes.True.precision", func(s *evaluation.Split) evaluation.Float { return s.AtHalf.Classes.True.Precision }},
		{"Recall at one half", "at-half", "at_half.classes.True.recall", func(s *evaluation.Split) evaluation.Float { return s.AtHalf.Classes.True.Recall }},
		{"F1 at one half", "f1", "at_half.classes.True.f1", func(s *evaluation.Split) evaluation.Float { return s.AtHalf.Classes.True.F1 }},
		{"Rows flagged", "flagged", "", func(s *evaluation.Split) evaluation.Float {
			return evaluation.Float(s.OperatingPoint.Confusion.Flagged())
		}},
		{"Labelled test rows", "row", "", func(s *evaluation.Split) evaluation.Float { return evaluation.Float(s.Rows.Rows) }},
		{"Share labelled True", "label", "", func(s *evaluation.Split) evaluation.Float { return s.Rows.Prevalence() }},
	}
	if a.MaxFalsePositiveRate > 0 || b.MaxFalsePositiveRate > 0 {
		figures = append(figures, compared{"False-positive rate at the operating point", "fpr", "", func(s *evaluation.Split) evaluation.Float {
			return s.OperatingPoint.Confusion.FalsePositiveRate()
		}})
	}
	if c := a.Aim(); c.Kind() == aim.Cost && c == b.Aim() {
		figures = append(figures, compared{"Saved of the cost of flagging nothing", "saving", "operating_point.saving", func(s *evaluation.Split) evaluation.Float {
			return evaluation.Saving(c, s.OperatingPoint.Confusion)
		}})
	}
	for _, f := range figures {
		va, vb := f.of(sa), f.of(sb)
		show := func(v evaluation.Float) string { return fixed(float64(v), 4) }
		diff := signed(float64(vb-va), 4)
		if v := float64(va); v > 1 && v == math.Trunc(v) || f.name == "Rows flagged" {
			show = func(v evaluation.Float) string { return count(float64(v)) }
			diff = count(float64(vb - va))
		}
		ia, _ := sa.Intervals.Of(f.path)
		ib, _ := sb.Intervals.Of(f.path)
		label := name(f.name)
		label.def = f.def
		t.add(label, plainNum(show(va)), plainNum(within(ia.Low, ia.High)), plainNum(show(vb)), plainNum(within(ib.Low, ib.High)), plainNum(diff))
	}
	if same {
		t.caption += "; the test rows are the same, so the intervals overlap more than the paired difference would"
	}
	add("figures", "Figures", *t)
	add("curves", "Curves", gallery{figures: overlays(names, sa, sb)})
	if block := sliceComparison(names, sa, sb); block != nil {
		add("slices", "Slices", block)
	}
	gates := newTable("Gates", thDef("Gate", "gate"), th("Version"), th("Result"), th("Why"))
	for i, e := range []*evaluation.Evaluation{a, b} {
		for _, c := range e.Gate.Checks {
			result := "passed"
			if !c.Passed {
				result = "held back"
			}
			gates.add(name(c.Name), td(names[i]), td(result), prose(c.Reason))
		}
	}
	if len(gates.rows) > 0 {
		add("gates", "Gates", *gates)
	}
	add("definitions", "Definitions", definitionsOf(a.Aim(), b.Aim()))
	return d.html(), d.markdown(), nil
}

// overlays draws both versions' curves on common axes.
func overlays(names [2]string, a, b *evaluation.Split) []figure {
	var pr, roc, rel []chart.Series
	var points = newTable("Recall of True at precision of at least …", thNum("Precision", "precision"), thNum(names[0], "recall"), thNum(names[1], "recall"))
	for i, s := range []*evaluation.Split{a, b} {
		if s.Curves == nil {
			continue
		}
		var p, r, c chart.Series
		for _, x := range s.Curves.PR {
			p.Points = append(p.Points, chart.Point{X: float64(x.Recall), Y: float64(x.Precision)})
		}
		for _, x := range s.Curves.ROC {
			r.Points = append(r.Points, chart.Point{X: float64(x.FPR), Y: float64(x.TPR)})
		}
		for _, x := range s.Curves.Reliability {
			c.Points = append(c.Points, chart.Point{X: float64(x.Predicted), Y: float64(x.Observed)})
		}
		for _, line := range []*chart.Series{&p, &r, &c} {
			line.Name, line.Colour, line.Dashed = names[i], i+1, i == 1
		}
		pr, roc, rel = append(pr, p), append(roc, r), append(rel, c)
	}
	best := func(s *evaluation.Split, least float64) string {
		if s.Curves == nil {
			return dash
		}
		top := evaluation.Float(0)
		for _, x := range s.Curves.PR {
			if float64(x.Precision) >= least {
				top = max(top, x.Recall)
			}
		}
		return share(top)
	}
	for _, least := range []float64{0.6, 0.7, 0.8, 0.9, 0.95} {
		points.add(plainNum(pct(least)), plainNum(best(a, least)), plainNum(best(b, least)))
	}
	axis := func(l string) chart.Axis { return chart.Axis{Label: l, Max: 1, Percent: true} }
	return []figure{
		{chart.Line{Head: chart.Head{ID: "pr", Title: "Precision and recall", Desc: "Precision against recall of both versions."}, X: axis("recall"), Y: axis("precision"), Series: pr}.SVG(), "Precision against recall.", points},
		{chart.Line{Head: chart.Head{ID: "roc", Title: "ROC curves", Desc: "ROC curves of both versions."}, X: axis("false-positive rate"), Y: axis("true-positive rate"), Series: roc}.SVG(), "ROC curves.", nil},
		{chart.Line{Head: chart.Head{ID: "reliability", Title: "Reliability", Desc: "Share reported against mean calibrated probability of both versions."}, X: axis("mean probability"), Y: axis("share reported"), Series: rel}.SVG(), "Reliability of the calibrated probabilities.", nil},
	}
}

// sliceComparison lays slices that both have beside each other; nil without
// any.
func sliceComparison(names [2]string, a, b *evaluation.Split) block {
	t := newTable("ROC AUC, and precision and recall at the operating point", th("Family"), th("Slice"),
		thNum("Rows, "+names[0], "row"), thNum("Rows, "+names[1], "row"), thNum("ROC AUC", "roc-auc"), thNum("ROC AUC", "roc-auc"),
		thNum("Precision", "precision"), thNum("Precision", "precision"), thNum("Recall", "recall"), thNum("Recall", "recall"))
	for _, x := range a.Slices {
		i := slices.IndexFunc(b.Slices, func(y evaluation.Slice) bool { return y.Family == x.Family && y.Name == x.Name })
		if i < 0 {
			continue
		}
		y := b.Slices[i]
		p, q := x.Operate.Classes.True, y.Operate.Classes.True
		t.add(name(x.Family), td(x.Name), plainNum(count(x.Rows)), plainNum(count(y.Rows)), plainNum(share(x.ROCAUC)), plainNum(share(y.ROCAUC)),
			plainNum(share(p.Precision)), plainNum(share(q.Precision)), plainNum(share(p.Recall)), plainNum(share(q.Recall)))
	}
	if len(t.rows) == 0 {
		return nil
	}
	t.caption += "; in each pair the first column is " + names[0]
	return *t
}
