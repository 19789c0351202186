package pipeline

import (
	"context"
	"fmt"

	"sluice/featurestore"
	"sluice/featurestore/columns"
	"sluice/featurestore/fault"
	"sluice/featurestore/reputation"
	"sluice/featurestore/row"
	"sluice/models/registry"
	"sluice/models/rules"
	"sluice/models/scorer"
	"sluice/train/evaluation"
)

// The names that Evaluate takes beside versions.
const (
	ModelChampion = "champion"
	ModelRules    = "rules"
	ModelListed   = "listed-before"
)

// Evaluate measures a version on months of the store as they are labelled now,
// with its rules and, where c.Labels name exports of earlier months, last
// month's list beside it. "champion" and "rules" take the version in service;
// "listed-before" is the list alone and needs no version. It writes nothing.
func Evaluate(ctx context.Context, c Config, model string, months []row.Month, sink Sink) (*evaluation.Split, error) {
	st, err := featurestore.Open(c.Home, featurestore.OpenOptions{ReadOnly: true, Context: ctx})
	if err != nil {
		return nil, err
	}
	defer st.Close()
	for _, m := range months {
		info, err := st.MonthInfo(m)
		if err != nil {
			return nil, err
		}
		if info.Labels.True+info.Labels.False == 0 {
			return nil, fault.Field(fault.Invalid, "months", "month %s has no labelled rows; label it with train features build --labels", m)
		}
	}
	lists, err := openLabels(ctx, &c, sink)
	if err != nil {
		return nil, err
	}
	country, _, err := openCountries(c.CountryDB)
	if err != nil {
		return nil, err
	}
	if model == ModelListed {
		return evaluateList(ctx, &c, st, months, lists, country, sink)
	}
	reg := registry.Open(c.Home)
	name := model
	if model == ModelChampion || model == ModelRules {
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
	t, err := readTable(&c, st, "months", months, c.Columns, lists, groupNumbers{})
	if err != nil {
		return nil, fault.Wrap(err, "version %s takes columns that these months do not have", name)
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
	in := testInput(&c, st, t, raw, lists, country)
	in.Name = name + " on " + monthSpan(months)
	in.Months = evaluation.Months{Train: monthNames(v.Manifest.Train), Test: monthNames(months)}
	in.Calibrated = confidence
	ev, err := ReadEvaluation(v)
	if err != nil {
		return nil, err
	}
	in.Operating, in.BestF1 = ev.Operating, ev.BestF1
	in.RulesAtHalf = rs.BestF1.Flags(t.requestCount, t.sizeMean)
	in.RulesOperating = rs.AtTarget.Flags(t.requestCount, t.sizeMean)
	in.RulesAbstain = rs.AtTarget.Abstains
	split, err := evaluation.Evaluate(ctx, in, evaluation.Options{Seed: uint64(c.Seed), Threads: c.Threads, Aim: ev.Aim()})
	if err != nil {
		return nil, err
	}
	for _, warning := range split.Warnings {
		sink(Event{Warning: &WarningEvent{Message: warning}})
	}
	sendFigures(func(e Event) {
		if e.Figures == nil || model != ModelRules || e.Figures.Who == model {
			sink(e)
		}
	}, &split)
	return &split, nil
}

// evaluateList measures "was listed before" by itself: as a score it is 0 or 1.
func evaluateList(ctx context.Context, c *Config, st *featurestore.Store, months []row.Month, lists *reputation.Set, country countries, sink Sink) (*evaluation.Split, error) {
	t, err := readTable(c, st, "months", months, columns.Names(), nil, groupNumbers{})
	if err != nil {
		return nil, err
	}
	scores := make([]float64, t.len())
	in := testInput(c, st, t, scores, lists, country)
	if in.ListedBefore == nil {
		return nil, fault.Field(fault.Invalid, "labels", "listed-before needs --labels with exports known before %s", monthSpan(months))
	}
	for i, listed := range in.ListedBefore {
		if listed {
			scores[i] = 1
		}
	}
	in.Name = ModelListed + " on " + monthSpan(months)
	in.Months = evaluation.Months{Train: []string{}, Test: monthNames(months)}
	in.Operating = evaluation.OperatingChoice{Threshold: 1, Target: evaluation.NaN(), ChosenOn: "nothing: an address is listed or not"}
	split, err := evaluation.Evaluate(ctx, in, evaluation.Options{Seed: uint64(c.Seed), Threads: c.Threads})
	if err != nil {
		return nil, err
	}
	sendFigures(func(e Event) {
		if e.Figures == nil || e.Figures.Who == ModelListed {
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
