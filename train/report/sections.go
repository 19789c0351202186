package report

import (
	"fmt"
	"math"
	"strings"

	"sluice/models/drift"
	"sluice/serve/chart"
	"sluice/train/evaluation"
)

// familyTitles names the families of slices that evaluation makes itself.
var familyTitles = map[string]string{
	evaluation.FamilyRequestCount: "By requests of the row",
	evaluation.FamilySeen:         "Addresses seen and not seen in training",
	evaluation.FamilyListedBefore: "Listed before or not",
}

func sliceBlocks(s *evaluation.Split) []block {
	var out []block
	for i := 0; i < len(s.Slices); {
		family := s.Slices[i].Family
		j := i
		for j < len(s.Slices) && s.Slices[j].Family == family {
			j++
		}
		title := familyTitles[family]
		if title == "" {
			title = "By " + family
		}
		out = append(out, heading{title}, sliceTable(title, s.Slices[i:j]))
		if family == evaluation.FamilyRequestCount {
			out = append(out, sliceMatrices(s.Slices[i:j]))
		}
		i = j
	}
	return out
}

func sliceTable(title string, slices []evaluation.Slice) table {
	t := newTable(title+": class True at the operating point", th("Slice"), thNum("Rows", "row"), thNum("Of addresses", "coverage"), thNum("Reported", "label"),
		thNum("ROC AUC", "roc-auc"), thNum("Precision", "precision"), thNum("interval", "interval"), thNum("Recall", "recall"), thNum("interval", "interval"),
		thNum("Precision at ½", "at-half"), thNum("Recall at ½", "at-half"))
	// Rules that abstain say nothing of a slice either.
	listed, ruled := false, false
	for _, s := range slices {
		listed = listed || s.Listed != nil
		ruled = ruled || s.Rules != nil && !s.Rules.Abstains
	}
	if ruled {
		t.head = append(t.head, thNum("Rules: precision", "rules"), thNum("Rules: recall", "rules"))
	}
	if listed {
		t.head = append(t.head, thNum("List: precision", "listed-before"), thNum("List: recall", "listed-before"))
	}
	for _, s := range slices {
		o, h := s.Operate.Classes.True, s.AtHalf.Classes.True
		reported := math.NaN()
		if s.Rows > 0 {
			reported = float64(s.AtHalf.Classes.True.Support) / float64(s.Rows)
		}
		row := []cell{name(s.Name), plainNum(count(s.Rows)), plainNum(pct(float64(s.Share))), plainNum(pct(reported)), tdNum(share(s.ROCAUC), "roc-auc"),
			tdNum(share(o.Precision), "precision"), plainNum(within(s.Operate.PrecisionLow, s.Operate.PrecisionHigh)),
			tdNum(share(o.Recall), "recall"), plainNum(within(s.Operate.RecallLow, s.Operate.RecallHigh)),
			plainNum(share(h.Precision)), plainNum(share(h.Recall))}
		for _, rival := range []struct {
			shown bool
			p     *evaluation.Point
		}{{ruled, s.Rules}, {listed, s.Listed}} {
			switch {
			case rival.shown && rival.p != nil:
				row = append(row, plainNum(share(rival.p.Classes.True.Precision)), plainNum(share(rival.p.Classes.True.Recall)))
			case rival.shown:
				row = append(row, plainNum(dash), plainNum(dash))
			}
		}
		t.rows = append(t.rows, row)
	}
	return *t
}

// sliceMatrices are the published study's matrices by least request_count.
func sliceMatrices(slices []evaluation.Slice) gallery {
	var out gallery
	var cs []contender
	for i, s := range slices {
		if s.Rows == 0 {
			continue
		}
		c := contender{fmt.Sprintf("at one half, %s requests", s.Name), fmt.Sprintf("slice-%d", i), s.AtHalf}
		f := confusionFigure(c)
		f.caption = fmt.Sprintf("%s requests: %s of the addresses.", s.Name, pct(float64(s.Share)))
		out.figures = append(out.figures, f)
		cs = append(cs, c)
	}
	out.data = countsTable("Counts by least request_count", cs)
	return out
}

func importanceBlocks(in Input) []block {
	if len(in.Importances) == 0 {
		return nil
	}
	var out []block
	t := newTable("Importance of each feature", th("Feature"), thNum("Gain", "gain"), thNum("Cover", "cover"), thNum("Splits", ""), thNum("Permutation", "permutation"), thNum("interval", "interval"), thNum("Mean |contribution|", "shap"))
	var gain, perm []chart.Bar
	measured := false
	for _, f := range in.Importances {
		t.add(name(f.Feature), tdNum(pct(f.Gain), "gain"), tdNum(pct(f.Cover), "cover"), plainNum(count(f.Weight)),
			tdNum(fixed(f.Permutation, 4), "permutation"), plainNum(permInterval(f)), tdNum(fixed(f.MeanAbsSHAP, 3), "shap"))
		gain = append(gain, chart.Bar{Label: f.Feature, Value: f.Gain, Low: math.NaN(), High: math.NaN(), Text: pct(f.Gain), Colour: 1})
		perm = append(perm, chart.Bar{Label: f.Feature, Value: f.Permutation, Low: f.Low, High: f.High, Text: fixed(f.Permutation, 3), Colour: 3})
		measured = measured || !math.IsNaN(f.Permutation)
	}
	fs := []figure{{
		svg: chart.Bars{Head: chart.Head{ID: "gain", Title: "Gain by feature", Desc: "Share of the total gain in training, feature by feature; the table below has the figures."},
			Label: "share of the total gain", Bars: gain}.SVG(),
		caption: "What the trees used, on the training months.",
	}}
	if measured {
		fs = append(fs, figure{
			svg: chart.Bars{Head: chart.Head{ID: "permutation", Title: "Permutation importance by feature", Desc: "Loss of ROC AUC on the test months when a column is shuffled; the table below has the figures."},
				Label: "loss of ROC AUC", Bars: perm}.SVG(),
			caption: "What the model needs, on the test months.",
		})
	}
	out = append(out, gallery{figures: fs}, *t)
	if f := swarmFigure(in.Swarm); f != nil {
		out = append(out, heading{"What each feature contributed, row by row"}, wide(f[0]))
	}
	var deps []figure
	for _, d := range in.Dependence {
		deps = append(deps, dependenceFigure(d))
	}
	if len(deps) > 0 {
		out = append(out, heading{"How contributions depend on values"}, gallery{figures: deps})
	}
	return out
}

func permInterval(f Importance) string {
	if math.IsNaN(f.Low) || math.IsNaN(f.High) {
		return dash
	}
	return signed(f.Low, 4) + " to " + signed(f.High, 4)
}

func dependenceFigure(d Dependence) figure {
	var pts []chart.Point
	t := newTable("Contribution by "+d.Feature, thNum(d.Feature, ""), thNum("Mean contribution", "shap"))
	step := every(len(d.Values), 10)
	for i, v := range d.Values {
		if i >= len(d.Margin) {
			break
		}
		pts = append(pts, chart.Point{X: v, Y: d.Margin[i]})
		if i%step == 0 {
			t.add(plainNum(value(v)), plainNum(signed(d.Margin[i], 3)))
		}
	}
	label := d.Feature
	if d.Unit != "" {
		label += ", " + d.Unit
	}
	svg := chart.Line{
		Head:   chart.Head{ID: "dep-" + d.Feature, Title: "Contribution by " + d.Feature, Desc: "Mean contribution to the margin along the values of " + d.Feature + ", with the 10th and 90th percentiles."},
		X:      chart.Axis{Label: label, Log: d.Log},
		Y:      chart.Axis{Label: "contribution, log odds"},
		Series: []chart.Series{{Colour: 1, Points: pts, Low: d.Low, High: d.High}},
	}.SVG()
	return figure{svg, d.Feature + ": above 0 speaks for abusive. The band holds 80 % of the rows.", t}
}

func labelBlocks(in Input, s *evaluation.Split) []block {
	u := s.Incomplete
	if u == nil || !u.C.Defined() {
		return nil
	}
	out := []block{paragraph{
		{text: "Unreported is not innocent: the precision above counts every unreported address as a mistake, so it is a lower bound. If reporting did not depend on the features, an abusive row would be reported with chance "},
		{text: share(u.C), def: "elkan-noto", bold: true},
		{text: fmt.Sprintf(" (%s), ", within(u.CLow, u.CHigh))},
		{text: share(u.Abusive), bold: true},
		{text: " of the rows would be abusive, and the true precision at the operating point would lie between "},
		{text: share(s.OperatingPoint.Classes.True.Precision), def: "precision", bold: true},
		{text: ", every unreported row a mistake, and "},
		{text: share(u.Precision), def: "elkan-noto", bold: true},
		{text: fmt.Sprintf(" (%s), c being e1. Rows that are unclear by nature make e1 too low and the second figure too high. Recall against all abusive rows would be the recall above.", within(u.PrecisionLow, u.PrecisionHigh))},
	}}
	if u.Warning != "" {
		out = append(out, callout{"note", words("Warning: " + u.Warning + ".")})
	}
	t := newTable("Estimates of c", thNum("e1", "elkan-noto"), thNum("e2", "elkan-noto"), thNum("e3", "elkan-noto"))
	t.add(plainNum(share(u.E1)), plainNum(share(u.E2)), plainNum(share(u.E3)))
	out = append(out, *t)
	if len(u.Deciles) > 0 {
		d := newTable("c by tenths of request_count: level if the assumption holds", th("Requests"), thNum("Reported rows", "label"), thNum("c", "elkan-noto"), thNum("95 % interval", ""))
		var pts []chart.Point
		var lo, hi []float64
		for _, x := range u.Deciles {
			d.add(name(x.Range()), plainNum(count(x.Reported)), plainNum(share(x.C)), plainNum(within(x.Low, x.High)))
			if x.C.Defined() {
				pts = append(pts, chart.Point{X: math.Sqrt(max(1, float64(x.RequestsFrom)) * max(1, float64(x.RequestsTo))), Y: float64(x.C)})
				lo, hi = append(lo, float64(x.Low)), append(hi, float64(x.High))
			}
		}
		if len(pts) > 1 {
			out = append(out, gallery{figures: []figure{{
				svg: chart.Line{
					Head: chart.Head{ID: "c-deciles", Title: "c by request_count", Desc: "Estimated chance that an abusive row is reported, by tenths of request_count."},
					X:    chart.Axis{Label: "requests of the row", Log: true}, Y: chart.Axis{Label: "c", Max: 1},
					Series: []chart.Series{{Colour: 1, Dots: true, Points: pts, Low: lo, High: hi}},
				}.SVG(),
				caption: "If this line is not level, reporting depends on how busy an address is.", data: d,
			}}})
		} else {
			out = append(out, *d)
		}
	}
	if in.Labels.Note != "" {
		out = append(out, para(in.Labels.Note))
	}
	return out
}

// monthBlocks compare all splits: a backtest, or the published grid.
func monthBlocks(in Input) []block {
	e := &in.Evaluation
	var out []block
	if len(e.Splits) > 1 {
		t := newTable("Every split of this version", th("Split"), th("Trained on"), th("Tested on"), thNum("Rows", "row"), thNum("Reported", "label"), thNum("ROC AUC", "roc-auc"),
			thNum("interval", "interval"), thNum("PR AUC", "pr-auc"), thNum("Brier", "brier"), thNum("Precision", "precision"), thNum("Recall", "recall"),
			thNum("Precision at ½", "at-half"), thNum("Recall at ½", "at-half"), th("Against the rules"))
		var auc, prec chart.Series
		var tested []string
		auc = chart.Series{Name: "ROC AUC", Colour: 1, Dots: true}
		prec = chart.Series{Name: "precision at the operating point", Colour: 2, Dots: true}
		for i, s := range e.Splits {
			iv, _ := s.Intervals.Of("roc_auc")
			o, h := s.OperatingPoint.Classes.True, s.AtHalf.Classes.True
			rules := dash
			if c := s.Comparison.AgainstRules(); c != nil {
				rules = string(c.Verdict)
			}
			t.add(name(s.Name), td(joined(s.Months.Train)), td(joined(s.Months.Test)), plainNum(count(s.Rows.Rows)), plainNum(pct(float64(s.Rows.Prevalence()))), tdNum(share(s.ROCAUC), "roc-auc"),
				plainNum(within(iv.Low, iv.High)), tdNum(share(s.PRAUC), "pr-auc"), tdNum(share(s.Brier), "brier"), tdNum(share(o.Precision), "precision"), tdNum(share(o.Recall), "recall"),
				plainNum(share(h.Precision)), plainNum(share(h.Recall)), td(rules))
			tested = append(tested, joined(s.Months.Test))
			auc.Points = append(auc.Points, chart.Point{X: float64(i + 1), Y: float64(s.ROCAUC)})
			prec.Points = append(prec.Points, chart.Point{X: float64(i + 1), Y: float64(o.Precision)})
		}
		out = append(out, splitSentence(e), *t)
		if len(e.Splits) > 2 {
			out = append(out, gallery{figures: []figure{{
				svg: chart.Line{
					Head: chart.Head{ID: "splits", Title: "Splits", Desc: "ROC AUC and precision at the operating point, split by split in the order of the table."},
					X:    chart.Axis{Label: "test month", Min: 0.5, Max: float64(len(e.Splits)) + 0.5, Names: tested}, Y: chart.Axis{Max: 1},
					Series: []chart.Series{auc, prec},
				}.SVG(),
				caption: "The same figures, split by split.",
			}}})
		}
	}
	out = append(out, ageBlocks(e)...)
	if len(in.Grid) > 0 {
		out = append(out, gridBlocks(in.Grid)...)
	}
	return out
}

// splitSentence counts the splits that kept the promise.
func splitSentence(e *evaluation.Evaluation) block {
	a, kept, abstained := e.Aim(), 0, 0
	for _, s := range e.Splits {
		switch {
		case s.OperatingPoint.Abstains:
			abstained++
		case evaluation.Kept(a, s.OperatingPoint.Confusion):
			kept++
		}
	}
	text := fmt.Sprintf("Of %d splits, %d %s", len(e.Splits), kept, keptSentence(a))
	if abstained > 0 {
		text += fmt.Sprintf(", and in %d the model abstains", abstained)
	}
	return para(text + ".")
}

func gridBlocks(rows []GridRow) []block {
	t := newTable("The published grid", th("Experiment"), th("Rows are split"), thNum("Test rows", "row"), thNum("ROC AUC", "roc-auc"), thNum("Precision at ½", "precision"),
		thNum("Recall at ½", "recall"), thNum("Accuracy at ½", "accuracy"), thNum("Mean ROC AUC of the draws", "draws"), thNum("least to greatest", "draws"), thNum("Gain by leakage", "leakage"), thNum("interval", "interval"))
	var ms []figure
	var cs []contender
	for i, g := range rows {
		how := "by row"
		if g.Grouped {
			how = "by address"
		}
		leak, leakWithin, mean, spread := dash, dash, dash, dash
		if g.HasLeak {
			leak, leakWithin = signed(g.Leakage, 3), signed(g.LeakLow, 3)+" to "+signed(g.LeakHigh, 3)
		}
		if g.Draws > 0 {
			mean, spread = fixed(g.Mean, 3), fixed(g.Least, 3)+"–"+fixed(g.Great, 3)
		} else {
			how = "by month"
		}
		h := g.Split.AtHalf
		t.add(name(g.Name), td(how), plainNum(count(g.Split.Rows.Rows)), tdNum(share(g.Split.ROCAUC), "roc-auc"), tdNum(share(h.Classes.True.Precision), "precision"),
			tdNum(share(h.Classes.True.Recall), "recall"), tdNum(share(h.Accuracy), "accuracy"), plainNum(mean), plainNum(spread), plainNum(leak), plainNum(leakWithin))
		title := g.Name + ", " + how
		if g.Draws == 0 {
			title = g.Name
		}
		c := contender{title, fmt.Sprintf("grid-%d", i), h}
		cs = append(cs, c)
		f := confusionFigure(c)
		f.caption = title + ", at one half."
		ms = append(ms, f)
	}
	return []block{
		heading{"The published grid"}, *t,
		para("A random split is drawn five times, each row being tested once; the matrices are of the first draw. **Gain by leakage**: ROC AUC by row minus that by address, over the same rows, each scored by the model that did not see it. A split by row puts one address into training and test, which flatters the model; where no address has two rows there is nothing to leak."),
		gridSlices(rows),
		gallery{ms, countsTable("Counts at one half", cs)},
	}
}

func driftBlocks(in Input) []block {
	if in.Drift == nil || len(in.Drift.Months) == 0 {
		return nil
	}
	head := []cell{th("Feature")}
	ks := []cell{th("Feature")}
	months := in.Drift.Months
	for _, m := range months {
		head = append(head, thNum(m.Month, "psi"))
		ks = append(ks, thNum(m.Month, "ks"))
	}
	t := newTable("PSI of each feature against the training months", head...)
	k := newTable("KS of each feature against the training months", ks...)
	var cells [][]chart.Cell
	var labels []string
	for i, c := range in.Drift.Columns {
		row, krow := []cell{name(c)}, []cell{name(c)}
		var heat []chart.Cell
		for _, m := range months {
			row = append(row, plainNum(fixed(m.PSI[i], 3)))
			krow = append(krow, plainNum(fixed(m.KS[i], 3)))
			heat = append(heat, chart.Cell{Text: fixed(m.PSI[i], 2), Shade: m.PSI[i] / 0.5, Bad: m.PSI[i] > 0.25})
		}
		t.rows = append(t.rows, row)
		k.rows = append(k.rows, krow)
		cells = append(cells, heat)
		labels = append(labels, c)
	}
	out := []block{driftSentence(in.Drift, strings.Join(in.Evaluation.Main().Months.Test, ", "))}
	if len(months) > 1 {
		var heads []string
		for _, m := range months {
			heads = append(heads, m.Month)
		}
		out = append(out, gallery{figures: []figure{{
			svg: chart.Matrix{
				Head: chart.Head{ID: "psi", Title: "PSI by feature and month", Desc: "Population stability index of each feature in each month; the table below has the figures.",
					Size: chart.Size{Width: min(260+64*len(months), 1000), Height: 50 + 24*len(labels)}},
				Rows: labels, Columns: heads, Cells: cells,
			}.SVG(),
			caption: "PSI by feature and month; above 0.25 in the second colour.", data: t,
		}}})
	} else {
		out = append(out, *t)
	}
	if fs := driftFigures(in.Drift); len(fs) > 0 {
		out = append(out, heading{"Months beside the training rows"},
			para("Bins are the training rows' own tenths, fewer where values repeat: where nothing drifts, every line lies on the dashed one. The score's reference is what training rows got out of fold."),
			gallery{figures: fs})
	}
	return append(out, details{"Kolmogorov–Smirnov distances", []block{*k}})
}

func driftSentence(r *drift.Report, tested string) block {
	last := r.Months[len(r.Months)-1]
	for _, m := range r.Months {
		if m.Month == tested {
			last = m
		}
	}
	// The score is no feature.
	features := r.Columns
	if n := len(features); n > 0 && features[n-1] == "score" {
		features = features[:n-1]
		last.PSI = last.PSI[:n-1]
	}
	psi, column := last.Max(features)
	if column == "" {
		return para("Nothing could be compared.")
	}
	reading := "little drift"
	switch {
	case psi > 0.25:
		reading = "a shift: retraining is due, and the figures of older months say little about this one"
	case psi > 0.1:
		reading = "some drift: watch it"
	}
	return paragraph{
		{text: "In " + last.Month + " the feature that drifted most is " + column + " with PSI "},
		{text: fixed(psi, 3), def: "psi", bold: true},
		{text: ": " + reading + "."},
	}
}

// gridSlices are the published slices by requests of the last split, the one
// the study reports.
func gridSlices(rows []GridRow) block {
	last := rows[len(rows)-1]
	var of []evaluation.Slice
	for _, s := range last.Split.Slices {
		if s.Family == evaluation.FamilyRequestCount {
			of = append(of, s)
		}
	}
	t := newTable(last.Name+", by least request_count, at one half", th("Requests"), thNum("Rows", "row"), thNum("Of addresses", "coverage"), thNum("Precision", "precision"), thNum("Recall", "recall"),
		thNum("TN", "confusion"), thNum("FP", "confusion"), thNum("FN", "confusion"), thNum("TP", "confusion"))
	for _, s := range of {
		c := s.AtHalf.Confusion
		t.add(name(s.Name), plainNum(count(s.Rows)), plainNum(pct(float64(s.Share))), tdNum(share(s.AtHalf.Classes.True.Precision), "precision"), tdNum(share(s.AtHalf.Classes.True.Recall), "recall"),
			plainNum(count(c.TN)), plainNum(count(c.FP)), plainNum(count(c.FN)), plainNum(count(c.TP)))
	}
	return *t
}
