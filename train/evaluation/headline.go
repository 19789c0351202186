package evaluation

import (
	"context"

	"sluice/models/rules/aim"
)

// bootstrap fills the intervals and the comparisons.
func (e *evaluator) bootstrap(ctx context.Context, s *Split, rank *Ranking) error {
	in := e.in
	type column struct {
		name  string
		flags []bool
	}
	cols := []column{{"at_half", e.half}, {"operating_point", e.operating}}
	rulesF1, modelF1 := -1, -1
	if in.RulesAtHalf != nil {
		rulesF1 = len(cols)
		cols = append(cols, column{"rules.at_half", in.RulesAtHalf}, column{"rules.operating_point", in.RulesOperating})
	}
	if in.ListedBefore != nil {
		cols = append(cols, column{"listed_before.operating_point", in.ListedBefore})
	}
	if in.Champion != nil {
		cols = append(cols, column{"champion.operating_point", in.Champion})
	}
	if e.bestF1 != nil {
		modelF1 = len(cols)
		cols = append(cols, column{"best_f1", e.bestF1})
	}
	verdicts := make([][]bool, len(cols))
	for i, c := range cols {
		verdicts[i] = c.flags
	}
	b, err := NewBootstrap(in.Labels, in.Scores, in.Calibrated, in.Groups, verdicts...)
	if err != nil {
		return err
	}
	names := []string{"roc_auc", "pr_auc", "brier", "log_loss"}
	figures := []string{"classes.True.precision", "classes.True.recall", "classes.True.f1", "classes.False.recall", "accuracy"}
	compared := []string{"recall", "precision", "f1"}
	byCost := e.opt.Aim.Kind() == aim.Cost
	if byCost {
		figures, compared = append(figures, "saving"), append(compared, "saving")
	}
	for _, c := range cols {
		for _, f := range figures {
			names = append(names, c.name+"."+f)
		}
	}
	const model = 1 // the operating point's column
	headline := len(names)
	others := cols[2:]
	if modelF1 >= 0 {
		others = cols[2:modelF1]
	}
	for _, c := range others {
		for _, f := range compared {
			names = append(names, c.name+" "+f)
		}
	}
	bestF1 := -1
	if modelF1 >= 0 && rulesF1 >= 0 {
		bestF1 = len(names)
		names = append(names, "f1", "precision", "recall")
	}
	fill := func(d *Drawn, out []float64) {
		out[0], out[1], out[2], out[3] = float64(d.ROCAUC), float64(d.PRAUC), float64(d.Brier), float64(d.LogLoss)
		k := 4
		for _, c := range d.Verdicts {
			m := c.Metrics()
			t := m.Classes.True
			for _, v := range []Float{t.Precision, t.Recall, t.F1, m.Classes.False.Recall, m.Accuracy} {
				out[k] = float64(v)
				k++
			}
			if byCost {
				out[k] = float64(Saving(e.opt.Aim, c))
				k++
			}
		}
		difference := func(a, o Class, k int) {
			out[k], out[k+1], out[k+2] = float64(a.Recall-o.Recall), float64(a.Precision-o.Precision), float64(a.F1-o.F1)
		}
		class := func(v int) Class { return d.Verdicts[v].Metrics().Classes.True }
		for v := range others {
			difference(class(model), class(2+v), k)
			if byCost {
				out[k+3] = float64(Saving(e.opt.Aim, d.Verdicts[model]) - Saving(e.opt.Aim, d.Verdicts[2+v]))
			}
			k += len(compared)
		}
		if bestF1 >= 0 {
			a, o := class(modelF1), class(rulesF1)
			out[k], out[k+1], out[k+2] = float64(a.F1-o.F1), float64(a.Precision-o.Precision), float64(a.Recall-o.Recall)
		}
	}
	exact := make([]float64, len(names))
	d := b.Estimate()
	fill(&d, exact)
	draws, err := b.Run(ctx, e.opt.Draws, len(names), e.opt.Threads, e.opt.Seed, fill)
	if err != nil {
		return err
	}
	interval := func(k int, name string) Interval {
		iv := Interval{Figure: name, Estimate: Float(exact[k])}
		iv.Low, iv.High, iv.Undefined = percentiles(draws, k, intervalLevel)
		return iv
	}
	s.Intervals = Intervals{
		Method: "percentile bootstrap, clustered by IP", Level: intervalLevel,
		Draws: e.opt.Draws, Clusters: b.Clusters(), Seed: e.opt.Seed, Figures: []Interval{},
	}
	for k, name := range names[:headline] {
		s.Intervals.Figures = append(s.Intervals.Figures, interval(k, name))
	}
	for v, c := range others {
		if c.name == "rules.at_half" {
			continue
		}
		k := headline + len(compared)*v
		p := &Paired{
			Figure: decides(e.opt.Aim), Model: s.OperatingPoint.Classes.True.Recall,
			Difference: interval(k, "recall"), Precision: interval(k+1, "precision"), F1: interval(k+2, "f1"),
			McNemar: NewMcNemar(in.Labels, e.operating, c.flags),
		}
		var rival Metrics
		switch c.name {
		case "rules.operating_point":
			p.With, rival = "the rules", s.Rules.OperatingPoint.Metrics
			s.Comparison.Rules = p
		case "listed_before.operating_point":
			p.With, rival = "the earlier lists", s.ListedBefore.OperatingPoint.Metrics
			s.Comparison.ListedBefore = p
		default:
			p.With, rival = "the champion", s.Champion.OperatingPoint.Metrics
			s.Comparison.Champion = p
		}
		p.Other, p.AtItsPrecision = rival.Classes.True.Recall, rank.recallAtPrecision(float64(rival.Classes.True.Precision))
		if byCost {
			p.Model, p.Other = Saving(e.opt.Aim, s.OperatingPoint.Confusion), Saving(e.opt.Aim, rival.Confusion)
			p.Difference = interval(k+3, "saving")
			p.decideCost(intervalLevel, in.Operating.Abstains)
			continue
		}
		p.decide(intervalLevel)
		p.abstentions(e.opt.Aim, in.Operating.Abstains, c.name == "rules.operating_point" && in.RulesAbstain)
	}
	if bestF1 >= 0 {
		p := &Paired{
			With: "the rules", Figure: "best_f1.classes.True.f1", Model: s.BestF1.Classes.True.F1, Other: s.Rules.AtHalf.Classes.True.F1,
			Difference: interval(bestF1, "f1"), Precision: interval(bestF1+1, "precision"), F1: interval(bestF1, "f1"),
			AtItsPrecision: rank.recallAtPrecision(float64(s.Rules.AtHalf.Classes.True.Precision)), McNemar: NewMcNemar(in.Labels, e.bestF1, in.RulesAtHalf),
		}
		p.decideF1(intervalLevel)
		s.Comparison.RulesF1 = p
	}
	return nil
}
