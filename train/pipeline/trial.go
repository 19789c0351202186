package pipeline

import (
	"context"

	"sluice/featurestore"
	"sluice/featurestore/fault"
	"sluice/featurestore/row"
	"sluice/train/evaluation"
)

// TrialResult is one split tried.
type TrialResult struct {
	Split   evaluation.Split   `json:"split"`
	Studies []evaluation.Study `json:"studies"` // with Config.Review
}

// Trial trains on c.Train and measures on c.Test as a run would, threshold,
// calibration and rules from the training months alone, and writes nothing.
// from is the home that holds the training months, "" for c.Home: so a model of
// one site is tried on another.
func Trial(ctx context.Context, c Config, from string, sink Sink) (*TrialResult, error) {
	if from == "" || from == c.Home {
		from = ""
		if err := c.check(); err != nil {
			return nil, err
		}
	} else {
		// Of two sites the same month is two months.
		test := c.Test
		c.Test = nil
		if err := c.check(); err != nil {
			return nil, err
		}
		c.Test = test
	}
	st, err := featurestore.Open(c.Home, featurestore.OpenOptions{ReadOnly: true, Context: ctx})
	if err != nil {
		return nil, err
	}
	defer st.Close()
	w := &work{Config: &c, ctx: ctx, sink: sink, store: st}
	if from != "" {
		if w.trainStore, err = featurestore.Open(from, featurestore.OpenOptions{ReadOnly: true, Context: ctx}); err != nil {
			return nil, err
		}
		defer w.trainStore.Close()
		if a, b := st.World(), w.trainStore.World(); a != b {
			return nil, fault.Field(fault.Invalid, "train-dir", "%s holds %s months and %s %s ones: neither says anything of the other", from, b, c.Home, a)
		}
		if c.LastN > 0 {
			return nil, fault.Field(fault.Usage, "train", "name the months of --train-dir; last-N is of one home")
		}
		for _, x := range []struct {
			flag   string
			store  *featurestore.Store
			months []row.Month
		}{{"train", w.trainStore, c.Train}, {"months", st, c.Test}} {
			for _, m := range x.months {
				info, err := x.store.MonthInfo(m)
				if err != nil {
					return nil, err
				}
				if info.Labels.True+info.Labels.False == 0 {
					return nil, fault.Field(fault.Invalid, x.flag, "month %s has no labelled rows; label it with train features build --labels", m)
				}
			}
		}
	} else if err := c.chooseMonths(st); err != nil {
		return nil, err
	}
	if w.lists, err = openLabels(ctx, &c, sink); err != nil {
		return nil, err
	}
	if w.country, _, err = openCountries(c.CountryDB); err != nil {
		return nil, err
	}
	if w.train, w.test, err = loadMonths(&c, w.trainedIn(), st, w.lists); err != nil {
		return nil, err
	}
	w.params, w.rounds = c.Params, c.Rounds
	for _, step := range []func() error{w.tuneParams, w.fitModel, w.fitThresholds} {
		if err := step(); err != nil {
			return nil, err
		}
	}
	out := &TrialResult{Studies: []evaluation.Study{}}
	if out.Split, err = w.split(); err != nil {
		return nil, err
	}
	for _, warning := range out.Split.Warnings {
		sink(Event{Warning: &WarningEvent{Message: warning}})
	}
	if c.Review {
		if out.Studies, err = w.studies(); err != nil {
			return nil, err
		}
	}
	sendFigures(sink, &out.Split)
	return out, nil
}
