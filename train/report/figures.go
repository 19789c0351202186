package report

import (
	"fmt"

	"sluice/models/rules"
	"sluice/models/rules/aim"
	"sluice/serve/chart"
	"sluice/train/evaluation"
)

// contender is one way to flag rows, with its name in tables.
type contender struct {
	name, path string
	point      evaluation.Point
}

func contenders(s *evaluation.Split) []contender {
	out := []contender{
		{"Model at the operating point", "operating_point", s.OperatingPoint},
		{"Model at one half", "at_half", s.AtHalf},
	}
	if s.Rules != nil {
		out = append(out,
			contender{"Rules at the operating point", "rules.operating_point", s.Rules.OperatingPoint},
			contender{"Rules of best F1", "rules.at_half", s.Rules.AtHalf})
	}
	if s.BestF1 != nil {
		out = append(out, contender{"Model of best F1", "best_f1", *s.BestF1})
	}
	if s.ListedBefore != nil {
		out = append(out, contender{"Listed before", "listed_before.operating_point", s.ListedBefore.OperatingPoint})
	}
	if s.Champion != nil {
		out = append(out, contender{"Champion", "champion.operating_point", s.Champion.OperatingPoint})
	}
	return out
}

func figureBlocks(_ Input, s *evaluation.Split) []block {
	cs := contenders(s)
	t := newTable(fmt.Sprintf("Class True on %s, trained on %s; 95 %% intervals by address", joined(s.Months.Test), joined(s.Months.Train)),
		th(""), thNum("Threshold", "operating-point"), thNum("Precision", "precision"), thNum("", "interval"), thNum("Recall", "recall"), thNum("", "interval"),
		thNum("F1", "f1"), thNum("FPR", "fpr"), thNum("Accuracy", "accuracy"), thNum("Flagged", "flagged"))
	t.head[3].text, t.head[5].text = "interval", "interval"
	t.mark = 0
	var matrices []figure
	for _, c := range cs {
		tr := c.point.Classes.True
		iv := func(figure string) string {
			f, _ := s.Intervals.Of(c.path + ".classes.True." + figure)
			return within(f.Low, f.High)
		}
		lim := dash
		if c.point.Threshold.Defined() || c.point.Abstains {
			lim = threshold(c.point)
		}
		t.add(name(c.name), plainNum(lim), tdNum(share(tr.Precision), "precision"), plainNum(iv("precision")),
			tdNum(share(tr.Recall), "recall"), plainNum(iv("recall")), tdNum(share(tr.F1), "f1"),
			tdNum(share(c.point.Confusion.FalsePositiveRate()), "fpr"), tdNum(share(c.point.Accuracy), "accuracy"), tdNum(count(c.point.Confusion.Flagged()), "flagged"))
		matrices = append(matrices, confusionFigure(c))
	}
	out := []block{*t}
	if s.OperatingPoint.PrecisionBound.Defined() {
		out = append(out, paragraph{{text: "The precision at the operating point has the lower 90 % bound "},
			{text: share(s.OperatingPoint.PrecisionBound), def: "lower-bound", bold: true}, {text: "."}})
	}
	out = append(out, heading{"Confusion matrices"}, gallery{matrices, countsTable("Counts", cs)},
		heading{"The published form"}, beside{classTable(cs[0]), classTable(cs[1])})
	rank := newTable("The ranking and the probability", th("Figure"), thNum("Value", ""), thNum("95 % interval", "interval"))
	for _, f := range []struct {
		name, def, path string
		v               evaluation.Float
	}{
		{"ROC AUC", "roc-auc", "roc_auc", s.ROCAUC}, {"PR AUC (average precision)", "pr-auc", "pr_auc", s.PRAUC},
		{"Brier score, calibrated", "brier", "brier", s.Brier}, {"Brier score, raw", "brier", "", s.BrierRaw},
		{"Log loss, calibrated", "log-loss", "log_loss", s.LogLoss},
	} {
		iv, _ := s.Intervals.Of(f.path)
		rank.add(name(f.name), tdNum(fixed(float64(f.v), 4), f.def), plainNum(within(iv.Low, iv.High)))
	}
	if p := s.BrierParts; p != nil {
		rank.add(name("Reliability"), tdNum(fixed(float64(p.Reliability), 4), "brier-parts"), plainNum(""))
		rank.add(name("Resolution"), tdNum(fixed(float64(p.Resolution), 4), "brier-parts"), plainNum(""))
		rank.add(name("Uncertainty"), tdNum(fixed(float64(p.Uncertainty), 4), "brier-parts"), plainNum(""))
	}
	if c := s.CalibrationError; c != nil {
		rank.add(name("Calibration error"), tdNum(fixed(float64(c.Error), 4), "calibration-error"), plainNum(""))
	}
	out = append(out, *rank)
	if b := calibrationBlock(s); b != nil {
		out = append(out, b)
	}
	out = append(out, para(fmt.Sprintf("Intervals: %s; %s draws over %s, seed %d.", s.Intervals.Method,
		count(s.Intervals.Draws), plural(s.Intervals.Clusters, "address", "addresses"), s.Intervals.Seed)))
	return append(out, addressBlocks(s)...)
}

func confusionFigure(c contender) figure {
	m := c.point.Confusion
	neg, pos := m.TN+m.FP, m.FN+m.TP
	cellOf := func(n, of float64, bad bool) chart.Cell {
		v := 0.0
		note := ""
		if of > 0 {
			v = n / of
			note = pct(v)
		}
		return chart.Cell{Text: count(n), Note: note, Shade: v, Bad: bad}
	}
	svg := chart.Matrix{
		Head: chart.Head{
			ID: "matrix-" + c.path, Title: "Confusion matrix: " + c.name,
			Desc: fmt.Sprintf("%s true negatives, %s false positives, %s false negatives, %s true positives.", count(m.TN), count(m.FP), count(m.FN), count(m.TP)),
			Size: chart.Size{Width: 300, Height: 190},
		},
		Rows: []string{"False", "True"}, Columns: []string{"not flagged", "flagged"},
		RowTitle: "label", ColumnTitle: c.name,
		Cells: [][]chart.Cell{
			{cellOf(m.TN, neg, false), cellOf(m.FP, neg, true)},
			{cellOf(m.FN, pos, true), cellOf(m.TP, pos, false)},
		},
	}.SVG()
	return figure{svg: svg, caption: c.name + ". Shares are of the rows of the label."}
}

// countsTable is the four counts of each contender.
func countsTable(caption string, cs []contender) *table {
	t := newTable(caption, th(""), thNum("TN", "confusion"), thNum("FP", "confusion"), thNum("FN", "confusion"), thNum("TP", "confusion"))
	for _, c := range cs {
		m := c.point.Confusion
		t.add(name(c.name), plainNum(count(m.TN)), plainNum(count(m.FP)), plainNum(count(m.FN)), plainNum(count(m.TP)))
	}
	return t
}

// classTable is the table as the study printed it, to six decimals.
func classTable(c contender) table {
	t := newTable(c.name, th(""), thNum("precision", "precision"), thNum("recall", "recall"), thNum("f1-score", "f1"), thNum("support", "support"))
	six := func(v evaluation.Float) string { return fixed(float64(v), 6) }
	row := func(n, def string, m evaluation.Class) {
		label := name(n)
		label.def = def
		t.add(label, tdNum(six(m.Precision), "precision"), tdNum(six(m.Recall), "recall"), tdNum(six(m.F1), "f1"), tdNum(count(float64(m.Support)), "support"))
	}
	row("False", "label", c.point.Classes.False)
	row("True", "label", c.point.Classes.True)
	acc := name("accuracy")
	acc.def = "accuracy"
	t.add(acc, plainNum(""), plainNum(""), tdNum(six(c.point.Accuracy), "accuracy"), tdNum(count(c.point.Confusion.Rows()), "support"))
	row("macro avg", "macro", c.point.Macro)
	row("weighted avg", "weighted", c.point.Weighted)
	return *t
}

func comparisonBlocks(in Input, s *evaluation.Split) []block {
	var out []block
	t := newTable("Paired differences at the operating points, model minus rival", th("Rival"), thDef("Verdict", "comparison"),
		thNum("Recall", "recall"), thNum("interval", "interval"), thNum("Precision", "precision"), thNum("interval", "interval"), thNum("F1", "f1"), thNum("interval", "interval"), thNum("Recall at its precision", "same-precision"),
		thNum("Only model right", "mcnemar"), thNum("Only rival right", "mcnemar"), thNum("McNemar p", "mcnemar"))
	if in.Evaluation.Aim().Kind() == aim.Cost {
		t.head[2] = thNum("Saved", "saving")
	}
	diff := func(iv evaluation.Interval) (cell, cell) {
		return plainNum(signed(float64(iv.Estimate), 3)), plainNum(signedWithin(iv))
	}
	for _, p := range []*evaluation.Paired{s.Comparison.Rules, s.Comparison.RulesF1, s.Comparison.ListedBefore, s.Comparison.Champion} {
		if p == nil {
			continue
		}
		with := p.With
		if p == s.Comparison.RulesF1 {
			with = "the rules, both at their best F1"
		}
		out = append(out, para(p.Sentence))
		r, ri := diff(p.Difference)
		pr, pi := diff(p.Precision)
		f, fi := diff(p.F1)
		if p == s.Comparison.RulesF1 || p.Verdict == evaluation.NoContest {
			r, ri = plainNum(dash), plainNum(dash) // its difference is of F1, or of nothing that was reached
		}
		if p == s.Comparison.RulesF1 && s.BestF1 != nil && s.Rules != nil && in.Evaluation.Aim().Kind() != aim.Cost {
			r = plainNum(signed(float64(s.BestF1.Classes.True.Recall-s.Rules.AtHalf.Classes.True.Recall), 3))
		}
		t.add(name(with), td(string(p.Verdict)), r, ri, pr, pi, f, fi, plainNum(share(p.AtItsPrecision)),
			plainNum(count(p.McNemar.OnlyModel)), plainNum(count(p.McNemar.OnlyOther)), plainNum(pValue(float64(p.McNemar.PValue))))
	}
	if len(t.rows) == 0 {
		return nil
	}
	out = append(out, *t)
	if in.Rules != nil {
		items := list{
			{{text: fittedFor[in.Evaluation.Aim().Kind()], bold: true}, {text: ruleText(in.Rules.AtTarget), def: "rules"}},
			{{text: "For the best F1: ", bold: true}, {text: ruleText(in.Rules.BestF1), def: "rules"}},
		}
		out = append(out, heading{"The rules, as fitted on the training months"}, items)
	}
	return out
}

// fittedFor names the first of the two rules.
var fittedFor = map[aim.Kind]string{
	aim.None: "For the target precision: ", aim.Precision: "For the target precision: ",
	aim.FalsePositiveRate: "For the greatest false-positive rate: ", aim.Cost: "For the least cost: ",
}

// beyondTheList says how the model does where the list can say nothing; nil
// where that was not measured.
func beyondTheList(s *evaluation.Split) paragraph {
	for _, x := range s.Slices {
		if x.Family != evaluation.FamilyListedBefore || x.Name != evaluation.SliceNeverListed || x.Rows == 0 {
			continue
		}
		t := x.Operate.Classes.True
		return paragraph{
			{text: "Where the list can say nothing. ", bold: true},
			{text: fmt.Sprintf("Of the %s never listed before, %s are reported in the end. There the model's precision is ", plural(x.Rows, "row", "rows"), pct(float64(t.Support)/float64(x.Rows)))},
			{text: share(t.Precision), def: "precision", bold: true},
			{text: fmt.Sprintf(" (%s) and its recall ", within(x.Operate.PrecisionLow, x.Operate.PrecisionHigh))},
			{text: share(t.Recall), def: "recall", bold: true},
			{text: fmt.Sprintf(" (%s), with ROC AUC ", within(x.Operate.RecallLow, x.Operate.RecallHigh))},
			{text: share(x.ROCAUC), def: "roc-auc", bold: true},
			{text: "; the list flags none of them."},
		}
	}
	return nil
}

func signedWithin(iv evaluation.Interval) string {
	if !iv.Low.Defined() || !iv.High.Defined() {
		return dash
	}
	return signed(float64(iv.Low), 3) + " to " + signed(float64(iv.High), 3)
}

func pValue(p float64) string {
	if p < 0.0001 {
		return "< 0.0001"
	}
	return fixed(p, 4)
}

// ruleText is a rule for readers: thresholds rounded.
func ruleText(r rules.Rule) string {
	if r.Abstains || r.Combine == "" {
		return "no rule reaches it, so they flag nothing"
	}
	side := func(c rules.Condition) string {
		op := " ≥ "
		if c.Op == rules.AtMost {
			op = " ≤ "
		}
		return c.Column + op + value(c.Threshold)
	}
	return side(r.RequestCount) + " " + string(r.Combine) + " " + side(r.ResponseSizeMean)
}
