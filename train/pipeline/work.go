package pipeline

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"math"
	"slices"
	"time"

	"sluice/featurestore"
	"sluice/featurestore/reputation"
	"sluice/featurestore/row"
	"sluice/models/calibration"
	"sluice/models/drift"
	"sluice/models/ensemble"
	"sluice/models/registry"
	"sluice/models/rules"
	"sluice/models/rules/aim"
	"sluice/models/scorer"
	"sluice/models/xgboost"
	"sluice/train/evaluation"
	"sluice/train/gbtree"
)

// work is one version in the making.
type work struct {
	*Config
	ctx   context.Context
	sink  Sink
	store *featurestore.Store
	// trainStore holds the training months where they are another site's; nil
	// where they are in store.
	trainStore *featurestore.Store
	registry   *registry.Registry
	version    string
	lists      *reputation.Set // nil where no exports were given
	country    countries       // nil where no database was given
	train      *table
	test       *table
	warnings   []string

	params      gbtree.Params // after tuning
	rounds      int
	tuning      *tuning
	model       *ensemble.Model
	predictor   *ensemble.Predictor
	calibration *calibration.Calibrator
	folds       []float64 // raw probabilities of the training rows, out of fold
	operating   evaluation.OperatingChoice
	bestF1      evaluation.OperatingChoice
	rules       rules.Set
	drift       *drift.Report
}

func (w *work) stage(name string, begun time.Time, format string, args ...any) {
	w.sink(Event{Stage: &StageEvent{Name: name, Summary: fmt.Sprintf(format, args...) + " in " + elapsed(begun)}})
}

func (w *work) run(inputsText []byte, inputsSum [sha256.Size]byte) (Result, error) {
	w.params, w.rounds = w.Params, w.Rounds
	for _, step := range []func() error{w.tuneParams, w.fitModel, w.fitThresholds, w.measureDrift} {
		if err := step(); err != nil {
			return Result{}, err
		}
	}
	ev, err := w.evaluate()
	if err != nil {
		return Result{}, err
	}
	v, err := w.write(ev, inputsText, inputsSum)
	if err != nil {
		return Result{}, err
	}
	return conclude(w.ctx, w.Config, w.store, w.registry, v, ev, false, w.sink)
}

// fitModel trains the model on all training rows.
func (w *work) fitModel() error {
	begun := time.Now()
	t := w.train
	m, p, err := fit(w.ctx, w.Config, w.params, w.rounds, t.names, t.x, t.float32Labels(), TrainProgress(w.sink, "train", w.rounds))
	if err != nil {
		return err
	}
	if err := m.SetSchema(ensemble.NewSchema(t.names)); err != nil {
		return err
	}
	w.model, w.predictor = m, p
	w.stage("train", begun, "%d trees from %d rows (%.1f %% reported)", len(m.Trees), t.len(), 100*float64(t.positives())/float64(t.len()))
	return nil
}

// fitThresholds takes calibration and operating point from folds of the
// training months, and the rules from the same rows.
func (w *work) fitThresholds() error {
	begun := time.Now()
	t := w.train
	raw, err := outOfFold(w.ctx, w.Config, t, w.params, w.rounds, w.sink)
	if err != nil {
		return err
	}
	w.folds = raw
	if w.calibration, err = calibration.Fit(t.labels, raw); err != nil {
		return err
	}
	chosenOn := fmt.Sprintf("%d folds of %s, grouped by IP", folds, monthSpan(w.Train))
	if w.operating, err = evaluation.Choose(t.labels, raw, t.groups, w.Aim, chosenOn); err != nil {
		return err
	}
	if w.bestF1, err = evaluation.ChooseBestF1(t.labels, raw, chosenOn); err != nil {
		return err
	}
	if w.rules, err = rules.Train(w.ctx, t.requestCount, t.sizeMean, t.labels, t.groups, rules.Options{Aim: w.Aim, Threads: w.Threads}); err != nil {
		return err
	}
	point := "the model abstains: " + w.operating.Reason
	if !w.operating.Abstains {
		point = fmt.Sprintf("threshold %.4f: %s", float64(w.operating.Threshold), w.operating.Reason)
	}
	w.stage("validate", begun, "%s", point)
	return nil
}

// split measures the model, the rules and the earlier lists on the test
// months.
func (w *work) split() (evaluation.Split, error) {
	begun := time.Now()
	in := testInput(w.Config, w.store, w.test, probabilities(w.predictor, w.test, w.Threads), w.lists, w.country)
	in.Months, in.Name = w.months(), w.splitName()
	in.Calibrated = w.calibration.ApplyAll(nil, in.Scores)
	in.Operating, in.BestF1 = w.operating, &w.bestF1
	in.RulesAtHalf = w.rules.BestF1.Flags(w.test.requestCount, w.test.sizeMean)
	in.RulesOperating = w.rules.AtTarget.Flags(w.test.requestCount, w.test.sizeMean)
	in.RulesAbstain = w.rules.AtTarget.Abstains
	in.Seen = seen(w.train, w.test)
	in.Champion = w.championFlags()
	s, err := evaluation.Evaluate(w.ctx, in, evaluation.Options{Seed: uint64(w.Seed), Threads: w.Threads, Aim: w.Aim})
	if err == nil {
		w.stage("evaluate", begun, "%d rows of %s, %d bootstrap draws by IP", s.Rows.Rows, monthSpan(w.Test), s.Intervals.Draws)
	}
	return s, err
}

// evaluate judges the version: its own split first, then those of a backtest
// where one is asked for.
func (w *work) evaluate() (*evaluation.Evaluation, error) {
	s, err := w.split()
	if err != nil {
		return nil, err
	}
	ev := &evaluation.Evaluation{
		SchemaVersion: evaluation.SchemaVersion, ModelVersion: w.version, Simulated: w.World == featurestore.Simulated,
		Seed: uint64(w.Seed), Operating: w.operating, BestF1: &w.bestF1, Splits: []evaluation.Split{s}, Studies: []evaluation.Study{},
	}
	ev.SetAim(w.Aim)
	facts := evaluation.Facts{MaxPSI: math.NaN(), Aim: w.Aim}
	if m := w.drift.Of(monthSpan(w.Test)); m != nil {
		facts.MaxPSI, facts.MaxPSIFeature = featureDrift(*m, w.train.names)
	}
	ev.Gate = evaluation.Judge(ev.Main(), w.Gates, facts)
	if w.Review {
		if ev.Studies, err = w.studies(); err != nil {
			return nil, err
		}
	}
	if w.Backtest {
		b, err := backtest(w.ctx, w.Config, w.store, len(w.Train), w.Test, w.lists, w.country, w.sink)
		if err != nil {
			return nil, err
		}
		ev.Splits, ev.Studies, ev.Retrain = append(ev.Splits, b.Splits...), append(ev.Studies, b.Studies...), b.Retrain
	}
	return ev, nil
}

func monthNames(ms []row.Month) []string {
	out := make([]string, len(ms))
	for i, m := range ms {
		out[i] = m.String()
	}
	return out
}

// testInput fills in what does not depend on who is measured.
func testInput(c *Config, st *featurestore.Store, t *table, raw []float64, lists *reputation.Set, country countries) evaluation.Input {
	in := evaluation.Input{Labels: t.labels, Scores: raw, Groups: t.groups, RequestCount: t.requestCount, Unknown: t.unknown}
	if lists != nil {
		in.ListedBefore = listedBefore(c, st, t, lists)
	}
	if country == nil {
		country = storedCountries(st, t)
	}
	in.Slices = rowSlices(t, country)
	return in
}

// listedBefore flags the rows whose address was on a list known strictly
// before their window began; nil where no list was, or the addresses are not
// known.
func listedBefore(c *Config, st *featurestore.Store, t *table, lists *reputation.Set) []bool {
	address := behind(c, st)
	if address == nil {
		return nil
	}
	spans := windowSpans(st)
	flags := make([]bool, t.len())
	known := false
	for i, r := range t.rows {
		e := lists.ListedBefore(address(r.IP), spans.of(r.Key).Start)
		flags[i] = e.Listed()
		known = known || e.Exports > 0
	}
	if !known {
		return nil
	}
	return flags
}

// seen tells which test rows have an address that training saw.
func seen(train, test *table) []bool {
	known := map[int]bool{}
	for _, g := range train.groups {
		known[g] = true
	}
	out := make([]bool, test.len())
	for i, g := range test.groups {
		out[i] = known[g]
	}
	return out
}

// championFlags are the serving model's verdicts on the test rows; nil without
// one, or where it needs other columns, was trained on these very rows, or was made
// for another aim.
func (w *work) championFlags() []bool {
	if w.registry == nil {
		return nil
	}
	name, err := w.registry.Champion()
	if err != nil || name == "" {
		return nil
	}
	note := func(why string) []bool {
		w.warnings = append(w.warnings, "not compared with the champion "+name+": "+why)
		return nil
	}
	v, err := w.registry.Get(name)
	if err != nil {
		return note("it can't be read")
	}
	if m := overlap(v.Manifest.Train, w.Test); len(m) > 0 {
		return note("it was trained on " + monthSpan(m))
	}
	// Recall at two thresholds says nothing where they were not chosen for the
	// same; costs can be counted for any.
	if its := operatingPoint(v).Aim; its != w.Aim && w.Aim.Kind() != aim.Cost {
		return note("its operating point was chosen for " + its.Words() + ", this one for " + w.Aim.Words())
	}
	s, err := scorer.Load(v)
	if err != nil {
		return note("it can't be loaded")
	}
	t, err := readTable(w.Config, w.store, "test", w.Test, s.FeatureNames(), w.lists, groupNumbers{})
	if err != nil {
		return note("it takes other columns: " + oneLine(err))
	}
	flags := make([]bool, t.len())
	unscored := 0
	for i, sc := range s.ScoreFloat32(t.x, t.len(), w.Threads) {
		flags[i] = sc.Verdict == scorer.Abusive
		if sc.Probability != sc.Probability {
			unscored++
		}
	}
	if unscored > 0 {
		return note(fmt.Sprintf("it gives %d of %d rows no probability", unscored, t.len()))
	}
	return flags
}

// overlap are the months in both.
func overlap(a, b []row.Month) []row.Month {
	var out []row.Month
	for _, m := range a {
		if slices.Contains(b, m) {
			out = append(out, m)
		}
	}
	return out
}

// write puts the version into the registry.
func (w *work) write(ev *evaluation.Evaluation, inputsText []byte, inputsSum [sha256.Size]byte) (registry.Version, error) {
	begun := time.Now()
	d, err := w.registry.Create(w.version)
	if err != nil {
		return registry.Version{}, err
	}
	defer d.Discard()
	var b bytes.Buffer
	if err := xgboost.WriteJSON(&b, w.model); err != nil {
		return registry.Version{}, err
	}
	modelBytes := b.Len()
	if err := d.WriteFile(registry.ModelFile, b.Bytes()); err != nil {
		return registry.Version{}, err
	}
	b.Reset()
	if err := xgboost.WriteUBJSON(&b, w.model); err != nil {
		return registry.Version{}, err
	}
	if err := d.WriteFile(registry.KServeFile, b.Bytes()); err != nil {
		return registry.Version{}, err
	}
	rulesJSON, err := w.rules.MarshalIndent()
	if err != nil {
		return registry.Version{}, err
	}
	if err := d.WriteFile(registry.RulesFile, rulesJSON); err != nil {
		return registry.Version{}, err
	}
	threshold := ptr(w.operating.Threshold)
	if w.operating.Abstains {
		threshold = nil
	}
	cal, err := w.calibration.MarshalIndent()
	if err != nil {
		return registry.Version{}, err
	}
	if err := d.WriteFile(registry.CalibrationFile, cal); err != nil {
		return registry.Version{}, err
	}
	op := scorer.OperatingPoint{Threshold: threshold, Aim: w.Aim, ChosenOn: w.operating.ChosenOn}
	if err := d.WriteJSON(registry.SchemaFile, scorer.NewSchema(w.train.names, op)); err != nil {
		return registry.Version{}, err
	}
	if err := w.writeServing(d, op, w.folds); err != nil {
		return registry.Version{}, err
	}
	evJSON, err := ev.MarshalIndent()
	if err != nil {
		return registry.Version{}, err
	}
	if err := d.WriteFile(registry.EvaluationFile, evJSON); err != nil {
		return registry.Version{}, err
	}
	if err := w.writeReport(d, ev, modelBytes); err != nil {
		return registry.Version{}, err
	}
	gate := registry.Gate{Passed: ev.Gate.Passed, Reasons: []string{}}
	for _, c := range ev.Gate.Checks {
		if !c.Passed || ev.Gate.Passed {
			gate.Reasons = append(gate.Reasons, c.Reason)
		}
	}
	v, err := d.Commit(registry.Manifest{
		CreatedAt: time.Now().UTC(), Program: program(), World: w.World, Train: w.Train, Test: w.Test,
		InputsSHA256: hex.EncodeToString(inputsSum[:]), Inputs: json.RawMessage(inputsText), Gate: gate,
	})
	if err == nil {
		w.stage("write", begun, "version %s", w.version)
	}
	return v, err
}
