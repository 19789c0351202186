package pipeline

import (
	"context"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"

	"sluice/featurestore"
	"sluice/featurestore/fault"
	"sluice/featurestore/reputation"
	"sluice/featurestore/row"
	"sluice/train/evaluation"
	"sluice/train/report"
)

// gridDraws is how often a random split is drawn. The draws are the five parts
// of one cut into fifths, so each trains on .8 and tests on .2, and each row is
// tested once.
const gridDraws = 5

// Grid trains and tests on the splits of the published study, with the given
// parameters: each training month .8/.2, both together .8/.2, the first to the
// second, both to the third; and each random split once more by address, so
// that none is in train and test. months are in order of time; of more than
// three the last three are taken. A split whose months can't be had is left
// out and its reason returned; it is an error where none is left. It writes
// nothing.
func Grid(ctx context.Context, c Config, months []row.Month, sink Sink) (rows []report.GridRow, missing []string, err error) {
	if len(months) < 2 {
		return nil, nil, fault.Field(fault.Usage, "months", "the grid needs two months at least, three for the whole of it")
	}
	st, err := featurestore.Open(c.Home, featurestore.OpenOptions{ReadOnly: true, Context: ctx})
	if err != nil {
		return nil, nil, err
	}
	defer st.Close()
	c.Train, c.Test = months, []row.Month{0}
	if err := c.check(); err != nil {
		return nil, nil, err
	}
	lists, err := openLabels(ctx, &c, sink)
	if err != nil {
		return nil, nil, err
	}
	rows, missing, err = grid(ctx, &c, st, months[max(0, len(months)-3):], lists, sink)
	if err == nil && len(rows) == 0 {
		return nil, nil, fault.Field(fault.Invalid, "months", "no split of the grid can be made: %s", missing[0])
	}
	for _, m := range missing {
		sink(Event{Warning: &WarningEvent{Message: m}})
	}
	return rows, missing, err
}

func grid(ctx context.Context, c *Config, st *featurestore.Store, months []row.Month, lists *reputation.Set, sink Sink) (rows []report.GridRow, missing []string, err error) {
	ids := groupNumbers{}
	tables := map[string]*table{}
	// read keeps the table of some months under their name; a month that can't
	// be had is said once.
	read := func(ms ...row.Month) error {
		for _, m := range ms {
			if len(ms) > 1 && tables[m.String()] == nil {
				return nil
			}
		}
		t, err := readTable(c, st, "months", ms, c.Columns, lists, ids)
		if err == nil {
			if p := t.positives(); p == 0 || p == t.len() {
				err = fault.New(fault.Invalid, "its %d labelled rows are of one class", t.len())
			}
		}
		if fault.Is(err, fault.Invalid) || fault.Is(err, fault.NotFound) {
			missing = append(missing, fmt.Sprintf("grid: splits with %s are left out: %s", monthSpan(ms), oneLine(err)))
			return nil
		}
		if err == nil {
			tables[monthSpan(ms)] = t
		}
		return err
	}
	for _, m := range months {
		if err := read(m); err != nil {
			return nil, nil, err
		}
	}
	first, second := months[0], months[1]
	if err := read(first, second); err != nil {
		return nil, nil, err
	}
	a, b, both := tables[first.String()], tables[second.String()], tables[monthSpan(months[:2])]
	g := &gridder{ctx: ctx, c: c, meter: newMeter(sink, "grid", "models"), total: 6*gridDraws + 2}
	for _, s := range []struct {
		name string
		t    *table
	}{{first.String() + " .8/.2", a}, {second.String() + " .8/.2", b}, {first.String() + "+" + second.String() + " .8/.2", both}} {
		if s.t == nil {
			continue
		}
		if err := g.random(s.name, s.t); err != nil {
			return nil, nil, err
		}
	}
	if a != nil && b != nil {
		if err := g.forward(first.String()+" → "+second.String(), a, b); err != nil {
			return nil, nil, err
		}
	}
	if len(months) > 2 {
		if third := tables[months[2].String()]; both != nil && third != nil {
			if err := g.forward(fmt.Sprintf("%s+%s → %s", first, second, months[2]), both, third); err != nil {
				return nil, nil, err
			}
		}
	}
	return g.out, missing, nil
}

type gridder struct {
	ctx         context.Context
	c           *Config
	meter       *meter
	done, total int
	out         []report.GridRow
}

// random adds the draws by row and the same by address.
func (g *gridder) random(name string, t *table) error {
	byRow := make([]int, t.len())
	for k, i := range rand.New(rand.NewPCG(uint64(g.c.Seed), 0x67726964)).Perm(t.len()) {
		byRow[i] = k * gridDraws / t.len()
	}
	a, rowScores, err := g.draws(name, t, byRow)
	if err != nil {
		return err
	}
	byAddress, err := evaluation.GroupKFold(t.groups, t.labels, gridDraws, uint64(g.c.Seed))
	if err != nil {
		return fault.Wrap(err, "splitting %s by address", name)
	}
	b, addressScores, err := g.draws(name, t, byAddress)
	if err != nil {
		return err
	}
	b.Grouped = true
	// Where no address has two rows the two splits differ by chance alone.
	if distinct(t.groups) < t.len() {
		part := func(scores []float64) []evaluation.PartInput {
			return []evaluation.PartInput{part(evaluation.PartAll, t, scores, make([]bool, t.len()), func(int) bool { return true })}
		}
		got, err := evaluation.MeasureParts(g.ctx, [][]evaluation.PartInput{part(addressScores), part(rowScores)}, true, evaluation.Options{Seed: uint64(g.c.Seed), Threads: g.c.Threads})
		if err != nil {
			return err
		}
		gain := got[1][0].ROCAUCGain
		a.HasLeak, a.Leakage, a.LeakLow, a.LeakHigh = true, float64(gain.Estimate), float64(gain.Low), float64(gain.High)
	}
	g.out = append(g.out, a, b)
	return nil
}

// draws trains once for each part of the rows and tests on that part; scores
// are of every row, by the model that did not see it.
func (g *gridder) draws(name string, t *table, fold []int) (r report.GridRow, scores []float64, err error) {
	scores = make([]float64, t.len())
	r = report.GridRow{Name: name, Draws: gridDraws, Least: math.Inf(1), Great: math.Inf(-1)}
	n := 0
	for k := range gridDraws {
		held := func(i int) bool { return fold[i] == k }
		s, prob, at, err := g.split(name, t, t, held)
		if err != nil {
			return r, nil, err
		}
		if k == 0 {
			r.Split = s
		}
		for j, i := range at {
			scores[i] = prob[j]
		}
		if s.ROCAUC.Defined() {
			n++
			r.Mean += float64(s.ROCAUC)
			r.Least, r.Great = min(r.Least, float64(s.ROCAUC)), max(r.Great, float64(s.ROCAUC))
		}
	}
	r.Mean /= float64(n)
	return r, scores, nil
}

func (g *gridder) forward(name string, train, test *table) error {
	s, _, _, err := g.split(name, train, test, nil)
	g.out = append(g.out, report.GridRow{Name: name, Split: s})
	return err
}

// split trains on train and tests on test; with held, both are one table and
// the rows it holds are tested. It returns the tested rows' raw probabilities
// and their places in test too.
func (g *gridder) split(name string, train, test *table, held func(i int) bool) (s evaluation.Split, scores []float64, at []int, err error) {
	all := func(int) bool { return true }
	inTrain, inTest := all, all
	if held != nil {
		inTrain, inTest = func(i int) bool { return !held(i) }, held
	}
	x, y, trained := train.subset(inTrain)
	_, pred, err := fit(g.ctx, g.c, g.c.Params, g.c.Rounds, train.names, x, y, nil)
	if err != nil {
		return s, nil, nil, err
	}
	tx, ty, at := test.subset(inTest)
	prob := make([]float32, len(ty))
	pred.Probability(prob, tx, len(ty), g.c.Threads)
	known := map[int]bool{}
	for _, i := range trained {
		known[train.groups[i]] = true
	}
	in := evaluation.Input{Name: name, Operating: evaluation.OperatingChoice{Threshold: evaluation.NaN(), Target: evaluation.NaN(), Abstains: true, ChosenOn: "not chosen: the grid is read at one half"}}
	for k, i := range at {
		in.Labels = append(in.Labels, test.labels[i])
		in.Scores = append(in.Scores, float64(prob[k]))
		in.Groups = append(in.Groups, test.groups[i])
		in.RequestCount = append(in.RequestCount, test.requestCount[i])
		in.Seen = append(in.Seen, known[test.groups[i]])
	}
	s, err = evaluation.Evaluate(g.ctx, in, evaluation.Options{Seed: uint64(g.c.Seed), Draws: -1, Threads: g.c.Threads, Aim: g.c.Aim})
	g.done++
	g.meter.at(int64(g.done), int64(g.total), name)
	return s, slices.Clone(in.Scores), at, err
}
