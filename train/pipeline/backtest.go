package pipeline

import (
	"context"
	"fmt"
	"math"
	"slices"
	"time"

	"sluice/featurestore"
	"sluice/featurestore/fault"
	"sluice/featurestore/reputation"
	"sluice/featurestore/row"
	"sluice/models/drift"
	"sluice/train/evaluation"
)

// BacktestResult is what a backtest found.
type BacktestResult struct {
	Splits []evaluation.Split `json:"splits"`
	// Studies are those of age, one a tested month, and with Config.Review
	// every other study of each split.
	Studies []evaluation.Study  `json:"studies"`
	Retrain *evaluation.Retrain `json:"retrain"`
	// Skipped says of each month that was left out why.
	Skipped []string `json:"skipped"`
}

// Backtest rolls over all labelled months of the store: for each that has n
// labelled months before it, what a run on those would have said of it, and
// what older models say of it. It writes nothing.
func Backtest(ctx context.Context, c Config, n int, sink Sink) (*BacktestResult, error) {
	st, err := featurestore.Open(c.Home, featurestore.OpenOptions{ReadOnly: true, Context: ctx})
	if err != nil {
		return nil, err
	}
	defer st.Close()
	if n < 1 {
		return nil, fault.Field(fault.Usage, "backtest", "a backtest trains on 1 month or more, not %d", n)
	}
	c.Train, c.Test = []row.Month{0}, []row.Month{1}
	if err := c.check(); err != nil {
		return nil, err
	}
	lists, err := openLabels(ctx, &c, sink)
	if err != nil {
		return nil, err
	}
	country, _, err := openCountries(c.CountryDB)
	if err != nil {
		return nil, err
	}
	b, err := backtest(ctx, &c, st, n, nil, lists, country, sink)
	if err != nil {
		return nil, err
	}
	if len(b.Splits) == 0 {
		if len(b.Skipped) > 0 {
			return nil, fault.Field(fault.Invalid, "months", "no month could be measured: %s", b.Skipped[0])
		}
		return nil, fault.Field(fault.Invalid, "months", "no labelled month of the store has %d labelled months before it: the store has %s", n, monthSpan(labelledMonths(st)))
	}
	for i := range b.Splits {
		sendFigures(sink, &b.Splits[i])
	}
	return b, nil
}

func labelledMonths(st *featurestore.Store) []row.Month {
	var out []row.Month
	for _, m := range st.Manifest().Months {
		if m.Labels.True > 0 && m.Labels.False > 0 {
			out = append(out, m.Month)
		}
	}
	return out
}

// backtest measures every labelled month, each by a model of the n labelled
// months before it and by the models before that one. Splits of the months to
// skip are left out, as they are measured already. A month that can't be
// measured is left out with its reason.
func backtest(ctx context.Context, c *Config, st *featurestore.Store, n int, skip []row.Month, lists *reputation.Set, country countries, sink Sink) (*BacktestResult, error) {
	months := labelledMonths(st)
	m := newMeter(sink, "backtest", "months")
	out := &BacktestResult{Splits: []evaluation.Split{}, Studies: []evaluation.Study{}, Skipped: []string{}}
	var trained []*work // oldest first
	for i := n; i < len(months); i++ {
		begun := time.Now()
		one := *c
		one.Train, one.Test = months[i-n:i:i], []row.Month{months[i]}
		w := &work{Config: &one, ctx: ctx, sink: func(Event) {}, store: st, lists: lists, country: country, params: one.Params, rounds: one.Rounds}
		var err error
		if w.train, w.test, err = loadMonths(&one, st, st, lists); err == nil {
			for _, step := range []func() error{w.tuneParams, w.fitModel, w.fitThresholds} {
				if err = step(); err != nil {
					break
				}
			}
		}
		if fault.Is(err, fault.Invalid) {
			why := fmt.Sprintf("backtest of %s left out: %s", months[i], oneLine(err))
			out.Skipped = append(out.Skipped, why)
			sink(Event{Warning: &WarningEvent{Message: why}})
			continue
		}
		if err != nil {
			return nil, fault.Wrap(err, "backtest of %s", months[i])
		}
		trained = append(trained, w)
		age, err := w.ageStudy(trained)
		if err != nil {
			return nil, err
		}
		out.Studies = append(out.Studies, age)
		if !slices.Contains(skip, months[i]) {
			s, err := w.split()
			if err != nil {
				return nil, fault.Wrap(err, "backtest of %s", months[i])
			}
			out.Splits = append(out.Splits, s)
			if c.Review {
				more, err := w.studies()
				if err != nil {
					return nil, err
				}
				out.Studies = append(out.Studies, more...)
			}
		}
		m.at(int64(i-n+1), int64(len(months)-n), fmt.Sprintf("%s in %s", w.splitName(), elapsed(begun)))
	}
	out.Retrain = evaluation.NewRetrain(out.Studies, c.Aim)
	return out, nil
}

// ageStudy measures the models trained so far, the youngest first, on w's test
// months.
func (w *work) ageStudy(trained []*work) (evaluation.Study, error) {
	s := evaluation.Study{Name: evaluation.StudyAge, Question: "How does a model age?", Months: w.months(), Paired: true, Draws: evaluation.DefaultDraws}
	var inputs [][]evaluation.PartInput
	for _, old := range slices.Backward(trained) {
		t := w.test
		scores := probabilities(old.predictor, t, w.Threads)
		inputs = append(inputs, []evaluation.PartInput{part(evaluation.PartAll, t, scores, old.operating.Flags(scores), func(int) bool { return true })})
		d, err := old.driftTo(t, scores)
		if err != nil {
			return s, err
		}
		last := old.Train[len(old.Train)-1]
		v := evaluation.Variant{
			Name: "trained on " + monthSpan(old.Train), Columns: len(t.names), TrainRows: old.train.len(), TrainTrue: old.train.positives(),
			Threshold: old.operating.Threshold, Abstains: old.operating.Abstains, FoldsROCAUC: evaluation.NaN(), FoldsPRAUC: evaluation.NaN(),
			Age: int(w.Test[0] - last), ScorePSI: evaluation.Float(d.PSI[len(d.PSI)-1]),
		}
		psi, feature := featureDrift(d, t.names)
		v.MaxPSI, v.MaxPSIFeature = evaluation.Float(psi), feature
		s.Variants = append(s.Variants, v)
	}
	parts, err := evaluation.MeasureParts(w.ctx, inputs, true, evaluation.Options{Seed: uint64(w.Seed), Threads: w.Threads})
	if err != nil {
		return s, err
	}
	for i := range s.Variants {
		s.Variants[i].Parts = parts[i]
	}
	return s, nil
}

// driftTo is the drift of a table's columns, and of the score last, against the
// training rows; those rows' scores are out of fold.
func (w *work) driftTo(t *table, scores []float64) (drift.Month, error) {
	p, err := drift.NewProfile(append(slices.Clone(w.train.names), scoreColumn), append(w.train.columnValues(), w.folds))
	if err != nil {
		return drift.Month{}, err
	}
	counted, err := p.Count(append(t.columnValues(), scores))
	if err != nil {
		return drift.Month{}, err
	}
	r := drift.NewReport(p)
	if err := r.Add(monthSpan(w.Test), p, counted); err != nil {
		return drift.Month{}, err
	}
	return r.Months[0], nil
}

// featureDrift is the greatest PSI of a feature, the score not being one.
func featureDrift(d drift.Month, names []string) (psi float64, feature string) {
	d.PSI = d.PSI[:min(len(d.PSI), len(names))]
	if psi, feature = d.Max(names); feature == "" {
		psi = math.NaN()
	}
	return psi, feature
}
