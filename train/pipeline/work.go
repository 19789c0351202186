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
	"sluice/featurestore/columns"
	"sluice/featurestore/reputation"
	"sluice/featurestore/row"
	"sluice/models/calibration"
	"sluice/models/drift"
	"sluice/models/ensemble"
	"sluice/models/registry"
	"sluice/models/rules"
	"sluice/models/scorer"
	"sluice/models/xgboost"
	"sluice/train/evaluation"
	"sluice/train/gbtree"
)

// work is one version in the making.
type work struct {
	*Config
	ctx      context.Context
	sink     Sink
	store    *featurestore.Store
	registry *registry.Registry
	version  string
	lists    *reputation.Set // nil where no exports were given
	train    *table
	test     *table
	warnings []string

	params      gbtree.Params // after tuning
	rounds      int
	tuning      *tuning
	model       *ensemble.Model
	predictor   *ensemble.Predictor
	calibration *calibration.Calibrator
	operating   evaluation.OperatingChoice
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
	if w.calibration, err = calibration.Fit(t.labels, raw); err != nil {
		return err
	}
	chosenOn := fmt.Sprintf("%d folds of %s, grouped by IP", folds, monthSpan(w.Train))
	if w.operating, err = evaluation.ChooseOperatingPoint(t.labels, raw, t.groups, w.TargetPrecision, chosenOn); err != nil {
		return err
	}
	if w.rules, err = rules.Train(w.ctx, t.requestCount, t.sizeMean, t.labels, t.groups, rules.Options{Target: w.TargetPrecision, Threads: w.Threads}); err != nil {
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
	in := testInput(w.store, w.test, probabilities(w.predictor, w.test, w.Threads), w.lists)
	in.Months = evaluation.Months{Train: monthNames(w.Train), Test: monthNames(w.Test)}
	in.Name = monthSpan(w.Train) + " → " + monthSpan(w.Test)
	in.Calibrated = w.calibration.ApplyAll(nil, in.Scores)
	in.Operating = w.operating
	in.RulesAtHalf = w.rules.BestF1.Flags(w.test.requestCount, w.test.sizeMean)
	in.RulesOperating = w.rules.AtTarget.Flags(w.test.requestCount, w.test.sizeMean)
	in.RulesAbstain = w.rules.AtTarget.Abstains
	in.Seen = seen(w.train, w.test)
	in.Champion = w.championFlags()
	s, err := evaluation.Evaluate(w.ctx, in, evaluation.Options{Seed: uint64(w.Seed), Threads: w.Threads, Target: w.TargetPrecision})
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
		Target: evaluation.Float(w.TargetPrecision), Seed: uint64(w.Seed), Operating: w.operating, Splits: []evaluation.Split{s},
	}
	facts := evaluation.Facts{MaxPSI: math.NaN()}
	if n := len(w.drift.Months); n > 0 {
		facts.MaxPSI, facts.MaxPSIFeature = w.drift.Months[n-1].Max(w.drift.Columns)
	}
	ev.Gate = evaluation.Judge(ev.Main(), w.Gates, facts)
	if w.Backtest {
		earlier, err := backtest(w.ctx, w.Config, w.store, len(w.Train), w.Test[0], w.lists, w.sink)
		if err != nil {
			return nil, err
		}
		ev.Splits = append(ev.Splits, earlier...)
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
func testInput(st *featurestore.Store, t *table, raw []float64, lists *reputation.Set) evaluation.Input {
	in := evaluation.Input{Labels: t.labels, Scores: raw, Groups: t.groups, RequestCount: t.requestCount, Unknown: t.unknown}
	// Exports name addresses, and a store of pseudonyms has none.
	if lists != nil && st.Manifest().Pseudonyms == "" {
		in.ListedBefore = listedBefore(st, t, lists)
	}
	in.Slices = rowSlices(t)
	return in
}

// listedBefore flags the rows whose address was on a list known strictly
// before their window began; nil where no list was.
func listedBefore(st *featurestore.Store, t *table, lists *reputation.Set) []bool {
	spans := windowSpans(st)
	flags := make([]bool, t.len())
	known := false
	for i, r := range t.rows {
		e := lists.ListedBefore(r.IP, spans.of(r.Key).Start)
		flags[i] = e.Listed()
		known = known || e.Exports > 0
	}
	if !known {
		return nil
	}
	return flags
}

// rowSlices cut the rows by what their address is and how it behaves. Families
// whose parts hold nothing or everything say nothing and are left out.
func rowSlices(t *table) []evaluation.SliceInput {
	var out []evaluation.SliceInput
	family := func(name string, parts []string, of func(i int) int) {
		include := make([][]bool, len(parts))
		counts := make([]int, len(parts))
		for k := range parts {
			include[k] = make([]bool, t.len())
		}
		for i := range t.rows {
			if k := of(i); k >= 0 {
				include[k][i] = true
				counts[k]++
			}
		}
		for k := range parts {
			if counts[k] > 0 && counts[k] < t.len() {
				out = append(out, evaluation.SliceInput{Family: name, Name: parts[k], Include: include[k]})
			}
		}
	}
	family("address", []string{"IPv4", "IPv6"}, func(i int) int {
		if t.rows[i].IP.Is6() {
			return 1
		}
		return 0
	})
	value := func(i, column int) float64 { return t.rows[i].Values[column] }
	family("agent", []string{"declared crawler (spider_ratio ≥ 0.5)", "other agents"}, func(i int) int {
		switch v := value(i, columns.SpiderRatio); {
		case v != v:
			return -1
		case v >= 0.5:
			return 0
		}
		return 1
	})
	family("access method", []string{"mostly desktop", "mostly mobile web", "mostly mobile app"}, func(i int) int {
		d, m, a := value(i, columns.DesktopRatio), value(i, columns.MobileWebRatio), value(i, columns.MobileAppRatio)
		switch {
		case d != d || m != m || a != a:
			return -1
		case d >= m && d >= a:
			return 0
		case m >= a:
			return 1
		}
		return 2
	})
	var attacks []string
	for _, r := range t.rows {
		if len(attacks) == 0 || attacks[len(attacks)-1] != r.Attack {
			attacks = append(attacks, r.Attack)
		}
	}
	slices.Sort(attacks)
	attacks = slices.Compact(attacks)
	// A page of hundreds of windows helps nobody.
	if len(attacks) <= 24 {
		family("attack", attacks, func(i int) int { return slices.Index(attacks, t.rows[i].Attack) })
	}
	return out
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
// one, or where it needs other columns or was trained on these very rows.
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
	s, err := scorer.Load(v)
	if err != nil {
		return note("it can't be loaded")
	}
	if s.Schema() != columns.Hash(w.test.names) {
		return note("it takes other columns")
	}
	flags := make([]bool, w.test.len())
	for i, sc := range s.ScoreFloat32(w.test.x, w.test.len(), w.Threads) {
		flags[i] = sc.Verdict == scorer.Abusive
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
	op := scorer.OperatingPoint{Threshold: threshold, Target: w.TargetPrecision, ChosenOn: w.operating.ChosenOn}
	if err := d.WriteJSON(registry.SchemaFile, scorer.NewSchema(w.train.names, op)); err != nil {
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
