package thresholds

import (
	"context"
	"fmt"
	"math"
	"slices"

	"sluice/featurestore/columns"
	"sluice/featurestore/fault"
	"sluice/featurestore/row"
	"sluice/models/rules"
	"sluice/models/rules/aim"
	"sluice/notebooks-port/internal/study"
	"sluice/train/evaluation"
	"sluice/train/pipeline"
)

func analyse(ctx context.Context, in *study.Input, o options) (*Result, error) {
	store, err := in.OpenRows(ctx)
	if err != nil {
		return nil, err
	}
	defer store.Close()
	r := &Result{Simulated: store.Simulated(), Target: o.target, JudgeFrom: o.judgeFrom, MaxReaders: o.maxReaders}
	if err := r.chooseMonths(store, o); err != nil {
		return nil, err
	}
	info, err := store.Store.MonthInfo(r.Test)
	if err != nil {
		return nil, err
	}
	r.Definite = info.Labels.Definition
	ids := study.Numbers{}
	train, err := store.Table(r.Train, columns.Names(), ids)
	if err != nil {
		return nil, err
	}
	test, err := store.Table([]row.Month{r.Test}, columns.Names(), ids)
	if err != nil {
		return nil, err
	}
	if err := r.chooseRule(ctx, in, o, train); err != nil {
		return nil, err
	}
	r.OnTrain, r.OnTest = measure(r.Rule, train), measure(r.Rule, test)
	r.nearby(test)
	if r.WindowHours = o.windowHours; r.WindowHours == 0 {
		if r.WindowHours, err = windowHours(store, r.Train); err != nil {
			return nil, err
		}
	}
	switch {
	case r.Rule.RequestCount.Op != rules.AtLeast:
		r.NoLimit = "request_count's threshold is one from above, so no limit can be made of it."
	case r.Rule.RequestCount.Threshold < r.WindowHours:
		r.NoLimit = fmt.Sprintf("%s requests in %s hours are fewer than one an hour, so no limit can be made of the threshold: over whole months it tells who comes often, not who comes fast. Give attack windows (--attacks).", number(r.Rule.RequestCount.Threshold), number(r.WindowHours))
	default:
		r.Limit = limitOf(r.Rule.RequestCount.Threshold, r.WindowHours)
	}
	list, err := r.buildList(ctx, store, o)
	if err != nil {
		return nil, err
	}
	defer list.remove()
	if err := r.replay(ctx, store, list); err != nil {
		return nil, err
	}
	r.Config = r.configuration(o.name)
	return r, nil
}

// chooseMonths takes what was named, else the last labelled month to test on
// and up to two before it to fit on.
func (r *Result) chooseMonths(store *study.Rows, o options) error {
	var err error
	if r.Train, err = study.ParseMonths("train", o.train.List); err != nil {
		return err
	}
	test, err := study.ParseMonths("test", o.test.List)
	if err != nil {
		return err
	}
	if len(test) > 1 {
		return fault.Field(fault.Usage, "test", "--test names %d months; want one", len(test))
	}
	all, err := store.Labelled()
	if err != nil {
		return err
	}
	if len(test) == 1 {
		r.Test = test[0]
	} else if len(all) > 0 {
		r.Test = all[len(all)-1]
	}
	if len(r.Train) == 0 {
		for _, m := range all {
			if m < r.Test {
				r.Train = append(r.Train, m)
			}
		}
		r.Train = r.Train[max(0, len(r.Train)-2):]
	}
	switch {
	case !slices.Contains(all, r.Test):
		return fault.Field(fault.Invalid, "test", "no month to test on: want one with labelled rows of both kinds, %s", monthsText(all))
	case len(r.Train) == 0:
		return fault.Field(fault.Invalid, "train", "no labelled month before %s to fit on; %s", r.Test, monthsText(all))
	case slices.Contains(r.Train, r.Test):
		return fault.Field(fault.Usage, "test", "month %s is both fitted and tested on", r.Test)
	}
	for _, m := range r.Train {
		if !slices.Contains(all, m) {
			return fault.Field(fault.Invalid, "train", "month %s has no labelled rows of both kinds; %s", m, monthsText(all))
		}
	}
	return nil
}

func monthsText(ms []row.Month) string {
	if len(ms) == 0 {
		return "there is none"
	}
	s := "there are"
	for _, m := range ms {
		s += " " + m.String()
	}
	return s
}

func (r *Result) chooseRule(ctx context.Context, in *study.Input, o options, train *study.Table) error {
	if o.given != nil {
		r.Rule, r.Chosen = *o.given, "given"
		r.Text = study.RuleText(r.Rule)
		return nil
	}
	set, err := rules.Train(ctx, train.RequestCount, train.SizeMean, train.Labels, train.Groups, rules.Options{Aim: aim.AtPrecision(o.target), Threads: in.Threads})
	if err != nil {
		return err
	}
	r.Rule, r.Chosen = set.AtTarget, "target"
	if o.rule == "best-f1" || set.AtTarget.Abstains {
		if set.AtTarget.Abstains && o.rule != "best-f1" {
			r.Note = fmt.Sprintf("No pair of thresholds holds a precision of %g on the training months. What follows is the pair of best F1, which does not: don't put it into force.", o.target)
		}
		r.Rule, r.Chosen = set.BestF1, "best-f1"
	}
	r.Text = study.RuleText(r.Rule)
	return nil
}

func measure(rule rules.Rule, t *study.Table) Measured {
	flags := rule.Flags(t.RequestCount, t.SizeMean)
	m := Measured{Rows: len(t.Labels), Metrics: evaluation.Confuse(t.Labels, flags, nil).Metrics()}
	const level = 0.95
	c := m.Confusion
	m.PrecisionLow, m.PrecisionHigh, m.RecallLow, m.RecallHigh = evaluation.NaN(), evaluation.NaN(), evaluation.NaN(), evaluation.NaN()
	if c.Flagged() > 0 {
		lo, hi := evaluation.Wilson(c.TP, c.Flagged(), level)
		m.PrecisionLow, m.PrecisionHigh = evaluation.Float(lo), evaluation.Float(hi)
	}
	if n := c.TP + c.FN; n > 0 {
		lo, hi := evaluation.Wilson(c.TP, n, level)
		m.RecallLow, m.RecallHigh = evaluation.Float(lo), evaluation.Float(hi)
	}
	return m
}

// nearby measures the rule with other thresholds, for how much hangs on them.
func (r *Result) nearby(test *study.Table) {
	r.Nearby = []Nearby{}
	for _, a := range []float64{.5, 1, 2} {
		for _, b := range []float64{.5, 1, 2} {
			x := r.Rule
			x.RequestCount.Threshold *= a
			x.ResponseSizeMean.Threshold *= b
			m := evaluation.Confuse(test.Labels, x.Flags(test.RequestCount, test.SizeMean), nil).Metrics().Classes.True
			r.Nearby = append(r.Nearby, Nearby{x.RequestCount.Threshold, x.ResponseSizeMean.Threshold, m.Precision, m.Recall, m.F1})
		}
	}
}

// windowHours is the median length of the windows of months; of whole months
// that of the time in which there are requests.
func windowHours(store *study.Rows, months []row.Month) (float64, error) {
	var hours []float64
	for _, m := range months {
		info, err := store.Store.MonthInfo(m)
		if err != nil {
			return 0, err
		}
		for _, w := range info.Windows {
			if w.End > w.Start {
				hours = append(hours, float64(w.End-w.Start)/3600)
			} else if info.Last > info.First {
				hours = append(hours, float64(info.Last-info.First)/3600)
			}
		}
	}
	if len(hours) == 0 {
		return 0, fault.Field(fault.Invalid, "window-hours", "the store does not tell how long its windows are; give --window-hours")
	}
	slices.Sort(hours)
	return (hours[(len(hours)-1)/2] + hours[len(hours)/2]) / 2, nil
}

// limitOf is a threshold over a window as a rate, in the shortest usual period
// in which it allows ten requests: people ask in bursts.
func limitOf(threshold, hours float64) *Limit { return limitAt(threshold / (hours * 3600)) }

func limitAt(rate float64) *Limit {
	l := &Limit{PerSecond: rate}
	for _, p := range []int64{10, 60, 600, 3600} {
		l.Period, l.Requests = p, int64(math.Ceil(l.PerSecond*float64(p)))
		if l.Requests >= 10 {
			break
		}
	}
	return l
}

// visitor is an address in the test month. As in train/pipeline's replay a
// crawler has at least half of its requests from agents that say so, and a
// reader is neither reported nor a crawler.
type visitor struct {
	requests, spider float64
	label            row.Label
	stopped          []float64 // by effect
}

// count adds what was stopped of a visitor.
func count(s *pipeline.Stopped, v *visitor, stopped float64) {
	if stopped <= 0 {
		return
	}
	n := int64(math.Round(stopped))
	s.Requests += n
	s.Addresses++
	switch v.label {
	case row.True:
		s.Reported++
	case row.False:
		s.NotReported++
	default:
		s.Unknown++
	}
	switch crawler := v.requests > 0 && v.spider >= v.requests/2; {
	case crawler:
		s.Crawlers++
		s.CrawlerRequests += n
	case v.label == row.False:
		s.Readers++
		s.ReaderRequests += n
	}
	if n := s.Reported + s.NotReported; n > 0 {
		p := float64(s.Reported) / float64(n)
		s.Precision = &p
	}
}
