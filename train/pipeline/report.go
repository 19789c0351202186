package pipeline

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"sluice/featurestore"
	"sluice/featurestore/columns"
	"sluice/featurestore/fault"
	"sluice/featurestore/row"
	"sluice/featurestore/webrequest"
	"sluice/models/drift"
	"sluice/models/ensemble"
	"sluice/models/registry"
	"sluice/train/evaluation"
	"sluice/train/gbtree"
	"sluice/train/report"
)

func hourText(hour int64) string { return time.Unix(hour*3600, 0).UTC().Format("2006-01-02T15") }

// writeReport renders report and model card into the version.
func (w *work) writeReport(d *registry.Draft, ev *evaluation.Evaluation, modelBytes int) error {
	contrib := contributions(w.predictor, w.test, w.Threads)
	im, err := w.importances(contrib)
	if err != nil {
		return err
	}
	deepest, leaves := 0, 0
	for i := range w.model.Trees {
		depth, n := treeShape(&w.model.Trees[i])
		deepest, leaves = max(deepest, depth), leaves+n
	}
	var splits []report.GridRow
	if w.Grid && len(w.Train) > 1 {
		var missing []string
		if splits, missing, err = grid(w.ctx, w.Config, w.store, append(w.Train[len(w.Train)-2:len(w.Train):len(w.Train)], w.Test...)[:3], w.lists, w.sink); err != nil {
			return err
		}
		w.warnings = append(w.warnings, missing...)
	}
	errors, err := w.dossiers(probabilities(w.predictor, w.test, w.Threads), contrib)
	if err != nil {
		return err
	}
	traffic, signatures, err := w.reportTraffic()
	if err != nil {
		return err
	}
	in := report.Input{
		Version: w.version, Simulated: w.World == featurestore.Simulated, Evaluation: *ev,
		Model: report.Model{
			Kind: "gradient-boosted trees", Objective: w.model.Objective, Trees: len(w.model.Trees), MaxDepth: deepest, Leaves: leaves,
			Features: w.train.names, SchemaHash: columns.Hash(w.train.names), Bytes: int64(modelBytes), TrainMonths: monthNames(w.Train),
			TrainRows: w.train.len(), TrainIPs: distinct(w.train.groups), TrainTrue: w.train.positives(),
			Calibration: string(w.calibration.Kind), CalibrationOn: w.operating.ChosenOn, FormatVersion: "3.4.1",
		},
		Rules: &w.rules, Months: w.reportMonths(), Labels: w.reportLabels(), Importances: im,
		Dependence: w.dependences(contrib, im), Drift: w.drift, Errors: errors, Swarm: w.swarm(contrib, im),
		Config: w.settings(), Warnings: w.warnings, Grid: splits, Attacks: w.reportAttacks(), Traffic: traffic, Signatures: signatures,
		Paths: report.Paths{Home: "HOME", Registry: "registry/" + w.version, GRPC: "127.0.0.1:9090", HTTP: "127.0.0.1:8080", Flags: w.flags()},
	}
	out, err := report.Render(in)
	if err != nil {
		return err
	}
	for name, b := range map[string][]byte{registry.ReportHTMLFile: out.HTML, registry.ReportMDFile: out.Markdown, registry.CardFile: out.ModelCard} {
		if err := d.WriteFile(name, b); err != nil {
			return err
		}
	}
	return nil
}

func distinct(groups []int) int {
	g := slices.Clone(groups)
	slices.Sort(g)
	return len(slices.Compact(g))
}

// scoreColumn is the name of the score among the columns whose drift is
// measured.
const scoreColumn = "score"

// measureDrift holds months against the training rows: each training month,
// each that is tested, and with a backtest every month of the store. The
// score's reference is what training rows got out of fold.
func (w *work) measureDrift() error {
	p, err := drift.NewProfile(append(slices.Clone(w.train.names), scoreColumn), append(w.train.columnValues(), w.folds))
	if err != nil {
		return err
	}
	w.drift = drift.NewReport(p)
	add := func(name string, t *table, scores []float64) error {
		counted, err := p.Count(append(t.columnValues(), scores))
		if err != nil {
			return err
		}
		return w.drift.Add(name, p, counted)
	}
	test := monthSpan(w.Test)
	for _, m := range w.store.Manifest().Months {
		switch {
		case slices.Contains(w.Train, m.Month):
			t, scores := w.train.month(m.Month, w.folds)
			if err := add(m.Month.String(), t, scores); err != nil {
				return err
			}
		case m.Month == w.Test[0]:
			if err := add(test, w.test, probabilities(w.predictor, w.test, w.Threads)); err != nil {
				return err
			}
		case w.Backtest && !slices.Contains(w.Test, m.Month):
			have, rows, err := monthRows(w.Config, w.store, "months", []row.Month{m.Month}, w.lists, w.train.names)
			if err != nil {
				return err
			}
			// A month without labels drifts as well as any other.
			t, err := newTable(have, rows, w.train.names, groupNumbers{}, m.Labels.True+m.Labels.False > 0)
			if fault.Is(err, fault.Invalid) {
				w.warnings = append(w.warnings, fmt.Sprintf("no drift of %s: %s", m.Month, oneLine(err)))
				continue
			}
			if err != nil {
				return err
			}
			if err := add(m.Month.String(), t, probabilities(w.predictor, t, w.Threads)); err != nil {
				return err
			}
		}
	}
	return nil
}

// month is the rows of one month, with their part of scores.
func (t *table) month(m row.Month, scores []float64) (*table, []float64) {
	f := len(t.names)
	out := &table{names: t.names}
	var s []float64
	for i := range t.rows {
		if t.rows[i].Month == m {
			out.rows = append(out.rows, t.rows[i])
			out.x = append(out.x, t.x[i*f:(i+1)*f]...)
			s = append(s, scores[i])
		}
	}
	return out, s
}

// columnValues is the table column by column.
func (t *table) columnValues() [][]float64 {
	f := len(t.names)
	out := make([][]float64, f)
	for j := range out {
		out[j] = make([]float64, t.len())
		for i := range out[j] {
			out[j][i] = float64(t.x[i*f+j])
		}
	}
	return out
}

func (w *work) reportMonths() []report.Month {
	m := w.store.Manifest()
	var out []report.Month
	for _, mo := range m.Months {
		train, test := slices.Contains(w.Train, mo.Month), slices.Contains(w.Test, mo.Month)
		if !train && !test {
			continue
		}
		role := "train"
		if test {
			role = "test"
		}
		r := report.Month{
			Month: mo.Month.String(), Role: role, Rows: int(mo.Rows), Attacks: len(mo.Windows),
			True: int(mo.Labels.True), False: int(mo.Labels.False), Unknown: int(mo.Labels.Unknown),
			LabelAsOf: mo.Month.End(time.UTC).AddDate(0, 0, delayOf(mo.Labels.Definition)).Format(time.DateOnly),
		}
		for _, c := range mo.Missing {
			if !slices.Contains(w.train.names, c.Column) {
				continue // the model does not look at it
			}
			r.Missing = append(r.Missing, c.Column+": "+c.Reason)
		}
		for _, s := range m.Sources {
			if slices.ContainsFunc(s.Windows, func(sw featurestore.SourceWindow) bool { return sw.Month == mo.Month }) {
				r.Files++
				r.Lines += s.Lines
				for _, n := range s.Rejects {
					r.Rejected += n
				}
			}
		}
		r.Requests, r.IPs = w.monthCounts(mo.Month)
		r.Days = reportDays(w.store, mo.Month)
		out = append(out, r)
	}
	return out
}

// monthCounts sums the labelled and unlabelled rows of a month.
func (w *work) monthCounts(m row.Month) (requests int64, ips int) {
	month, err := w.store.ReadMonth(m)
	if err != nil {
		return 0, 0
	}
	ids := groupNumbers{}
	for i := range month.Rows {
		requests += int64(month.Rows[i].Values[columns.RequestCount])
		ids.of(month.Rows[i].IP)
	}
	return requests, len(ids)
}

func (w *work) reportLabels() report.Labels {
	l := report.Labels{Source: "AbuseIPDB"}
	l.Definition = w.definitions()
	defs := strings.Split(l.Definition, ", ")
	var delays []string
	for _, d := range defs {
		delays = append(delays, fmt.Sprintf("%d days after the end of the month", delayOf(d)))
	}
	l.Delay = strings.Join(slices.Compact(delays), ", ")
	if w.lists != nil {
		l.Definition += ": " + w.lists.Sentence()
	}
	return l
}

func (w *work) settings() []report.Setting {
	out := []report.Setting{
		{Name: "num_boost_round", Value: strconv.Itoa(w.rounds)},
		{Name: "seed", Value: strconv.FormatInt(w.Seed, 10)},
	}
	return append(append(out, settingsOf(w.Aim)...), settingsOf(w.params)...)
}

// settingsOf are the fields of a struct's JSON, by name; the seed stands apart.
func settingsOf(v any) (out []report.Setting) {
	b, err := json.Marshal(v)
	var m map[string]json.RawMessage
	if err != nil || json.Unmarshal(b, &m) != nil {
		return nil
	}
	for _, name := range slices.Sorted(maps.Keys(m)) {
		if name != "seed" {
			out = append(out, report.Setting{Name: name, Value: strings.Trim(string(m[name]), `"`)})
		}
	}
	return out
}

// treeShape is the depth of a tree in splits and its number of leaves.
func treeShape(t *ensemble.Tree) (depth, leaves int) {
	type at struct {
		node  int32
		depth int
	}
	for stack := []at{{0, 0}}; len(stack) > 0; {
		n := stack[len(stack)-1]
		stack = stack[:len(stack)-1]
		if t.LeftChildren[n.node] < 0 {
			depth, leaves = max(depth, n.depth), leaves+1
			continue
		}
		stack = append(stack, at{t.LeftChildren[n.node], n.depth + 1}, at{t.RightChildren[n.node], n.depth + 1})
	}
	return depth, leaves
}

// reportAttacks are the windows of the months at hand, and how many of their
// addresses are reported.
func (w *work) reportAttacks() []report.Attack {
	type count struct {
		requests   int64
		ips        int
		yes, known int
	}
	counts := map[row.Key]*count{}
	for _, m := range slices.Concat(w.Train, w.Test) {
		_ = w.store.ScanMonth(m, false, func(r *row.Row) error {
			k := row.Key{Month: r.Month, Attack: r.Attack}
			c := counts[k]
			if c == nil {
				c = &count{}
				counts[k] = c
			}
			c.requests += int64(r.Values[columns.RequestCount])
			c.ips++
			if r.Label != row.Unknown {
				c.known++
			}
			if r.Label == row.True {
				c.yes++
			}
			return nil
		})
	}
	var out []report.Attack
	for _, mo := range w.store.Manifest().Months {
		for _, mw := range mo.Windows {
			c := counts[row.Key{Month: mo.Month, Attack: mw.Attack}]
			if c == nil || mw.Attack == mo.Month.String() {
				continue
			}
			out = append(out, report.Attack{
				ID: mw.Attack, Month: mo.Month.String(), Start: time.Unix(mw.Start, 0).UTC().Format(time.RFC3339), End: time.Unix(mw.End, 0).UTC().Format(time.RFC3339),
				Requests: c.requests, IPs: c.ips, True: c.yes, Known: c.known,
			})
		}
	}
	return out
}

// flags are what train run needs beyond logs, labels and months to make such a
// version again; files are named by what they are, not by where they lie.
func (w *work) flags() string {
	var b strings.Builder
	add := func(when bool, format string, args ...any) {
		if when {
			fmt.Fprintf(&b, " "+format, args...)
		}
	}
	windows := false
	for _, mo := range w.store.Manifest().Months {
		for _, mw := range mo.Windows {
			windows = windows || mw.Attack != mo.Month.String()
		}
	}
	add(w.World == featurestore.Simulated, "--simulated")
	add(w.Web.Profile == webrequest.Wikimedia, "--profile wikimedia")
	add(windows, "--attacks ATTACKS.csv")
	add(w.Zone != nil && w.Zone != time.UTC, "--zone %s", w.Zone)
	add(!slices.Equal(w.Columns, columns.Names()), "--columns %s", strings.Join(w.Columns, ","))
	add(w.Params.Fingerprint() != gbtree.DefaultParams().Fingerprint() || w.Rounds != DefaultRounds, "--params PARAMS.json")
	add(w.Tune, "--tune")
	add(w.Seed != 0, "--seed %d", w.Seed)
	add(w.Review, "--review")
	add(w.Aim.Flags() != "", "%s", w.Aim.Flags())
	return b.String()
}
