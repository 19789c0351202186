package report

import (
	"fmt"
	"math"
	"slices"
	"strings"

	"sluice/serve/chart"
	"sluice/train/evaluation"
)

// studyBlocks show variants of the version side by side, a question each.
func studyBlocks(in Input) []block {
	var out []block
	main := in.Evaluation.Main().Months
	for _, name := range []string{evaluation.StudyColumns, evaluation.StudyTuning, evaluation.StudyDefinition, evaluation.StudyDelay} {
		of := studiesOf(in.Evaluation.Studies, name)
		for i, s := range of {
			if i == 0 {
				out = append(out, heading{s.Question})
			}
			out = append(out, oneStudy(s, len(of) > 1, len(of) == 1 || slices.Equal(s.Months.Test, main.Test))...)
		}
		if f := acrossSplits(of, float64(in.Evaluation.Target)); f != nil {
			out = append(out, gallery{figures: f})
		}
	}
	return out
}

func studiesOf(all []evaluation.Study, name string) []evaluation.Study {
	var out []evaluation.Study
	for _, s := range all {
		if s.Name == name {
			out = append(out, s)
		}
	}
	slices.SortStableFunc(out, func(a, b evaluation.Study) int { return slices.Compare(a.Months.Test, b.Months.Test) })
	return out
}

func splitOf(m evaluation.Months) string { return joined(m.Train) + " → " + joined(m.Test) }

// oneStudy is a study's answer and table. Of several, the table and the notes
// of those that are not the version's own split are folded away.
func oneStudy(s evaluation.Study, several, own bool) []block {
	var out []block
	if s.Sentence != "" {
		text := s.Sentence
		if several {
			text = "**" + splitOf(s.Months) + ".** " + text
		}
		out = append(out, para(text))
	}
	caption := "Each variant trained, its threshold chosen on folds of its training rows, and measured on " + joined(s.Months.Test) + "; 95 % intervals by address"
	head := []cell{th("Variant"), th("Rows"), thNum("Number", "row"), thNum("Reported", "label"), thNum("ROC AUC", "roc-auc"), thNum("interval", "interval")}
	if s.Paired {
		head = append(head, thNum("gained", "study"), thNum("interval", "study"))
	}
	head = append(head, thNum("PR AUC", "pr-auc"), thNum("Precision", "precision"), thNum("interval", "interval"), thNum("Recall", "recall"))
	t := newTable(caption, head...)
	var notes list
	for _, v := range s.Variants {
		title := strings.ToUpper(v.Name[:1]) + v.Name[1:]
		if v.Skipped != "" {
			notes = append(notes, []span{{text: title + ": ", bold: true}, {text: "left out, as " + v.Skipped + "."}})
			continue
		}
		if v.Note != "" {
			notes = append(notes, []span{{text: title + ": ", bold: true}, {text: v.Note + "."}})
		}
		for k, p := range v.Parts {
			who := name(title)
			if k > 0 {
				who = name("")
			}
			row := []cell{who, td(p.Part), plainNum(count(p.Rows)), plainNum(pct(float64(p.True) / float64(max(1, p.Rows)))), tdNum(share(p.ROCAUC.Estimate), "roc-auc"), plainNum(within(p.ROCAUC.Low, p.ROCAUC.High))}
			if s.Paired {
				row = append(row, gainCells(p.ROCAUCGain)...)
			}
			t.rows = append(t.rows, append(row,
				tdNum(share(p.PRAUC.Estimate), "pr-auc"), tdNum(precisionText(v, p), "precision"), plainNum(within(p.Precision.Low, p.Precision.High)), tdNum(share(p.Recall.Estimate), "recall")))
		}
	}
	var more []block
	if len(t.rows) > 0 {
		more = append(more, *t)
	}
	if len(notes) > 0 {
		more = append(more, notes)
	}
	if own {
		return append(out, more...)
	}
	return append(out, details{"The figures on " + joined(s.Months.Test), more})
}

// precisionText says of a variant that flags nothing why.
func precisionText(v evaluation.Variant, p evaluation.VariantPart) string {
	if v.Abstains {
		return "abstains"
	}
	return share(p.Precision.Estimate)
}

func gainCells(iv *evaluation.Interval) []cell {
	if iv == nil {
		return []cell{plainNum(dash), plainNum(dash)}
	}
	return []cell{plainNum(signed(float64(iv.Estimate), 3)), plainNum(signedWithin(*iv))}
}

// acrossSplits draws a study that was made for several months: each variant's
// ROC AUC and its precision at the operating point, month by month; target is
// NaN where the aim is no precision.
func acrossSplits(of []evaluation.Study, target float64) []figure {
	if len(of) < 2 {
		return nil
	}
	var names, months []string
	auc, precision := map[string][]chart.Point{}, map[string][]chart.Point{}
	low, high := map[string][]float64{}, map[string][]float64{}
	t := newTable("By test month", th("Test month"), th("Variant"), thNum("ROC AUC", "roc-auc"), thNum("Precision", "precision"))
	for _, s := range of {
		for _, v := range s.Variants {
			if v.Part(evaluation.PartAll) != nil && !slices.Contains(names, v.Name) {
				names = append(names, v.Name)
			}
		}
	}
	for i, s := range of {
		months = append(months, joined(s.Months.Test))
		for _, v := range s.Variants {
			p := v.Part(evaluation.PartAll)
			if p == nil {
				continue
			}
			// Side by side, so that whiskers can be told apart.
			x := float64(i+1) + 0.08*(float64(slices.Index(names, v.Name))-float64(len(names)-1)/2)
			if p.ROCAUC.Estimate.Defined() {
				auc[v.Name] = append(auc[v.Name], chart.Point{X: x, Y: float64(p.ROCAUC.Estimate)})
			}
			if p.Precision.Estimate.Defined() {
				precision[v.Name] = append(precision[v.Name], chart.Point{X: x, Y: float64(p.Precision.Estimate)})
				low[v.Name], high[v.Name] = append(low[v.Name], float64(p.Precision.Low)), append(high[v.Name], float64(p.Precision.High))
			}
			t.add(name(joined(s.Months.Test)), td(v.Name), tdNum(share(p.ROCAUC.Estimate), "roc-auc"), tdNum(precisionText(v, *p), "precision"))
		}
	}
	var a, b []chart.Series
	for k, n := range names {
		if len(auc[n]) > 0 {
			a = append(a, chart.Series{Name: n, Colour: k%5 + 1, Dots: true, Points: auc[n]})
		}
		if len(precision[n]) > 0 {
			b = append(b, chart.Series{Name: n, Colour: k%5 + 1, Dots: true, Points: precision[n], Low: low[n], High: high[n]})
		}
	}
	came := "Precision at each variant's own operating point. A variant that abstains has no dot."
	if !math.IsNaN(target) {
		came = "What each promised at the target and what came of it. A variant that abstains has no dot."
		b = append(b, chart.Series{Name: "target", Dashed: true, Points: []chart.Point{{X: 0.5, Y: target}, {X: float64(len(of)) + 0.5, Y: target}}})
	}
	x := chart.Axis{Label: "test month", Min: 0.5, Max: float64(len(of)) + 0.5, Names: months}
	id := "study-" + of[0].Name
	size := chart.Size{Width: 460, Height: 360}
	return []figure{{
		svg:     chart.Line{Head: chart.Head{ID: id + "-auc", Title: "ROC AUC by test month", Desc: "ROC AUC of each variant, month by month; the table has the figures.", Size: size}, X: x, Y: chart.Axis{Label: "ROC AUC", Min: 0.5, Max: 1}, Series: a}.SVG(),
		caption: "The order of addresses, month by month.",
	}, {
		svg:     chart.Line{Head: chart.Head{ID: id + "-precision", Title: "Precision at the operating point by test month", Desc: "Precision of each variant at its own operating point, with 95 % intervals.", Size: size}, X: x, Y: chart.Axis{Label: "precision", Max: 1, Percent: true}, Series: b}.SVG(),
		caption: came, data: t,
	}}
}

// ageBlocks say how models age, and when to train again.
func ageBlocks(e *evaluation.Evaluation) []block {
	of := studiesOf(e.Studies, evaluation.StudyAge)
	if e.Retrain == nil || len(of) == 0 {
		return nil
	}
	t := newTable("Models by age, on the same rows of each test month", th("Tested on"), th("Trained on"), thNum("Age, months", "age"), thNum("ROC AUC", "roc-auc"), thNum("interval", "interval"),
		thNum("against the youngest", "age"), thNum("interval", "interval"), thNum("Precision", "precision"), thNum("Recall", "recall"),
		thNum("PSI of the score", "psi"), thNum("Greatest PSI", "psi"), th("of"))
	byAge := map[int]*chart.Series{}
	var months []string
	var ages []int
	for i, s := range of {
		months = append(months, joined(s.Months.Test))
		for _, v := range s.Variants {
			p := v.Part(evaluation.PartAll)
			if p == nil {
				continue
			}
			gain := gainCells(p.ROCAUCGain)
			t.add(name(joined(s.Months.Test)), td(strings.TrimPrefix(v.Name, "trained on ")), plainNum(count(v.Age)), tdNum(share(p.ROCAUC.Estimate), "roc-auc"), plainNum(within(p.ROCAUC.Low, p.ROCAUC.High)),
				gain[0], gain[1], tdNum(precisionText(v, *p), "precision"), tdNum(share(p.Recall.Estimate), "recall"),
				tdNum(fixed(float64(v.ScorePSI), 3), "psi"), tdNum(fixed(float64(v.MaxPSI), 3), "psi"), td(v.MaxPSIFeature))
			if byAge[v.Age] == nil {
				byAge[v.Age] = &chart.Series{Name: plural(v.Age, "month old", "months old"), Colour: len(ages)%5 + 1, Dots: true}
				ages = append(ages, v.Age)
			}
			byAge[v.Age].Points = append(byAge[v.Age].Points, chart.Point{X: float64(i+1) + 0.07*float64(v.Age-1), Y: float64(p.ROCAUC.Estimate)})
			byAge[v.Age].Low, byAge[v.Age].High = append(byAge[v.Age].Low, float64(p.ROCAUC.Low)), append(byAge[v.Age].High, float64(p.ROCAUC.High))
		}
	}
	out := []block{heading{"When to train again"}, callout{"note", []span{{text: "When to train again. ", bold: true}, {text: e.Retrain.Sentence, def: ""}}}}
	if len(of) > 1 {
		var series []chart.Series
		for k, age := range ages {
			if k == 5 {
				break // more lines than colours can't be read
			}
			series = append(series, *byAge[age])
		}
		out = append(out, gallery{figures: []figure{{
			svg: chart.Line{
				Head: chart.Head{ID: "ages", Title: "ROC AUC by age of the model", Desc: "ROC AUC of models of each age on the same rows, month by month; the table below has the figures.", Size: chart.Size{Width: 460, Height: 320}},
				X:    chart.Axis{Label: "test month", Min: 0.5, Max: float64(len(of)) + 0.5, Names: months}, Y: chart.Axis{Label: "ROC AUC", Min: 0.5, Max: 1}, Series: series,
			}.SVG(),
			caption: "Whiskers are 95 % intervals by address.",
		}}})
	}
	return append(out, *t)
}

// calibrationBlock says in words how far probabilities are off.
func calibrationBlock(s *evaluation.Split) block {
	c := s.CalibrationError
	if c == nil || !c.Error.Defined() {
		return nil
	}
	off := "above"
	if c.Bias < 0 {
		off = "below"
	}
	return paragraph{
		{text: "Calibration. ", bold: true},
		{text: "Calibrated probabilities lie "}, {text: fmt.Sprintf("%s points", fixed(float64(c.Error)*100, 1)), def: "calibration-error", bold: true},
		{text: fmt.Sprintf(" from the shares seen on average (raw ones %s); on the whole they are %s points %s (%s to %s), and %d of %d bins lie outside their interval.",
			fixed(float64(c.Raw)*100, 1), fixed(math.Abs(float64(c.Bias))*100, 1), off, signed(float64(c.BiasLow)*100, 1), signed(float64(c.BiasHigh)*100, 1), c.Outside, c.Bins)},
	}
}
