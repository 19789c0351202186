package pipeline

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"runtime/debug"
	"slices"
	"strings"
	"time"

	"sluice/featurestore"
	"sluice/featurestore/columns"
	"sluice/featurestore/fault"
	"sluice/featurestore/reputation"
	"sluice/featurestore/row"
	"sluice/models/registry"
	"sluice/models/rules/aim"
	"sluice/train/evaluation"
	"sluice/train/gbtree"
	"sluice/train/report"
)

// Run does the month's work. A model that a gate held back is no error: see
// Result.Gate.
func Run(ctx context.Context, c Config, sink Sink) (Result, error) {
	if err := c.check(); err != nil {
		return Result{}, err
	}
	country, countrySum, err := openCountries(c.CountryDB)
	if err != nil {
		return Result{}, err
	}
	if err := c.refuseSimulated(); err != nil {
		return Result{}, err
	}
	if c.DryRun {
		return dryRun(ctx, c)
	}
	st, err := featurestore.Open(c.Home, featurestore.OpenOptions{World: c.World, Context: ctx})
	if err != nil {
		return Result{}, err
	}
	defer st.Close()
	if c.World == "" {
		if c.World = st.World(); c.World == "" {
			c.World = featurestore.Real
		}
		if err := c.refuseSimulated(); err != nil {
			return Result{}, err
		}
	}
	reg := registry.Open(c.Home)
	if err := reg.Sweep(); err != nil {
		return Result{}, err
	}

	lists, err := openLabels(ctx, &c, sink)
	if err != nil {
		return Result{}, err
	}
	if err := readLogs(ctx, &c, st, lists, sink); err != nil {
		return Result{}, err
	}
	if err := c.chooseMonths(st); err != nil {
		return Result{}, err
	}
	train, test, err := loadMonths(&c, st, st, lists)
	if err != nil {
		return Result{}, err
	}
	in := c.inputs(st, train, test, lists)
	in.Country = countrySum
	if _, in.Seen, err = readSeen(st); err != nil {
		return Result{}, err
	}
	champion, err := reg.Champion()
	if err != nil {
		return Result{}, err
	}
	// The version that these inputs gave may be in service by now, and is then
	// not compared with itself.
	if v, err := reg.Get(champion); err == nil && in.gave(v) {
		return rerun(ctx, &c, st, reg, v, sink)
	}
	in.Champion = champion
	text, err := json.Marshal(in)
	if err != nil {
		return Result{}, err
	}
	sum := sha256.Sum256(text)
	name := registry.VersionName(c.Train[len(c.Train)-1], sum)
	if v, err := reg.Get(name); err == nil {
		return rerun(ctx, &c, st, reg, v, sink)
	} else if !fault.Is(err, fault.NotFound) {
		return Result{}, err
	}
	w := &work{
		Config: &c, ctx: ctx, sink: sink, store: st, registry: reg, version: name, lists: lists, country: country, train: train, test: test, warnings: monthNotes(st, slices.Concat(c.Train, c.Test)),
	}
	if country != nil && st.Manifest().Pseudonyms != "" {
		w.country = nil
		w.warnings = append(w.warnings, "no slices by country: the store's addresses are pseudonyms, which lie in no country")
	}
	return w.run(text, sum)
}

// check refuses what can be told without reading anything.
func (c *Config) check() error {
	for _, m := range c.Test {
		if slices.Contains(c.Train, m) {
			return fault.Field(fault.Usage, "test", "month %s is both trained and tested on; a model must be tested on a month it never saw", m)
		}
	}
	if len(c.Train) == 0 && c.LastN == 0 {
		return fault.Field(fault.Usage, "train", "say the months to train on, as in --train 2024-06,2024-07")
	}
	if c.Rounds <= 0 {
		c.Rounds = DefaultRounds
	}
	if len(c.Columns) == 0 {
		c.Columns = columns.Names()
	}
	if slices.Contains(c.Columns, columns.Label) {
		return fault.Field(fault.Invalid, "columns", "%s is the label and never an input of a model", columns.Label)
	}
	if len(slices.Compact(slices.Sorted(slices.Values(c.Columns)))) < len(c.Columns) {
		return fault.Field(fault.Usage, "columns", "--columns names a column twice")
	}
	c.Aim = c.Aim.OrDefault()
	if err := c.Aim.Check(); err != nil {
		return err
	}
	if c.Gates == (evaluation.GateConfig{}) {
		c.Gates = evaluation.DefaultGates().For(c.Aim)
	}
	if c.Gates.CheaperThanNothing && c.Aim.Kind() != aim.Cost {
		return fault.Field(fault.Usage, "gates", "the gate cheaper_than_nothing needs costs, and the operating point is chosen for %s: say --cost-false-positive and --cost-false-negative", c.Aim.Words())
	}
	return c.Gates.Validate()
}

func openLabels(ctx context.Context, c *Config, sink Sink) (*reputation.Set, error) {
	if len(c.Labels) == 0 {
		return nil, nil
	}
	begun := time.Now()
	o := c.LabelOptions
	o.Location, o.Threads = c.Zone, c.Threads
	def, err := reputation.ParseDefinition(c.LabelDefinition)
	if err != nil {
		return nil, err
	}
	o.Definition = def
	lists, err := reputation.Open(ctx, c.Labels, o)
	if err != nil {
		return nil, err
	}
	addresses, rejects := 0, 0
	for _, f := range lists.Stats() {
		addresses += f.Good
		for _, r := range f.Rejects {
			rejects += r.Count
		}
	}
	sink(Event{Stage: &StageEvent{Name: "labels", Summary: fmt.Sprintf("%d entries in %d exports for %s, %d lines rejected; reported means %s (%s)", addresses, len(lists.Stats()), monthSpan(lists.Months()), rejects, lists.Definition(), lists.Sentence()),
		Facts: map[string]any{"definition": lists.Definition(), "files": lists.Stats(), "elapsed_seconds": time.Since(begun).Seconds()}}})
	return lists, nil
}

// chooseMonths fills in the months that were not named and checks those that
// were against the store.
func (c *Config) chooseMonths(st *featurestore.Store) error {
	have := st.Manifest().Months
	labelled := map[row.Month]bool{}
	var names []row.Month
	for _, m := range have {
		names = append(names, m.Month)
		labelled[m.Month] = m.Labels.True+m.Labels.False > 0
	}
	return c.chooseAmong(names, labelled)
}

// chooseAmong is chooseMonths for a store that has these months, ascending.
func (c *Config) chooseAmong(names []row.Month, labelled map[row.Month]bool) error {
	if len(c.Test) == 0 {
		for _, m := range slices.Backward(names) {
			if labelled[m] && !slices.Contains(c.Train, m) {
				c.Test = []row.Month{m}
				break
			}
		}
		if len(c.Test) == 0 {
			return fault.Field(fault.Invalid, "test", "no labelled month is left to test on; the store has %s", monthSpan(names))
		}
	}
	if c.LastN > 0 {
		c.Train = nil
		for _, m := range names {
			if labelled[m] && m < c.Test[0] {
				c.Train = append(c.Train, m)
			}
		}
		if len(c.Train) < c.LastN {
			return fault.Field(fault.Invalid, "train", "last-%d needs %d labelled months before %s; the store has %s", c.LastN, c.LastN, c.Test[0], monthSpan(c.Train))
		}
		c.Train = c.Train[len(c.Train)-c.LastN:]
	}
	for _, m := range slices.Concat(c.Train, c.Test) {
		if !slices.Contains(names, m) {
			return fault.Field(fault.Invalid, "logs", "month %s has no requests in the store, which has %s; give its logs with --logs", m, monthSpan(names))
		}
		if !labelled[m] {
			return fault.Field(fault.Invalid, "labels", "month %s has no labelled rows; give an AbuseIPDB export of that month with --labels", m)
		}
	}
	return nil
}

func monthSpan(ms []row.Month) string {
	if len(ms) == 0 {
		return "no months"
	}
	s := make([]string, len(ms))
	for i, m := range ms {
		s[i] = m.String()
	}
	return strings.Join(s, ", ")
}

// loadMonths reads the rows with a known label; from holds the training months
// and st those that are tested, and most often both are one.
func loadMonths(c *Config, from, st *featurestore.Store, lists *reputation.Set) (train, test *table, err error) {
	ids := groupNumbers{}
	load := func(st *featurestore.Store, flag string, ms []row.Month) (*table, error) {
		t, err := readTable(c, st, flag, ms, c.Columns, lists, ids)
		if err != nil {
			return nil, err
		}
		if p := t.positives(); p == 0 || p == t.len() {
			word := map[bool]string{true: "reported", false: "not reported"}[p > 0]
			return nil, fault.Field(fault.Invalid, flag, "all %d labelled rows of %s are %s: a model needs rows of both kinds; are the label exports of these months?", t.len(), monthSpan(ms), word)
		}
		return t, nil
	}
	if train, err = load(from, "train", c.Train); err != nil {
		return nil, nil, err
	}
	test, err = load(st, "test", c.Test)
	return train, test, err
}

// inputs is everything that a version depends on; its hash names the version.
type inputs struct {
	Program   string        `json:"program"` // changes when the same rows would give another version
	World     string        `json:"world"`
	Train     []row.Month   `json:"train"`
	Test      []row.Month   `json:"test"`
	TrainRows string        `json:"train_rows_sha256"`
	TestRows  string        `json:"test_rows_sha256"`
	Columns   []string      `json:"columns"`
	Schema    string        `json:"schema_hash"`
	Labels    []string      `json:"label_definitions"`
	Options   []string      `json:"row_options"`
	Params    gbtree.Params `json:"params"`
	Rounds    int           `json:"num_boost_round"`
	Tune      bool          `json:"tune"`
	Grid      bool          `json:"grid,omitempty"`
	Review    bool          `json:"review,omitempty"`
	Country   string        `json:"country_db_sha256,omitempty"`
	Seen      string        `json:"detection_sha256,omitempty"` // what detection saw, for the report
	Backtest  []string      `json:"backtest,omitempty"`         // months whose rows it stands on, by checksum
	Seed      int64         `json:"seed"`
	aim.Aim                 // of the default, target_precision alone

	Gates evaluation.GateConfig `json:"gates"`

	Exports  []string `json:"label_exports_sha256"` // that tell what was listed before
	Champion string   `json:"champion"`             // compared with; "" for none
}

// gave reports whether a version was made of the same inputs, whatever it was
// compared with.
func (in inputs) gave(v registry.Version) bool {
	var was inputs
	if json.Unmarshal(v.Manifest.Inputs, &was) != nil {
		return false
	}
	was.Champion, in.Champion = "", ""
	a, errA := json.Marshal(was)
	b, errB := json.Marshal(in)
	return errA == nil && errB == nil && bytes.Equal(a, b)
}

// programVersion counts changes after which the same inputs give other files.
const programVersion = "sluice 2"

func (c *Config) inputs(st *featurestore.Store, train, test *table, lists *reputation.Set) inputs {
	in := inputs{
		Program: programVersion, World: c.World, Train: c.Train, Test: c.Test,
		TrainRows: fmt.Sprintf("%x", train.filesHash), TestRows: fmt.Sprintf("%x", test.filesHash),
		Columns: c.Columns, Schema: columns.Hash(c.Columns), Params: withoutThreads(c.Params), Rounds: c.Rounds, Tune: c.Tune, Grid: c.Grid, Review: c.Review,
		Seed: c.Seed, Aim: c.Aim, Gates: c.Gates,
	}
	for _, m := range st.Manifest().Months {
		if slices.Contains(c.Train, m.Month) || slices.Contains(c.Test, m.Month) {
			in.Labels = append(in.Labels, m.Labels.Definition)
			in.Options = append(in.Options, m.Options)
		}
	}
	if c.Backtest {
		for _, m := range st.Manifest().Months {
			in.Backtest = append(in.Backtest, m.Month.String()+" "+m.SHA256)
		}
	}
	if lists != nil {
		for _, f := range lists.Stats() {
			in.Exports = append(in.Exports, f.SHA256)
		}
		slices.Sort(in.Exports)
		in.Exports = slices.Compact(in.Exports)
	}
	slices.Sort(in.Labels)
	in.Labels = slices.Compact(in.Labels)
	slices.Sort(in.Options)
	in.Options = slices.Compact(in.Options)
	return in
}

// rerun ends as the run that made the version did, and trains nothing.
func rerun(ctx context.Context, c *Config, st *featurestore.Store, reg *registry.Registry, v registry.Version, sink Sink) (Result, error) {
	ev, err := ReadEvaluation(v)
	if err != nil {
		return Result{}, err
	}
	sink(Event{Stage: &StageEvent{Name: "version", Summary: v.Name + " exists already: same rows, parameters and seed"}})
	return conclude(ctx, c, st, reg, v, ev, true, sink)
}

// conclude puts a version that passed in service, writes the feed of what is
// in service, and says how it came out.
func conclude(ctx context.Context, c *Config, st *featurestore.Store, reg *registry.Registry, v registry.Version, ev *evaluation.Evaluation, again bool, sink Sink) (Result, error) {
	res := Result{
		World: c.World, Version: v.Name, Rerun: again, Report: v.Path(registry.ReportHTMLFile),
		Gate: &GateResult{Passed: ev.Gate.Passed}, Main: ev.Main(), Verdict: report.Verdict(ev),
	}
	if !ev.Operating.Abstains {
		t := float64(ev.Operating.Threshold)
		res.Threshold = &t
	}
	for _, f := range ev.Gate.Failed() {
		res.Gate.Failed = append(res.Gate.Failed, f.Reason)
	}
	sendFigures(sink, ev.Main())
	champion, err := reg.Champion()
	if err != nil {
		return res, err
	}
	log, err := reg.Log()
	if err != nil {
		return res, err
	}
	// A version that was in service and was taken out again stays out; one that
	// a killed run did not get to put in is put in now.
	known := slices.ContainsFunc(log, func(e registry.Entry) bool { return e.Version == v.Name })
	install := (ev.Gate.Passed || c.Demonstration && c.World == featurestore.Simulated) && champion != v.Name && !known
	if install {
		champion = v.Name
	}
	res.Champion = champion
	if champion == "" {
		sink(Event{Warning: &WarningEvent{Message: "no feed: no version is in service yet, and this one was held back; train promote " + v.Name + " --force REASON puts it in service all the same"}})
		return res, nil
	}
	cv := v
	if champion != v.Name {
		if cv, err = reg.Get(champion); err != nil {
			return res, err
		}
	}
	var f *pendingFeed
	if !pseudonymised(st, sink) {
		if f, err = prepareFeed(ctx, *c, st, cv); err != nil {
			return res, err
		}
		defer f.writer.Discard()
	}
	if install {
		e := registry.Entry{At: time.Now().UTC(), Action: "promote", Version: v.Name, Who: c.Who, Reason: "every gate passed"}
		if !ev.Gate.Passed {
			e.Forced, e.Reason = true, "a demonstration on simulated months"
		}
		if err := reg.Promote(e); err != nil {
			return res, err
		}
	}
	if f != nil {
		res.Service, err = f.publish(sink)
	}
	return res, err
}

func sendFigures(sink Sink, s *evaluation.Split) {
	send := func(who, at string, p *evaluation.Point, auc evaluation.Float) {
		if p == nil {
			return
		}
		sink(Event{Figures: &FiguresEvent{
			Split: s.Name, Months: parseMonthNames(s.Months.Test), Who: who, At: at, Threshold: ptr(p.Threshold), Rows: s.Rows.Rows,
			Precision: ptr(p.Classes.True.Precision), Recall: ptr(p.Classes.True.Recall), F1: ptr(p.Classes.True.F1), ROCAUC: ptr(auc),
		}})
	}
	send("model", "half", &s.AtHalf, s.ROCAUC)
	send("model", "operating point", &s.OperatingPoint, s.ROCAUC)
	if s.Rules != nil {
		send("rules", "best f1", &s.Rules.AtHalf, evaluation.NaN())
		send("rules", "operating point", &s.Rules.OperatingPoint, evaluation.NaN())
	}
	if s.ListedBefore != nil {
		send("listed-before", "as listed", &s.ListedBefore.OperatingPoint, evaluation.NaN())
	}
}

func parseMonthNames(names []string) []row.Month {
	var out []row.Month
	for _, n := range names {
		if m, err := row.ParseMonth(n); err == nil {
			out = append(out, m)
		}
	}
	return out
}

func ptr(f evaluation.Float) *float64 {
	if !f.Defined() {
		return nil
	}
	v := float64(f)
	return &v
}

// program names what wrote a version, for its manifest.
func program() string {
	if b, ok := debug.ReadBuildInfo(); ok {
		for _, s := range b.Settings {
			if s.Key == "vcs.revision" {
				return "sluice " + s.Value
			}
		}
	}
	return "sluice"
}

// withoutThreads leaves out what changes no byte.
func withoutThreads(p gbtree.Params) gbtree.Params {
	p.NThread = 0
	return p
}

// monthNotes gathers what the store notes of months, each note once. It comes
// from the store and not from what this run happened to read, so that a run
// that found everything read already says the same.
func monthNotes(st *featurestore.Store, months []row.Month) []string {
	var notes []string
	in := map[string][]row.Month{}
	for _, m := range st.Manifest().Months {
		if !slices.Contains(months, m.Month) {
			continue
		}
		for _, n := range m.Notes {
			if in[n] == nil {
				notes = append(notes, n)
			}
			in[n] = append(in[n], m.Month)
		}
	}
	for i, n := range notes {
		if len(in[n]) < len(months) {
			notes[i] = n + " (" + monthSpan(in[n]) + ")"
		}
	}
	return notes
}
