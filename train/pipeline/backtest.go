package pipeline

import (
	"context"
	"fmt"
	"time"

	"sluice/featurestore"
	"sluice/featurestore/fault"
	"sluice/featurestore/reputation"
	"sluice/featurestore/row"
	"sluice/train/evaluation"
)

// Backtest rolls over all labelled months of the store: for each that has n
// labelled months before it, what a run on those would have said of it. It
// writes nothing.
func Backtest(ctx context.Context, c Config, n int, sink Sink) ([]evaluation.Split, error) {
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
	splits, err := backtest(ctx, &c, st, n, 0, lists, sink)
	if err == nil && len(splits) == 0 {
		err = fault.Field(fault.Invalid, "months", "no labelled month of the store has %d labelled months before it: the store has %s", n, monthSpan(labelledMonths(st)))
	}
	for i := range splits {
		sendFigures(sink, &splits[i])
	}
	return splits, err
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

// backtest measures every labelled month but skip, each by a model of the n
// labelled months before it.
func backtest(ctx context.Context, c *Config, st *featurestore.Store, n int, skip row.Month, lists *reputation.Set, sink Sink) ([]evaluation.Split, error) {
	months := labelledMonths(st)
	m := newMeter(sink, "backtest", "months")
	var out []evaluation.Split
	for i := n; i < len(months); i++ {
		if months[i] == skip {
			continue
		}
		begun := time.Now()
		one := *c
		one.Train, one.Test = months[i-n:i:i], []row.Month{months[i]}
		train, test, err := loadMonths(&one, st)
		if err != nil {
			return nil, err
		}
		w := &work{Config: &one, ctx: ctx, sink: func(Event) {}, store: st, lists: lists, train: train, test: test, params: one.Params, rounds: one.Rounds}
		for _, step := range []func() error{w.tuneParams, w.fitModel, w.fitThresholds} {
			if err := step(); err != nil {
				return nil, fault.Wrap(err, "backtest of %s", months[i])
			}
		}
		s, err := w.split()
		if err != nil {
			return nil, fault.Wrap(err, "backtest of %s", months[i])
		}
		out = append(out, s)
		m.at(int64(i-n+1), int64(len(months)-n), fmt.Sprintf("%s in %s", s.Name, elapsed(begun)))
	}
	return out, nil
}
