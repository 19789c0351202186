package xgbgrid

import (
	"fmt"
	"strconv"
	"strings"

	"sluice/notebooks-port/internal/page"
	"sluice/notebooks-port/internal/study"
	"sluice/notebooks-port/internal/words"
	"sluice/serve/chart"
	"sluice/train/evaluation"
)

// Document lays the result out. It computes nothing that is not in the result.
func (r *Result) Document() *page.Document {
	return &page.Document{
		Title:    "XGBoost on the study's splits",
		Subtitle: fmt.Sprintf("%s; %s columns, %s rounds; label %s", r.Final.Name, words.Count(len(r.Columns)), words.Count(r.Rounds), words.OrNone(r.Definite)),
		Sections: []page.Section{
			{ID: "summary", Title: "In short", Blocks: r.summary()},
			{ID: "grid", Title: "The grid of splits", Blocks: r.gridBlocks()},
			{ID: "final", Title: "Trained on earlier months, tested on the last", Blocks: r.finalBlocks()},
			{ID: "importance", Title: "What the trees look at", Blocks: r.importanceBlocks()},
			{ID: "requests", Title: "Only addresses with more requests", Blocks: r.sweepBlocks()},
			{ID: "rules", Title: "Two thresholds instead", Blocks: r.ruleBlocks()},
			{ID: "method", Title: "How this was found", Blocks: []page.Block{page.List{
				"**A row** is flagged where the trees' probability is at least one half, as in the study. Parameters: XGBoost's defaults" + r.paramText() + ", " + words.Count(r.Rounds) + " rounds, nothing tuned. The study names none.",
				"**.8/.2** draws a fifth of the rows to test on. An address may then have rows on both sides, so the same is done once more by address.",
				fmt.Sprintf("**Rows without a label** (%s) are neither trained nor tested on.", words.Count(r.Unknown)),
				"**Intervals** are 95 %, after Wilson, widened for addresses with several rows.",
				"**The study's counts** are the only ones below 4,000 a class that give all printed figures of its report; of its other matrices no figures can be read in the text.",
			}}},
		},
	}
}

func (r *Result) paramText() string {
	if r.Params == "" {
		return ""
	}
	return " but for " + r.Params
}

// Summary is told at the end.
func (r *Result) Summary() []string {
	t := r.Final.Model.Classes.True
	return []string{fmt.Sprintf("%s: precision %s, recall %s at one half (the study: 0.924, 0.631)", r.Final.Name, three(t.Precision), three(t.Recall))}
}

func three(x evaluation.Float) string { return words.Decimal(float64(x), 3) }

func within(low, high evaluation.Float) string {
	if !low.Defined() || !high.Defined() {
		return words.None
	}
	return three(low) + " – " + three(high)
}

func (r *Result) summary() []page.Block {
	var out []page.Block
	if r.Simulated {
		out = append(out, page.Callout{Tone: "note", Text: study.Simulation})
	}
	m, p := r.Final.Model.Classes.True, r.Published.Classes.True
	text := fmt.Sprintf("of the rows that the trees flag in the last month %s are reported (%s); asked are more than %s. The study had %s.", words.Percent(float64(m.Precision)), within(r.Final.Model.PrecisionLow, r.Final.Model.PrecisionHigh), words.Percent(r.Target), words.Percent(float64(p.Precision)))
	if r.Final.Met {
		out = append(out, page.Callout{Tone: "good", Text: "**The hypothesis holds:** " + text})
	} else {
		out = append(out, page.Callout{Tone: "bad", Text: "**The hypothesis does not hold here:** " + text})
	}
	out = append(out, page.Cards{
		{Label: "Precision of True", Value: three(m.Precision), Note: "the study: " + three(p.Precision)},
		{Label: "Recall of True", Value: three(m.Recall), Note: "the study: " + three(p.Recall)},
		{Label: "F1 of True", Value: three(m.F1), Note: "the study: " + three(p.F1)},
		{Label: "Accuracy", Value: three(r.Final.Model.Accuracy), Note: "the study: " + three(r.Published.Accuracy)},
		{Label: "ROC AUC", Value: three(r.Final.ROCAUC), Note: "the study gives none"},
	})
	var l page.List
	var random, forward []float64
	for _, s := range r.Splits[:len(r.Splits)-1] {
		if s.Grouped {
			continue
		}
		if strings.Contains(s.Name, "→") {
			forward = append(forward, float64(s.Classes.True.Recall))
		} else {
			random = append(random, float64(s.Classes.True.Recall))
		}
	}
	if len(random) > 0 && len(forward) > 0 {
		low := random[0]
		for _, x := range random {
			low = min(low, x)
		}
		same := "lower, as in the study"
		if forward[0] >= low {
			same = "not lower, other than in the study"
		}
		l = append(l, fmt.Sprintf("Within months recall is at least %.3f; from the first month to the second it is %.3f: %s.", low, forward[0], same))
	}
	if len(r.Final.Importances) > 1 {
		a, b := r.Final.Importances[0].Column, r.Final.Importances[1].Column
		l = append(l, fmt.Sprintf("By total gain %s and %s come first; in the study request_count and response_size_mean.", a, b))
	}
	l = append(l, fmt.Sprintf("Two thresholds reach an F1 of %s, the trees %s; the study called them very similar.", three(r.Final.Rules[0].Classes.True.F1), three(m.F1)))
	return append(out, l)
}

func (r *Result) gridBlocks() []page.Block {
	t := page.NewTable("The grid, at one half", "Split", "Rows split", "#Test rows", "#TN", "#FP", "#FN", "#TP", "#Precision", "#95 % interval", "#Recall", "#F1", "#Accuracy", "#ROC AUC", "#Gained by known addresses", "The study")
	for _, s := range r.Splits {
		how, c, published := "at random", s.Confusion, "high"
		switch {
		case strings.Contains(s.Name, "→") && s.Name == r.Final.Name && len(r.Months) > 2:
			how, published = "by time", "0.924, 0.631"
		case strings.Contains(s.Name, "→"):
			how, published = "by time", "lower"
		case s.Grouped:
			how, published = "by address", "not done"
		}
		t.Add(s.Name, how, words.Count(s.Rows), words.Count(c.TN), words.Count(c.FP), words.Count(c.FN), words.Count(c.TP), three(s.Classes.True.Precision), within(s.PrecisionLow, s.PrecisionHigh), three(s.Classes.True.Recall), three(s.Classes.True.F1), three(s.Accuracy), three(s.ROCAUC), three(s.Leakage), published)
	}
	var g page.Gallery
	for i, s := range r.Splits {
		if !s.Grouped {
			g = append(g, matrix("grid-"+strconv.Itoa(i), s.Name, s.Confusion))
		}
	}
	out := []page.Block{page.Paragraph("The study found precision and recall high within months and lower from June to July; for the last split its report is below."), t}
	if len(r.LeftOut) > 0 {
		out = append(out, page.List(r.LeftOut))
	}
	return append(out, g)
}

// matrix draws four counts with their shares of the label.
func matrix(id, name string, c evaluation.Confusion) page.Figure {
	cell := func(n, of float64, bad bool) chart.Cell {
		note, shade := "", 0.0
		if of > 0 {
			note, shade = words.Percent(n/of), n/of
		}
		return chart.Cell{Text: words.Count(n), Note: note, Shade: shade, Bad: bad}
	}
	neg, pos := c.TN+c.FP, c.FN+c.TP
	data := page.NewTable(name, "Label", "#Not flagged", "#Flagged")
	data.Add("False", words.Count(c.TN), words.Count(c.FP))
	data.Add("True", words.Count(c.FN), words.Count(c.TP))
	return page.Figure{Caption: name, Data: data, SVG: chart.Matrix{
		Head: chart.Head{ID: id, Title: name, Desc: fmt.Sprintf("%s true negatives, %s false positives, %s false negatives, %s true positives", words.Count(c.TN), words.Count(c.FP), words.Count(c.FN), words.Count(c.TP)), Size: chart.Size{Width: 300, Height: 190}},
		Rows: []string{"False", "True"}, Columns: []string{"not flagged", "flagged"}, RowTitle: "label",
		Cells: [][]chart.Cell{{cell(c.TN, neg, false), cell(c.FP, neg, true)}, {cell(c.FN, pos, true), cell(c.TP, pos, false)}},
	}.SVG()}
}

// classification is a report in the study's layout.
func classification(caption string, f *Figures) *page.Table {
	t := page.NewTable(caption, "", "#precision", "#recall", "#f1-score", "#support")
	six := func(x evaluation.Float) string { return words.Decimal(float64(x), 6) }
	rows := words.Count(f.Confusion.Rows())
	for _, x := range []struct {
		name string
		c    evaluation.Class
		n    string
	}{
		{"False", f.Classes.False, words.Count(float64(f.Classes.False.Support))}, {"True", f.Classes.True, words.Count(float64(f.Classes.True.Support))},
		{"accuracy", evaluation.Class{Precision: f.Accuracy, Recall: f.Accuracy, F1: f.Accuracy}, rows},
		{"macro avg", f.Macro, rows}, {"weighted avg", f.Weighted, rows},
	} {
		t.Add(x.name, six(x.c.Precision), six(x.c.Recall), six(x.c.F1), x.n)
	}
	return t
}

func (r *Result) finalBlocks() []page.Block {
	f := &r.Final
	out := []page.Block{
		page.Paragraph(fmt.Sprintf("%s rows to train on, %s to test on, %s of these reported. Precision of True: %s (%s); recall: %s (%s).", words.Count(f.Train), words.Count(f.Rows.Rows), words.Count(f.Rows.True),
			three(f.Model.Classes.True.Precision), within(f.Model.PrecisionLow, f.Model.PrecisionHigh), three(f.Model.Classes.True.Recall), within(f.Model.RecallLow, f.Model.RecallHigh))),
		page.Beside{classification("Here: "+f.Name, &f.Model), classification("The study: June+July → August 2024", &r.Published)},
		page.Gallery{matrix("final", "Here: "+f.Name, f.Model.Confusion), matrix("published", "The study (counts derived)", r.Published.Confusion)},
	}
	t := page.NewTable("Addresses that training had seen, and new ones", "Addresses", "#Rows", "#Precision", "#Recall", "#F1")
	t.Add("seen in training", words.Count(f.SeenRows), three(f.Seen.Classes.True.Precision), three(f.Seen.Classes.True.Recall), three(f.Seen.Classes.True.F1))
	t.Add("new", words.Count(f.NewRows), three(f.New.Classes.True.Precision), three(f.New.Classes.True.Recall), three(f.New.Classes.True.F1))
	out = append(out, t)
	if u := f.Unreported; u != nil {
		text := fmt.Sprintf("**Abusive addresses that nobody reported** count as false positives. If being reported did not depend on behaviour (Elkan and Noto 2008), %s of the abusive ones would be reported (%s), and the true precision would be up to %s instead of %s.",
			words.Percent(float64(u.C)), within(u.CLow, u.CHigh), three(u.Precision), three(f.Model.Classes.True.Precision))
		if u.Warning != "" {
			text += " But " + u.Warning + "."
		}
		out = append(out, page.Paragraph(text))
	}
	return out
}

func (r *Result) importanceBlocks() []page.Block {
	b := chart.Bars{Head: chart.Head{ID: "importance", Title: "Importance by total gain", Desc: "Share of all loss removed by splits on a column.", Size: chart.Size{Width: 560}}, Label: "share of total gain"}
	sum := 0.0
	for _, x := range r.Final.Importances {
		sum += x.TotalGain
	}
	t := page.NewTable("Importances of the columns, in order of total gain", "Column", "#Total gain", "#Share", "#Gain a split", "#Splits", "#Cover a split", "#Mean contribution")
	for _, x := range r.Final.Importances {
		b.Bars = append(b.Bars, chart.Bar{Label: x.Column, Value: x.TotalGain / max(sum, 1e-300), Text: words.Percent(x.TotalGain / max(sum, 1e-300)), Colour: 1})
		t.Add(x.Column, words.Rounded(x.TotalGain), words.Percent(x.TotalGain/max(sum, 1e-300)), words.Rounded(x.Gain), words.Rounded(x.Weight), words.Rounded(x.Cover), words.Decimal(x.SHAP, 3))
	}
	return []page.Block{page.Paragraph("Total gain is the loss that all splits on a column remove; the mean contribution is the size of its part in a test row's log odds, by Shapley values. In the study's chart request_count and response_size_mean come first."), page.Figure{SVG: b.SVG(), Caption: "Share of total gain."}, t}
}

func (r *Result) sweepBlocks() []page.Block {
	t := page.NewTable("The last month by least number of requests, at one half", "#At least", "#Rows", "#Share of addresses", "#The study's", "#TN", "#FP", "#FN", "#TP", "#Precision", "#Recall", "#Missed of the reported")
	var g page.Gallery
	for _, s := range r.Final.Sweep {
		c := s.Confusion
		t.Add(words.Count(s.MinRequests), words.Count(s.Rows), words.Percent(float64(s.Share)), words.Percent(s.Published), words.Count(c.TN), words.Count(c.FP), words.Count(c.FN), words.Count(c.TP), three(s.Classes.True.Precision), three(s.Classes.True.Recall), words.Percent(float64(s.Missed)))
		if s.Rows > 0 {
			g = append(g, matrix("least-"+strconv.Itoa(int(s.MinRequests)), fmt.Sprintf("at least %s, %s of addresses", words.Count(s.MinRequests), words.Percent(float64(s.Share))), c))
		}
	}
	return []page.Block{page.Paragraph("The study found that the share missed falls with the number of requests (36.9 % of all, by its counts)."), t, g}
}

func (r *Result) ruleBlocks() []page.Block {
	t := page.NewTable("Trees and thresholds on the same rows", "Who", "~Rule", "#TN", "#FP", "#FN", "#TP", "#Precision", "#95 % interval", "#Recall", "#F1")
	add := func(name, text string, f *Figures) {
		c := f.Confusion
		t.Add(name, text, words.Count(c.TN), words.Count(c.FP), words.Count(c.FN), words.Count(c.TP), three(f.Classes.True.Precision), within(f.PrecisionLow, f.PrecisionHigh), three(f.Classes.True.Recall), three(f.Classes.True.F1))
	}
	add("trees at one half", "", &r.Final.Model)
	for i := range r.Final.Rules {
		x := &r.Final.Rules[i]
		add("thresholds, "+x.Name, x.Text, &x.Figures)
	}
	return []page.Block{page.Paragraph("The study found rules and model similar and recommended two thresholds on request_count and response_size_mean, without giving them. Here they are fitted on the training months, in all eight combinations of at least and at most, and, and or. What they make at the edge is the program thresholds."), t}
}
