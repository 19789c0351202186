package pipeline

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"

	"sluice/featurestore"
	"sluice/featurestore/fault"
	"sluice/featurestore/row"
	"sluice/train/evaluation"
	"sluice/train/report"
)

// Grid trains and tests on the splits of the published study, with the given
// parameters: each training month .8/.2, both together .8/.2, the first to the
// second, both to the third; and each random split once more by address, so
// that none is in train and test. months are in order of time; of more than
// three the last three are taken. It writes nothing.
func Grid(ctx context.Context, c Config, months []row.Month, sink Sink) ([]report.GridRow, error) {
	if len(months) < 2 {
		return nil, fault.Field(fault.Usage, "months", "the grid needs two months at least, three for the whole of it")
	}
	st, err := featurestore.Open(c.Home, featurestore.OpenOptions{ReadOnly: true, Context: ctx})
	if err != nil {
		return nil, err
	}
	defer st.Close()
	c.Train, c.Test = months, []row.Month{0}
	if err := c.check(); err != nil {
		return nil, err
	}
	return grid(ctx, &c, st, months[max(0, len(months)-3):], sink)
}

func grid(ctx context.Context, c *Config, st *featurestore.Store, months []row.Month, sink Sink) ([]report.GridRow, error) {
	ids := groupNumbers{}
	var tables []*table
	var have []string
	var rows [][]row.Row
	for _, m := range months {
		month, err := st.ReadMonth(m)
		if err != nil {
			return nil, err
		}
		t, err := newTable(month.Columns, month.Rows, c.Columns, ids, true)
		if err != nil {
			return nil, err
		}
		if p := t.positives(); p == 0 || p == t.len() {
			return nil, fault.Field(fault.Invalid, "months", "the %d labelled rows of %s are of one class: the grid needs both", t.len(), m)
		}
		if have != nil && !slices.Equal(have, month.Columns) {
			return nil, fault.Field(fault.Invalid, "months", "month %s has other columns than the months before it; build them alike", m)
		}
		have = month.Columns
		tables, rows = append(tables, t), append(rows, month.Rows)
	}
	first, second := months[0], months[1]
	both, err := newTable(have, append(append([]row.Row(nil), rows[0]...), rows[1]...), c.Columns, ids, true)
	if err != nil {
		return nil, err
	}
	g := &gridder{ctx: ctx, c: c, meter: newMeter(sink, "grid", "splits"), total: 7}
	if len(months) > 2 {
		g.total++
	}
	for _, s := range []struct {
		name string
		t    *table
	}{{first.String() + " .8/.2", tables[0]}, {second.String() + " .8/.2", tables[1]}, {first.String() + "+" + second.String() + " .8/.2", both}} {
		if err := g.random(s.name, s.t); err != nil {
			return nil, err
		}
	}
	if err := g.forward(first.String()+" → "+second.String(), tables[0], tables[1]); err != nil {
		return nil, err
	}
	if len(months) > 2 {
		if err := g.forward(fmt.Sprintf("%s+%s → %s", first, second, months[2]), both, tables[2]); err != nil {
			return nil, err
		}
	}
	return g.out, nil
}

type gridder struct {
	ctx   context.Context
	c     *Config
	meter *meter
	total int
	out   []report.GridRow
}

// random adds a split by row and the same by address.
func (g *gridder) random(name string, t *table) error {
	order := rand.New(rand.NewPCG(uint64(g.c.Seed), 0x67726964)).Perm(t.len())
	byRow := make([]bool, t.len())
	for _, i := range order[:t.len()/5] {
		byRow[i] = true
	}
	a, err := g.split(name, t, t, func(i int) bool { return byRow[i] })
	if err != nil {
		return err
	}
	fold, err := evaluation.GroupKFold(t.groups, t.labels, 5, uint64(g.c.Seed))
	if err != nil {
		return fault.Wrap(err, "splitting %s by address", name)
	}
	b, err := g.split(name, t, t, func(i int) bool { return fold[i] == 0 })
	if err != nil {
		return err
	}
	// Where no address has two rows the two splits differ by chance alone.
	repeats := distinct(t.groups) < t.len()
	g.out = append(g.out,
		report.GridRow{Name: name, Split: a, Leakage: float64(a.ROCAUC - b.ROCAUC), HasLeak: repeats},
		report.GridRow{Name: name, Split: b, Grouped: true})
	return nil
}

func (g *gridder) forward(name string, train, test *table) error {
	s, err := g.split(name, train, test, nil)
	g.out = append(g.out, report.GridRow{Name: name, Split: s})
	return err
}

// split trains on train and tests on test; with held, both are one table and
// the rows it holds are tested.
func (g *gridder) split(name string, train, test *table, held func(i int) bool) (evaluation.Split, error) {
	all := func(int) bool { return true }
	inTrain, inTest := all, all
	if held != nil {
		inTrain, inTest = func(i int) bool { return !held(i) }, held
	}
	x, y, at := train.subset(inTrain)
	_, pred, err := fit(g.ctx, g.c, g.c.Params, g.c.Rounds, train.names, x, y, nil)
	if err != nil {
		return evaluation.Split{}, err
	}
	tx, ty, tat := test.subset(inTest)
	prob := make([]float32, len(ty))
	pred.Probability(prob, tx, len(ty), g.c.Threads)
	known := map[int]bool{}
	for _, i := range at {
		known[train.groups[i]] = true
	}
	in := evaluation.Input{Name: name, Operating: evaluation.OperatingChoice{Threshold: evaluation.NaN(), Target: evaluation.Float(g.c.TargetPrecision), Abstains: true, ChosenOn: "not chosen: the grid is read at one half"}}
	for k, i := range tat {
		in.Labels = append(in.Labels, test.labels[i])
		in.Scores = append(in.Scores, float64(prob[k]))
		in.Groups = append(in.Groups, test.groups[i])
		in.RequestCount = append(in.RequestCount, test.requestCount[i])
		in.Seen = append(in.Seen, known[test.groups[i]])
	}
	s, err := evaluation.Evaluate(g.ctx, in, evaluation.Options{Seed: uint64(g.c.Seed), Draws: -1, Threads: g.c.Threads, Target: g.c.TargetPrecision})
	g.meter.at(int64(len(g.out)+1), int64(g.total), name)
	return s, err
}
