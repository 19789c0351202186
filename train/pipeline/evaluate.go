package pipeline

import (
	"context"
	"fmt"
	"slices"

	"sluice/featurestore"
	"sluice/featurestore/fault"
	"sluice/featurestore/row"
	"sluice/models/registry"
	"sluice/models/rules"
	"sluice/models/scorer"
	"sluice/train/evaluation"
)

// Evaluate measures a version on months of the store as they are labelled now,
// with its rules and, where c.Labels name exports of earlier months, last
// month's list beside it. "champion", "rules" and "listed-before" take the
// version in service. It writes nothing.
func Evaluate(ctx context.Context, c Config, model string, months []row.Month, sink Sink) (*evaluation.Split, error) {
	st, err := featurestore.Open(c.Home, featurestore.OpenOptions{ReadOnly: true, Context: ctx})
	if err != nil {
		return nil, err
	}
	defer st.Close()
	reg := registry.Open(c.Home)
	name := model
	if model == "champion" || model == "rules" || model == "listed-before" {
		if name, err = reg.Champion(); err != nil {
			return nil, err
		}
		if name == "" {
			return nil, fault.Field(fault.NotFound, "model", "no version is in service yet; name one (see train versions)")
		}
	}
	v, err := reg.Get(name)
	if err != nil {
		return nil, err
	}
	s, err := scorer.Load(v)
	if err != nil {
		return nil, err
	}
	if m := overlap(v.Manifest.Train, months); len(m) > 0 {
		sink(Event{Warning: &WarningEvent{Message: fmt.Sprintf("%s was trained on %s: figures on rows that trained it flatter it and say nothing of other months", name, monthSpan(m))}})
	}
	c.Test, c.Columns = months, s.FeatureNames()
	for _, m := range months {
		info, err := st.MonthInfo(m)
		if err != nil {
			return nil, err
		}
		if info.Labels.True+info.Labels.False == 0 {
			return nil, fault.Field(fault.Invalid, "months", "month %s has no labelled rows; label it with train features build --labels", m)
		}
	}
	t, err := readTable(st, months, c.Columns)
	if err != nil {
		return nil, err
	}
	b, err := v.ReadFile(registry.RulesFile)
	if err != nil {
		return nil, err
	}
	rs, err := rules.Parse(b)
	if err != nil {
		return nil, err
	}
	scores := s.ScoreFloat32(t.x, t.len(), c.Threads)
	raw, confidence := make([]float64, len(scores)), make([]float64, len(scores))
	for i, sc := range scores {
		raw[i], confidence[i] = sc.Probability, sc.Confidence
	}
	lists, err := openLabels(ctx, &c, sink)
	if err != nil {
		return nil, err
	}
	in := testInput(st, t, raw, lists)
	if model == "listed-before" && in.ListedBefore == nil {
		return nil, fault.Field(fault.Invalid, "labels", "listed-before needs --labels with exports known before %s", monthSpan(months))
	}
	in.Name = name + " on " + monthSpan(months)
	in.Months = evaluation.Months{Train: monthNames(v.Manifest.Train), Test: monthNames(months)}
	in.Calibrated = confidence
	ev, err := ReadEvaluation(v)
	if err != nil {
		return nil, err
	}
	in.Operating = ev.Operating
	in.RulesAtHalf = rs.BestF1.Flags(t.requestCount, t.sizeMean)
	in.RulesOperating = rs.AtTarget.Flags(t.requestCount, t.sizeMean)
	in.RulesAbstain = rs.AtTarget.Abstains
	split, err := evaluation.Evaluate(ctx, in, evaluation.Options{Seed: uint64(c.Seed), Threads: c.Threads, Target: float64(ev.Target)})
	if err != nil {
		return nil, err
	}
	sendFigures(func(e Event) {
		if e.Figures == nil || model != "rules" && model != "listed-before" || e.Figures.Who == model {
			sink(e)
		}
	}, &split)
	return &split, nil
}

// ReadEvaluation reads a version's evaluation.json.
func ReadEvaluation(v registry.Version) (*evaluation.Evaluation, error) {
	b, err := v.ReadFile(registry.EvaluationFile)
	if err != nil {
		return nil, err
	}
	ev, err := evaluation.Parse(b)
	if err != nil {
		return nil, fault.Wrap(err, "%s", v.Path(registry.EvaluationFile))
	}
	if ev.Main() == nil {
		return nil, fault.New(fault.Corrupt, "%s holds no split", v.Path(registry.EvaluationFile))
	}
	return ev, nil
}

// readTable reads the labelled rows of months.
func readTable(st *featurestore.Store, months []row.Month, names []string) (*table, error) {
	have, rows, err := readRows(st, "months", months)
	if err != nil {
		return nil, err
	}
	return newTable(have, rows, names, groupNumbers{}, true)
}

// readRows reads months that must have the same columns; flag is what named
// them.
func readRows(st *featurestore.Store, flag string, months []row.Month) (have []string, rows []row.Row, err error) {
	for _, m := range months {
		month, err := st.ReadMonth(m)
		if err != nil {
			return nil, nil, err
		}
		if have != nil && !slices.Equal(have, month.Columns) {
			return nil, nil, fault.Field(fault.Invalid, flag, "month %s has other columns than the months before it; build them alike", m)
		}
		have = month.Columns
		rows = append(rows, month.Rows...)
	}
	return have, rows, nil
}
