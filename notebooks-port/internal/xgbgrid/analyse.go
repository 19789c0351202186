package xgbgrid

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"math"
	"slices"
	"strings"

	"sluice/featurestore/fault"
	"sluice/featurestore/row"
	"sluice/models/ensemble"
	"sluice/models/rules"
	"sluice/models/rules/aim"
	"sluice/notebooks-port/internal/study"
	"sluice/train/evaluation"
	"sluice/train/gbtree"
	"sluice/train/pipeline"
	"sluice/train/report"
)

func analyse(ctx context.Context, in *study.Input, o options) (*Result, error) {
	months, err := study.ParseMonths("months", o.months.List)
	if err != nil {
		return nil, err
	}
	if n := len(months); n == 1 || n > 3 {
		return nil, fault.Field(fault.Usage, "months", "--months names %d; want two or three, the last to be tested on", n)
	}
	store, err := in.OpenRows(ctx)
	if err != nil {
		return nil, err
	}
	defer store.Close()
	if len(months) == 0 {
		all, err := store.Labelled()
		if err != nil {
			return nil, err
		}
		if len(all) < 2 {
			return nil, fault.Field(fault.Invalid, "months", "%d months have labelled rows of both kinds; the grid needs two at least, three for the whole of it", len(all))
		}
		months = all[max(0, len(all)-3):]
	}
	r := &Result{Simulated: store.Simulated(), Months: months, Columns: o.columns.List, Rounds: o.rounds, Target: o.target, Params: changed(o.trees)}
	info, err := store.Store.MonthInfo(months[len(months)-1])
	if err != nil {
		return nil, err
	}
	r.Definite = info.Labels.Definition
	c := pipeline.Config{Home: store.Home, Columns: o.columns.List, Params: o.trees, Rounds: o.rounds, Seed: o.seed, Aim: aim.AtPrecision(o.target), Threads: in.Threads}
	grid, leftOut, err := pipeline.Grid(ctx, c, months, func(pipeline.Event) {})
	if err != nil {
		return nil, err
	}
	r.LeftOut = leftOut
	for _, g := range grid {
		r.Splits = append(r.Splits, splitOf(g))
	}
	r.Published = Figures{Metrics: study.PublishedTest.Metrics(), PrecisionLow: evaluation.NaN(), PrecisionHigh: evaluation.NaN(), RecallLow: evaluation.NaN(), RecallHigh: evaluation.NaN()}
	ids := study.Numbers{}
	train, err := store.Table(months[:len(months)-1], o.columns.List, ids)
	if err != nil {
		return nil, err
	}
	test, err := store.Table(months[len(months)-1:], o.columns.List, ids)
	if err != nil {
		return nil, err
	}
	r.Unknown = train.Unknown + test.Unknown
	r.Final, err = final(ctx, in, o, train, test, months)
	return r, err
}

// changed are the parameters that are not XGBoost's defaults.
func changed(p gbtree.Params) string {
	flat := func(p gbtree.Params) map[string]any {
		m := map[string]any{}
		if b, err := json.Marshal(p); err == nil {
			_ = json.Unmarshal(b, &m) // its own output
		}
		return m
	}
	def, out := flat(gbtree.DefaultParams()), []string{}
	for k, v := range flat(p) {
		if fmt.Sprint(def[k]) != fmt.Sprint(v) {
			out = append(out, fmt.Sprintf("%s %v", k, v))
		}
	}
	slices.Sort(out)
	return strings.Join(out, ", ")
}

func figures(p evaluation.Point) Figures {
	return Figures{p.Metrics, p.PrecisionLow, p.PrecisionHigh, p.RecallLow, p.RecallHigh}
}

func splitOf(g report.GridRow) Split {
	s := Split{Name: g.Name, Grouped: g.Grouped, Rows: g.Split.Rows.Rows, ROCAUC: g.Split.ROCAUC, Leakage: evaluation.NaN(), Figures: figures(g.Split.AtHalf)}
	if g.HasLeak {
		s.Leakage = evaluation.Float(g.Leakage)
	}
	return s
}

// half is the study's decision.
const half = 0.5

// final trains on all months but the last and measures on that.
func final(ctx context.Context, in *study.Input, o options, train, test *study.Table, months []row.Month) (Final, error) {
	f := Final{Train: len(train.Labels)}
	var names []string
	for _, m := range months[:len(months)-1] {
		names = append(names, m.String())
	}
	f.Name = strings.Join(names, "+") + " → " + months[len(months)-1].String()
	d, err := gbtree.NewDMatrix(train.X, train.Targets(), nil, train.Names)
	if err != nil {
		return f, err
	}
	fitted, err := gbtree.Train(ctx, o.trees, d, gbtree.Options{Rounds: o.rounds, Threads: in.Threads})
	if err != nil {
		if ctx.Err() != nil {
			err = fault.As(fault.Interrupted, err)
		}
		return f, err
	}
	predictor, err := ensemble.NewPredictor(fitted.Model, ensemble.PredictorOptions{})
	if err != nil {
		return f, err
	}
	p := make([]float32, len(test.Labels))
	predictor.Probability(p, test.X, len(p), in.Threads)
	scores := make([]float64, len(p))
	for i, v := range p {
		scores[i] = float64(v)
	}
	set, err := rules.Train(ctx, train.RequestCount, train.SizeMean, train.Labels, train.Groups, rules.Options{Aim: aim.AtPrecision(o.target), Threads: in.Threads})
	if err != nil {
		return f, err
	}
	s, err := evaluation.Evaluate(ctx, evaluation.Input{
		Name: f.Name, Labels: test.Labels, Scores: scores, Groups: test.Groups, RequestCount: test.RequestCount, Seen: train.Seen(test), Unknown: test.Unknown,
		Operating:   evaluation.OperatingChoice{Threshold: half, Target: evaluation.Float(o.target), ChosenOn: "one half, as in the study"},
		RulesAtHalf: set.BestF1.Flags(test.RequestCount, test.SizeMean), RulesOperating: set.AtTarget.Flags(test.RequestCount, test.SizeMean), RulesAbstain: set.AtTarget.Abstains,
	}, evaluation.Options{Seed: uint64(o.seed), Threads: in.Threads, Aim: aim.AtPrecision(o.target)})
	if err != nil {
		return f, err
	}
	f.Rows, f.Model, f.ROCAUC, f.PRAUC, f.Unreported = s.Rows, figures(s.AtHalf), s.ROCAUC, s.PRAUC, s.Incomplete
	f.Met = float64(s.AtHalf.Classes.True.Precision) > o.target
	for _, x := range []struct {
		name  string
		rule  rules.Rule
		point evaluation.Point
	}{{"best F1", set.BestF1, s.Rules.AtHalf}, {"at the target precision", set.AtTarget, s.Rules.OperatingPoint}} {
		f.Rules = append(f.Rules, Rule{x.name, x.rule, study.RuleText(x.rule), figures(x.point)})
	}
	f.sweep(&s)
	f.bySight(train.Seen(test), test.Labels, scores)
	f.Importances, err = importances(fitted.Model, predictor, test, in.Threads)
	return f, err
}

// sweep are the slices by least number of requests.
func (f *Final) sweep(s *evaluation.Split) {
	f.Sweep = []Step{}
	k := 0
	for _, x := range s.Slices {
		if x.Family != evaluation.FamilyRequestCount || k >= len(study.PublishedKept) {
			continue
		}
		m := x.AtHalf.Confusion
		f.Sweep = append(f.Sweep, Step{
			MinRequests: study.PublishedKept[k].MinRequests, Rows: x.Rows, Share: x.Share, Published: study.PublishedKept[k].Share,
			Missed: evaluation.Float(m.FN / (m.FN + m.TP)), Figures: figures(x.AtHalf),
		})
		k++
	}
}

// bySight measures addresses that training had seen and new ones apart.
func (f *Final) bySight(seen, labels []bool, scores []float64) {
	for i, to := range []*Figures{&f.New, &f.Seen} {
		var l, flags []bool
		for k := range labels {
			if seen[k] == (i == 1) {
				l, flags = append(l, labels[k]), append(flags, scores[k] >= half)
			}
		}
		*to = Figures{Metrics: evaluation.Confuse(l, flags, nil).Metrics(), PrecisionLow: evaluation.NaN(), PrecisionHigh: evaluation.NaN(), RecallLow: evaluation.NaN(), RecallHigh: evaluation.NaN()}
		if i == 1 {
			f.SeenRows = len(l)
		} else {
			f.NewRows = len(l)
		}
	}
}

// importances are in order of total_gain.
func importances(m *ensemble.Model, p *ensemble.Predictor, test *study.Table, threads int) ([]Importance, error) {
	out := make([]Importance, len(test.Names))
	for i, n := range test.Names {
		out[i].Column = n
	}
	for _, k := range []struct {
		kind string
		to   func(i *Importance) *float64
	}{
		{"total_gain", func(i *Importance) *float64 { return &i.TotalGain }}, {"gain", func(i *Importance) *float64 { return &i.Gain }},
		{"weight", func(i *Importance) *float64 { return &i.Weight }}, {"cover", func(i *Importance) *float64 { return &i.Cover }},
	} {
		scores, err := ensemble.Importance(m, k.kind)
		if err != nil {
			return nil, err
		}
		for _, s := range scores {
			*k.to(&out[s.Index]) = float64(s.Score)
		}
	}
	if err := p.Explains(); err != nil {
		return nil, err
	}
	n, w := len(test.Labels), len(test.Names)+1
	c := make([]float32, n*w)
	p.Contributions(c, test.X, n, threads)
	for i := range n {
		for j := range out {
			out[j].SHAP += math.Abs(float64(c[i*w+j])) / float64(n)
		}
	}
	slices.SortStableFunc(out, func(a, b Importance) int { return cmp.Compare(b.TotalGain, a.TotalGain) })
	return out, nil
}
